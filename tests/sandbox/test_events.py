"""Trigger messages: their format, and when they are sent."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from qcloud_cos import CosS3Client

from liveness_sandbox import Bucket, CosTrigger, DeployOptions, Function, Sandbox, TimerTrigger

from .clients import BUCKET
from .test_cos_signature import signed_form

ECHO = "def main_handler(event, context):\n    return event\n"

# All fields of a message that a real bucket sent in 2022, without their values.
OBSERVED_FIELDS = {
    "Records.cos.cosBucket.appid",
    "Records.cos.cosBucket.cosRegion",
    "Records.cos.cosBucket.name",
    "Records.cos.cosBucket.region",
    "Records.cos.cosBucket.s3Region",
    "Records.cos.cosNotificationId",
    "Records.cos.cosObject.key",
    "Records.cos.cosObject.meta.Content-Type",
    "Records.cos.cosObject.meta.ETag",
    "Records.cos.cosObject.meta.x-cos-request-id",
    "Records.cos.cosObject.meta.x-cos-storage-class",
    "Records.cos.cosObject.size",
    "Records.cos.cosObject.url",
    "Records.cos.cosObject.vid",
    "Records.cos.cosSchemaVersion",
    "Records.event.eventName",
    "Records.event.eventQueue",
    "Records.event.eventSource",
    "Records.event.eventTime",
    "Records.event.eventVersion",
    "Records.event.reqid",
    "Records.event.requestParameters.requestHeaders.Authorization",
    "Records.event.requestParameters.requestSourceIP",
    "Records.event.reservedInfo",
}


def fields(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return set().union(
            *(fields(each, f"{path}.{name}".lstrip(".")) for name, each in value.items())
        )
    if isinstance(value, list):
        return set().union(*(fields(each, path) for each in value))
    return {path}


@pytest.fixture
def echo(sandbox: Sandbox, tmp_path: Path) -> Function:
    (tmp_path / "index.py").write_text(ECHO)
    options = DeployOptions(
        triggers=[CosTrigger(BUCKET, prefix="in/"), TimerTrigger("minute", "drain")]
    )
    return sandbox.deploy("liveness", tmp_path, options)


def received(sandbox: Sandbox, function: Function) -> list[dict[str, Any]]:
    sandbox.wait_idle()
    return [invocation.event for invocation in function.invocations]


def test_a_message_has_the_fields_of_an_observed_message(sandbox: Sandbox, bucket: Bucket) -> None:
    bucket.put("in/a", b"body")
    assert fields(sandbox.trigger_event(BUCKET, "in/a")) == OBSERVED_FIELDS


def test_the_message_describes_the_upload(
    sandbox: Sandbox, echo: Function, cos: CosS3Client
) -> None:
    key = "in/人 a+b%25.bin"
    put = cos.put_object(
        BUCKET, b"body", key, ContentType="text/plain", Metadata={"x-cos-meta-who": "me"}
    )
    [event] = received(sandbox, echo)
    [record] = event["Records"]
    message = record["cos"]["cosObject"]
    assert message["key"] == f"/1250000000/faces/{key}"

    url = urlsplit(message["url"])
    assert (url.hostname, unquote(url.path)) == (
        f"{BUCKET}.cos.ap-singapore.myqcloud.com",
        f"/{key}",
    )
    assert url.path.isascii() and " " not in url.path
    assert message["size"] == 4
    assert message["meta"] == {
        "Content-Type": "text/plain",
        "ETag": put["ETag"],
        "x-cos-meta-who": "me",
        "x-cos-request-id": put["x-cos-request-id"],
        "x-cos-storage-class": "Standard",
    }
    assert record["cos"]["cosBucket"] == {
        "appid": "1250000000",
        "cosRegion": "ap-singapore",
        "name": "faces",
        "region": "sgp",
        "s3Region": "ap-singapore",
    }
    assert record["event"]["eventName"] == "cos:ObjectCreated:Put"

    authorization = record["event"]["requestParameters"]["requestHeaders"]["Authorization"]
    assert authorization == sandbox.requests[-1].headers["authorization"], (
        "the uploader's signature, as on the platform"
    )


def test_every_kind_of_creation_has_its_event_name(
    sandbox: Sandbox, echo: Function, cos: CosS3Client, http: requests.Session
) -> None:
    cos.put_object(BUCKET, b"", "in/put")
    cos.append_object(BUCKET, "in/append", 0, b"x")
    cos.copy_object(
        BUCKET, "in/copy", {"Bucket": BUCKET, "Key": "in/put", "Region": sandbox.region}
    )
    upload = cos.create_multipart_upload(BUCKET, "in/multipart")["UploadId"]
    etag = cos.upload_part(BUCKET, "in/multipart", b"x", 1, upload)["ETag"]
    cos.complete_multipart_upload(
        BUCKET, "in/multipart", upload, {"Part": [{"PartNumber": 1, "ETag": etag}]}
    )
    form = signed_form(
        sandbox.credentials, {"expiration": "2999-01-01T00:00:00Z", "conditions": []}
    )
    http.post(
        f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/",
        data={"key": "in/post", **form},
        files={"file": b"x"},
    )

    kinds = {
        event["Records"][0]["cos"]["cosObject"]["key"].rpartition("/")[2]: event["Records"][0][
            "event"
        ]["eventName"]
        for event in received(sandbox, echo)
    }

    assert kinds == {
        "put": "cos:ObjectCreated:Put",
        "append": "cos:ObjectCreated:Append",
        "copy": "cos:ObjectCreated:Copy",
        "multipart": "cos:ObjectCreated:CompleteMultipartUpload",
        "post": "cos:ObjectCreated:Post",
    }


def test_only_matching_uploads_trigger_the_function(
    sandbox: Sandbox, tmp_path: Path, cos: CosS3Client
) -> None:
    (tmp_path / "index.py").write_text(ECHO)
    sandbox.create_bucket("other-1250000000")
    trigger = CosTrigger(BUCKET, prefix="in/", suffix=".jpg", events=("cos:ObjectCreated:Put",))
    function = sandbox.deploy("picky", tmp_path, DeployOptions(triggers=[trigger]))
    cos.put_object(BUCKET, b"", "in/yes.jpg")
    cos.put_object(BUCKET, b"", "in/no.png")
    cos.put_object(BUCKET, b"", "out/no.jpg")
    cos.put_object("other-1250000000", b"", "in/no.jpg")
    cos.append_object(BUCKET, "in/no.jpg", 0, b"")

    cos.delete_object(BUCKET, "in/yes.jpg")

    [event] = received(sandbox, function)
    assert event["Records"][0]["cos"]["cosObject"]["key"].endswith("in/yes.jpg")


def test_a_failed_upload_sends_no_message(
    sandbox: Sandbox, echo: Function, cos: CosS3Client
) -> None:
    with pytest.raises(Exception, match="BadDigest"):
        cos.put_object(BUCKET, b"", "in/a", ContentMD5=base64.b64encode(b"0" * 16).decode())
    assert received(sandbox, echo) == []


def test_direct_puts_send_no_message_unless_requested(
    sandbox: Sandbox, echo: Function, bucket: Bucket
) -> None:
    bucket.put("in/silent", b"")
    bucket.put("in/loud", b"", notify=True)

    [event] = received(sandbox, echo)
    assert event["Records"][0]["cos"]["cosObject"]["key"].endswith("in/loud")


def test_a_timer_message_has_the_documented_fields(sandbox: Sandbox, echo: Function) -> None:
    echo.fire_timer("minute")

    [event] = received(sandbox, echo)
    assert event == {
        "Type": "Timer",
        "TriggerName": "minute",
        "Time": event["Time"],
        "Message": "drain",
    }

    with pytest.raises(KeyError):
        echo.fire_timer("hour")


def test_messages_are_plain_json(sandbox: Sandbox, bucket: Bucket) -> None:
    bucket.put("in/a", b"")
    event = sandbox.trigger_event(bucket, "in/a", kind="Copy")

    assert json.loads(json.dumps(event)) == event
    assert event["Records"][0]["event"]["eventName"] == "cos:ObjectCreated:Copy"
