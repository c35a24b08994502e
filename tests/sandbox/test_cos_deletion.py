"""Deleting one object, and many at once."""

from __future__ import annotations

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET

VERSIONED = "old-1250000000"


def named(*keys: str, quiet: str = "false") -> dict[str, object]:
    return {"Quiet": quiet, "Object": [{"Key": key} for key in keys]}


def test_many_at_once(cos: CosS3Client, bucket: Bucket) -> None:
    keys = ["a", "b c+d/人", "<&>"]
    for key in [*keys, "stays"]:
        bucket.put(key, b"")
    done = cos.delete_objects(BUCKET, named(*keys, "never was"))
    assert [each["Key"] for each in done["Deleted"]] == [*keys, "never was"]
    assert "Error" not in done
    assert bucket.keys() == ["stays"]


def test_quiet_tells_of_errors_only(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"")
    bucket.put("b", b"")
    order = {"Quiet": "true", "Object": [{"Key": "a"}, {"Key": "b", "VersionId": "of old"}]}
    done = cos.delete_objects(BUCKET, order)
    assert "Deleted" not in done
    [error] = done["Error"]
    assert (error["Key"], error["Code"]) == ("b", "NoSuchVersion")
    assert bucket.keys() == ["b"]


def test_at_most_a_thousand(cos: CosS3Client, bucket: Bucket) -> None:
    keys = [f"{number:04d}" for number in range(1001)]
    for key in keys:
        bucket.put(key, b"")
    with pytest.raises(CosServiceError, match="MalformedXML"):
        cos.delete_objects(BUCKET, named(*keys))
    cos.delete_objects(BUCKET, named(*keys[:1000], quiet="true"))
    assert bucket.keys() == keys[1000:]


def test_the_order_must_be_whole(cos: CosS3Client, http: requests.Session, bucket: Bucket) -> None:
    bucket.put("a", b"")
    url = cos.get_presigned_url(BUCKET, "/", "POST", Params={"delete": ""})
    order = "<Delete><Object><Key>a</Key></Object></Delete>"
    for body, md5, code in [
        (order, None, "InvalidRequest"),
        (order, "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        (order, "short", "InvalidDigest"),
        ("", "1B2M2Y8AsgTpgAmY7PhCfg==", "MalformedXML"),
    ]:
        reply = http.post(url, data=body, headers={"Content-MD5": md5} if md5 else {})
        assert (reply.status_code, f"<Code>{code}</Code>" in reply.text) == (400, True)
    assert bucket.keys() == ["a"]


def test_a_versioned_bucket_keeps_a_delete_marker(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.create_bucket(VERSIONED, versioning="Enabled")
    cos.put_object(VERSIONED, b"", "a")
    gone = cos.delete_object(VERSIONED, "a")
    assert gone["x-cos-delete-marker"] == "true" and gone["x-cos-version-id"]
    with pytest.raises(CosServiceError, match="NoSuchKey"):
        cos.get_object(VERSIONED, "a")
    cos.put_object(VERSIONED, b"", "a")
    [deleted] = cos.delete_objects(VERSIONED, named("a"))["Deleted"]
    assert deleted["DeleteMarker"] == "true" and deleted["DeleteMarkerVersionId"]


def test_a_version_is_deleted_for_good(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.create_bucket(VERSIONED, versioning="Enabled")
    version = cos.put_object(VERSIONED, b"", "a")["x-cos-version-id"]
    with pytest.raises(CosServiceError, match="NoSuchVersion"):
        cos.delete_object(VERSIONED, "a", VersionId="another")
    gone = cos.delete_object(VERSIONED, "a", VersionId=version)
    assert gone["x-cos-version-id"] == version and "x-cos-delete-marker" not in gone
    assert sandbox.bucket(VERSIONED).keys() == []
