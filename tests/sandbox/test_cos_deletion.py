"""Deleting objects, one or many at once."""

from __future__ import annotations

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET

VERSIONED = "old-1250000000"


def deletion_of(*keys: str, quiet: str = "false") -> dict[str, object]:
    return {"Quiet": quiet, "Object": [{"Key": key} for key in keys]}


def test_many_objects_are_deleted_at_once(cos: CosS3Client, bucket: Bucket) -> None:
    keys = ["a", "b c+d/人", "<&>"]
    for key in [*keys, "remains"]:
        bucket.put(key, b"")

    reply = cos.delete_objects(BUCKET, deletion_of(*keys, "never existed"))

    assert [each["Key"] for each in reply["Deleted"]] == [*keys, "never existed"]
    assert "Error" not in reply
    assert bucket.keys() == ["remains"]


def test_a_quiet_deletion_reports_only_errors(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"")
    bucket.put("b", b"")
    request = {"Quiet": "true", "Object": [{"Key": "a"}, {"Key": "b", "VersionId": "old"}]}

    reply = cos.delete_objects(BUCKET, request)

    assert "Deleted" not in reply
    [error] = reply["Error"]
    assert (error["Key"], error["Code"]) == ("b", "NoSuchVersion")
    assert bucket.keys() == ["b"]


def test_at_most_a_thousand_objects_are_deleted_at_once(cos: CosS3Client, bucket: Bucket) -> None:
    keys = [f"{number:04d}" for number in range(1001)]
    for key in keys:
        bucket.put(key, b"")

    with pytest.raises(CosServiceError, match="MalformedXML"):
        cos.delete_objects(BUCKET, deletion_of(*keys))

    cos.delete_objects(BUCKET, deletion_of(*keys[:1000], quiet="true"))
    assert bucket.keys() == keys[1000:]


def test_an_incomplete_deletion_request_is_rejected(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"")
    url = cos.get_presigned_url(BUCKET, "/", "POST", Params={"delete": ""})
    request = "<Delete><Object><Key>a</Key></Object></Delete>"

    for body, md5, code in [
        (request, None, "InvalidRequest"),
        (request, "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        (request, "short", "InvalidDigest"),
        ("", "1B2M2Y8AsgTpgAmY7PhCfg==", "MalformedXML"),
    ]:
        reply = http.post(url, data=body, headers={"Content-MD5": md5} if md5 else {})
        assert (reply.status_code, f"<Code>{code}</Code>" in reply.text) == (400, True)
    assert bucket.keys() == ["a"]


def test_deletion_in_a_versioned_bucket_leaves_a_delete_marker(
    sandbox: Sandbox, cos: CosS3Client
) -> None:
    sandbox.create_bucket(VERSIONED, versioning="Enabled")
    cos.put_object(VERSIONED, b"", "a")
    deletion = cos.delete_object(VERSIONED, "a")

    assert deletion["x-cos-delete-marker"] == "true" and deletion["x-cos-version-id"]

    with pytest.raises(CosServiceError, match="NoSuchKey"):
        cos.get_object(VERSIONED, "a")

    cos.put_object(VERSIONED, b"", "a")
    [deleted] = cos.delete_objects(VERSIONED, deletion_of("a"))["Deleted"]
    assert deleted["DeleteMarker"] == "true" and deleted["DeleteMarkerVersionId"]


def test_a_named_version_is_deleted_permanently(sandbox: Sandbox, cos: CosS3Client) -> None:
    sandbox.create_bucket(VERSIONED, versioning="Enabled")
    version = cos.put_object(VERSIONED, b"", "a")["x-cos-version-id"]

    with pytest.raises(CosServiceError, match="NoSuchVersion"):
        cos.delete_object(VERSIONED, "a", VersionId="another")

    deletion = cos.delete_object(VERSIONED, "a", VersionId=version)
    assert deletion["x-cos-version-id"] == version and "x-cos-delete-marker" not in deletion
    assert sandbox.bucket(VERSIONED).keys() == []
