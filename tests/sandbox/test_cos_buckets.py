"""Buckets and their settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET, cos_client

NEW = "new-1250000000"
RULE = {
    "ID": "claims",
    "Filter": {"Prefix": "liveness/ledger/claims/"},
    "Status": "Enabled",
    "Expiration": {"Days": "30"},
}


def refused(call: Any, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(CosServiceError) as caught:
        call(*arguments)
    return caught.value.get_status_code(), caught.value.get_error_code()


def test_a_bucket_can_be_created_used_and_deleted(cos: CosS3Client) -> None:
    assert not cos.bucket_exists(NEW)

    cos.create_bucket(NEW)
    assert cos.bucket_exists(NEW)
    assert cos.head_bucket(NEW)["x-cos-bucket-region"] == "ap-singapore"
    assert cos.get_bucket_location(NEW)["LocationConstraint"] == "ap-singapore"

    cos.put_object(NEW, b"", "a")
    assert refused(cos.delete_bucket, NEW) == (409, "BucketNotEmpty")

    cos.delete_object(NEW, "a")
    upload = cos.create_multipart_upload(NEW, "a")["UploadId"]
    assert refused(cos.delete_bucket, NEW) == (409, "BucketNotEmpty"), (
        "an upload in progress counts"
    )

    cos.abort_multipart_upload(NEW, "a", upload)
    cos.delete_bucket(NEW)
    assert not cos.bucket_exists(NEW)
    assert refused(cos.delete_bucket, NEW) == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    "name",
    [
        "a_b-1250000000",
        "no-appid",
        "a--b-1250000000",
        "-1250000000",
        "a.b-1250000000",
        "a..b-1250000000",
    ],
)
def test_an_invalid_name_is_reported_for_every_request(
    sandbox: Sandbox, http: requests.Session, name: str
) -> None:
    for method in ("GET", "PUT"):
        reply = http.request(method, f"http://{name}.cos.ap-singapore.myqcloud.com/a")
        assert (reply.status_code, "<Code>InvalidBucketName</Code>" in reply.text) == (400, True)


@pytest.mark.parametrize("host", [f"{BUCKET}.cos.accelerate", "cos.accelerate"])
def test_acceleration_is_refused_as_not_served(http: requests.Session, host: str) -> None:
    reply = http.get(f"http://{host}.myqcloud.com/")
    assert (reply.status_code, "acceleration" in reply.text) == (405, True)


def test_taken_and_invalid_bucket_names_are_rejected(sandbox: Sandbox, cos: CosS3Client) -> None:
    assert refused(cos.create_bucket, BUCKET) == (409, "BucketAlreadyOwnedByYou")

    elsewhere = cos_client(sandbox, Region="ap-hongkong")
    assert refused(elsewhere.create_bucket, BUCKET) == (409, "BucketAlreadyOwnedByYou")
    assert refused(cos.create_bucket, "mine-1250000001") == (403, "AccessDenied")
    assert refused(cos.create_bucket, "a--b-1250000000") == (400, "InvalidBucketName")
    assert refused(cos.create_bucket, f"{'x' * 60}-1250000000") == (400, "InvalidBucketName")


def test_all_buckets_of_all_regions_are_listed(sandbox: Sandbox, cos: CosS3Client) -> None:
    far = cos_client(sandbox, Region="ap-hongkong")
    far.create_bucket(NEW)
    everywhere = cos_client(sandbox, ServiceDomain="service.cos.myqcloud.com").list_buckets()

    listed = everywhere["Buckets"]["Bucket"]

    assert [(each["Name"], each["Location"]) for each in listed] == [
        (BUCKET, "ap-singapore"),
        (NEW, "ap-hongkong"),
    ]
    assert listed[0]["CreationDate"]
    [only] = far.list_buckets(Region="ap-hongkong")["Buckets"]["Bucket"]
    assert only["Name"] == NEW


def test_listing_all_buckets_requires_a_signature(http: requests.Session) -> None:
    reply = http.get("http://service.cos.myqcloud.com/")

    assert (reply.status_code, "AccessDenied" in reply.text) == (403, True)
    assert http.get(f"http://service.cos.myqcloud.com/{BUCKET}").status_code == 403


def test_versioning_can_be_suspended_but_not_removed(cos: CosS3Client) -> None:
    only = {"Metadata": {"x-cos-forbid-overwrite": "true"}}
    assert "Status" not in (cos.get_bucket_versioning(BUCKET) or {})
    assert "x-cos-version-id" not in cos.put_object(BUCKET, b"first", "a", **only)

    cos.put_bucket_versioning(BUCKET, "Enabled")
    assert cos.get_bucket_versioning(BUCKET)["Status"] == "Enabled"

    put = cos.put_object(
        BUCKET, b"second", "a", **only
    )  # the trap: create-only no longer has an effect
    assert put["x-cos-version-id"] == cos.head_object(BUCKET, "a")["x-cos-version-id"]

    cos.put_bucket_versioning(BUCKET, "Suspended")
    assert cos.put_object(BUCKET, b"third", "a", **only)["x-cos-version-id"] == "null"


def test_an_invalid_versioning_status_is_rejected(cos: CosS3Client, http: requests.Session) -> None:
    url = cos.get_presigned_url(BUCKET, "/", "PUT", Params={"versioning": ""})
    for body in ("<VersioningConfiguration/>", "<Other/>", "not XML"):
        reply = http.put(url, data=body)
        assert (reply.status_code, "<Code>MalformedXML</Code>" in reply.text) == (400, True)


def test_lifecycle_rules_are_stored_until_deleted(cos: CosS3Client) -> None:
    assert refused(cos.get_bucket_lifecycle, BUCKET) == (404, "NoSuchLifecycleConfiguration")

    cos.put_bucket_lifecycle(BUCKET, {"Rule": [RULE]})
    assert cos.get_bucket_lifecycle(BUCKET)["Rule"] == [RULE]
    assert refused(cos.put_bucket_lifecycle, BUCKET, {"Nothing": "1"}) == (400, "MalformedXML")

    cos.delete_bucket_lifecycle(BUCKET)
    assert refused(cos.delete_bucket_lifecycle, BUCKET) == (404, "NoSuchLifecycleConfiguration")
    assert refused(cos.get_bucket_lifecycle, BUCKET) == (404, "NoSuchLifecycleConfiguration")


def test_an_unimplemented_setting_changes_nothing(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"body")

    assert refused(cos.get_bucket_referer, BUCKET) == (405, "MethodNotAllowed")
    assert refused(cos.put_symlink, BUCKET, "b", "a") == (405, "MethodNotAllowed")
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"body"


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as before:
        cos = cos_client(before)
        cos.create_bucket(BUCKET)
        cos.create_bucket(NEW)
        cos.put_bucket_versioning(BUCKET, "Suspended")
        cos.put_bucket_lifecycle(BUCKET, {"Rule": [RULE]})
        cos.put_object(
            BUCKET, b"body", "a", StorageClass="ARCHIVE", Metadata={"x-cos-tagging": "kind=live"}
        )
        cos.restore_object(BUCKET, "a", {"Days": 1})
        before_restart = cos.head_object(BUCKET, "a")
        cos.delete_bucket(NEW)
    with Sandbox(data=tmp_path) as after:
        cos = cos_client(after)
        [bucket] = cos.list_buckets()["Buckets"]["Bucket"]
        assert bucket["Name"] == BUCKET
        assert cos.get_bucket_versioning(BUCKET)["Status"] == "Suspended"
        assert cos.get_bucket_lifecycle(BUCKET)["Rule"] == [RULE]
        after_restart = cos.head_object(BUCKET, "a")
        varying = {"Date", "x-cos-request-id", "x-cos-trace-id"}
        assert {name: after_restart[name] for name in after_restart if name not in varying} == {
            name: before_restart[name] for name in before_restart if name not in varying
        }
        assert cos.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"body"


def test_a_data_directory_of_the_first_release_can_be_read(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path) as before:
        before.create_bucket(BUCKET).put("a", b"body")
    later = {"lifecycle", "created", "tags", "restored_until", "crc64"}
    for path in tmp_path.glob("buckets/**/*.json"):
        record = json.loads(path.read_text())
        for each in (record, record.get("blob", {})):
            for name in later & each.keys():
                del each[name]
        path.write_text(json.dumps(record))

    with Sandbox(data=tmp_path) as after:
        cos = cos_client(after)
        assert cos.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"body"
        assert "x-cos-hash-crc64ecma" not in cos.head_object(BUCKET, "a")
