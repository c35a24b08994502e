"""Multipart uploads, by hand and as the SDK's upload_file does them."""

from __future__ import annotations

from pathlib import Path

import pytest
from liveness_sandbox import Bucket
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from .clients import BUCKET, md5

MEGABYTE = 1024 * 1024


def test_parts_become_an_object_whose_etag_is_no_md5(cos: CosS3Client, bucket: Bucket) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big", Metadata={"x-cos-meta-a": "1"})["UploadId"]
    bodies = [b"a" * MEGABYTE, b"b" * 10]
    etags = [
        cos.upload_part(BUCKET, "big", body, number, upload)["ETag"]
        for number, body in enumerate(bodies, start=1)
    ]
    assert [part["ETag"] for part in cos.list_parts(BUCKET, "big", upload)["Part"]] == etags
    assert bucket.keys() == []
    parts = {
        "Part": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    }
    done = cos.complete_multipart_upload(BUCKET, "big", upload, parts)
    assert done["ETag"].endswith('-2"')
    stored = bucket.get("big")
    assert stored is not None and stored.body() == b"".join(bodies)
    assert stored.metadata == {"x-cos-meta-a": "1"}
    with pytest.raises(CosServiceError, match="NoSuchUpload"):
        cos.list_parts(BUCKET, "big", upload)


def test_a_small_part_before_the_last_is_refused(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big")["UploadId"]
    etags = [cos.upload_part(BUCKET, "big", b"small", number, upload)["ETag"] for number in (1, 2)]
    parts = {
        "Part": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    }
    with pytest.raises(CosServiceError, match="EntityTooSmall"):
        cos.complete_multipart_upload(BUCKET, "big", upload, parts)


def test_parts_that_are_not_there(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big")["UploadId"]
    cos.upload_part(BUCKET, "big", b"body", 1, upload)
    with pytest.raises(CosServiceError, match="InvalidPart"):
        cos.complete_multipart_upload(
            BUCKET, "big", upload, {"Part": [{"PartNumber": 1, "ETag": '"0123"'}]}
        )


def test_abort(cos: CosS3Client, bucket: Bucket) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big")["UploadId"]
    assert [each["UploadId"] for each in cos.list_multipart_uploads(BUCKET)["Upload"]] == [upload]
    cos.abort_multipart_upload(BUCKET, "big", upload)
    assert "Upload" not in cos.list_multipart_uploads(BUCKET)
    assert bucket.keys() == []


def test_create_only_is_judged_at_the_end(cos: CosS3Client, bucket: Bucket) -> None:
    upload = cos.create_multipart_upload(BUCKET, "a", Metadata={"x-cos-forbid-overwrite": "true"})[
        "UploadId"
    ]
    etag = cos.upload_part(BUCKET, "a", b"body", 1, upload)["ETag"]
    bucket.put("a", b"somebody else's")
    with pytest.raises(CosServiceError, match="FileAlreadyExists"):
        cos.complete_multipart_upload(
            BUCKET, "a", upload, {"Part": [{"PartNumber": 1, "ETag": etag}]}
        )


def test_the_sdk_s_upload_file(cos: CosS3Client, bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "package"
    path.write_bytes(bytes(range(256)) * 4096 * 3)
    cos.upload_file(BUCKET, "big", str(path), PartSize=1, MAXThread=3)
    stored = bucket.get("big")
    assert stored is not None and stored.blob.md5 == md5(path.read_bytes())
    assert stored.etag.endswith('-3"')
