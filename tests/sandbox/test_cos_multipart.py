"""Multipart uploads, request by request and by the SDK's upload_file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket

from .clients import BUCKET, md5

MEGABYTE = 1024 * 1024


def test_parts_become_an_object_whose_etag_is_not_an_md5(cos: CosS3Client, bucket: Bucket) -> None:
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
    reply = cos.complete_multipart_upload(BUCKET, "big", upload, parts)
    assert reply["ETag"].endswith('-2"')
    stored = bucket.get("big")
    assert stored is not None and stored.body() == b"".join(bodies)
    assert stored.metadata == {"x-cos-meta-a": "1"}

    with pytest.raises(CosServiceError, match="NoSuchUpload"):
        cos.list_parts(BUCKET, "big", upload)


def test_a_small_part_before_the_last_is_rejected(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big")["UploadId"]
    etags = [cos.upload_part(BUCKET, "big", b"small", number, upload)["ETag"] for number in (1, 2)]
    parts = {
        "Part": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    }

    with pytest.raises(CosServiceError, match="EntityTooSmall"):
        cos.complete_multipart_upload(BUCKET, "big", upload, parts)


def test_completing_with_a_missing_part_is_rejected(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big")["UploadId"]
    cos.upload_part(BUCKET, "big", b"body", 1, upload)

    with pytest.raises(CosServiceError, match="InvalidPart"):
        cos.complete_multipart_upload(
            BUCKET, "big", upload, {"Part": [{"PartNumber": 1, "ETag": '"0123"'}]}
        )


def test_an_aborted_upload_disappears(cos: CosS3Client, bucket: Bucket) -> None:
    upload = cos.create_multipart_upload(BUCKET, "big")["UploadId"]
    assert [each["UploadId"] for each in cos.list_multipart_uploads(BUCKET)["Upload"]] == [upload]

    cos.abort_multipart_upload(BUCKET, "big", upload)
    assert "Upload" not in cos.list_multipart_uploads(BUCKET)
    assert bucket.keys() == []


def test_create_only_is_checked_on_completion(cos: CosS3Client, bucket: Bucket) -> None:
    upload = cos.create_multipart_upload(BUCKET, "a", Metadata={"x-cos-forbid-overwrite": "true"})[
        "UploadId"
    ]
    etag = cos.upload_part(BUCKET, "a", b"body", 1, upload)["ETag"]
    bucket.put("a", b"of another client")

    with pytest.raises(CosServiceError, match="FileAlreadyExists"):
        cos.complete_multipart_upload(
            BUCKET, "a", upload, {"Part": [{"PartNumber": 1, "ETag": etag}]}
        )


def test_the_sdk_uploads_a_file_in_parts(cos: CosS3Client, bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "package"
    path.write_bytes(bytes(range(256)) * 4096 * 3)

    cos.upload_file(BUCKET, "big", str(path), PartSize=1, MAXThread=3)

    stored = bucket.get("big")
    assert stored is not None and stored.blob.md5 == md5(path.read_bytes())
    assert stored.etag.endswith('-3"')


def part_of(cos: CosS3Client, key: str, upload: str, number: int, body: bytes) -> dict[str, object]:
    etag = cos.upload_part(BUCKET, key, body, number, upload)["ETag"]
    return {"PartNumber": number, "ETag": etag}


def test_uploads_are_listed_in_pages(cos: CosS3Client) -> None:
    keys = ["a", "b c/人", "b c/+", "d", "é"]
    uploads = {(key, cos.create_multipart_upload(BUCKET, key)["UploadId"]) for key in [*keys, "a"]}
    found: list[tuple[str, str]] = []
    key_marker = id_marker = ""
    truncated = "true"
    while truncated == "true":
        page = cos.list_multipart_uploads(
            BUCKET, KeyMarker=key_marker, UploadIdMarker=id_marker, MaxUploads=2
        )
        found += [(each["Key"], each["UploadId"]) for each in page["Upload"]]
        truncated = page["IsTruncated"]
        key_marker, id_marker = page.get("NextKeyMarker", ""), page.get("NextUploadIdMarker", "")

    assert found == sorted(uploads, key=lambda upload: (upload[0].encode(), upload[1]))

    only = cos.list_multipart_uploads(BUCKET, Prefix="b c/")
    assert [each["Key"] for each in only["Upload"]] == ["b c/+", "b c/人"]

    folded = cos.list_multipart_uploads(BUCKET, Delimiter="/")
    assert [folder["Prefix"] for folder in folded["CommonPrefixes"]] == ["b c/"]
    assert [each["Key"] for each in folded["Upload"]] == ["a", "a", "d", "é"]


def test_parts_are_listed_in_pages(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "人 +")["UploadId"]
    for number in (1, 2, 5, 9):
        part_of(cos, "人 +", upload, number, b"x" * number)
    first = cos.list_parts(BUCKET, "人 +", upload, MaxParts=3)

    assert (first["Key"], first["IsTruncated"], first["NextPartNumberMarker"]) == (
        "人 +",
        "true",
        "5",
    )
    assert [(part["PartNumber"], part["Size"]) for part in first["Part"]] == [
        ("1", "1"),
        ("2", "2"),
        ("5", "5"),
    ]

    last = cos.list_parts(BUCKET, "人 +", upload, PartNumberMarker=5)
    assert (last["IsTruncated"], [part["PartNumber"] for part in last["Part"]]) == ("false", ["9"])


def test_a_part_can_be_replaced(cos: CosS3Client, bucket: Bucket) -> None:
    upload = cos.create_multipart_upload(BUCKET, "a")["UploadId"]
    old = part_of(cos, "a", upload, 1, b"old")
    new = part_of(cos, "a", upload, 1, b"new")

    with pytest.raises(CosServiceError, match="InvalidPart"):
        cos.complete_multipart_upload(BUCKET, "a", upload, {"Part": [old]})

    cos.complete_multipart_upload(BUCKET, "a", upload, {"Part": [new]})
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"new"


def test_an_invalid_completion_is_rejected(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "a")["UploadId"]
    parts = [part_of(cos, "a", upload, number, b"x" * MEGABYTE) for number in (1, 2)]

    for listed, code in [
        (parts[::-1], "InvalidPartOrder"),
        ([parts[0], parts[0]], "InvalidPartOrder"),
        ([{**parts[0], "PartNumber": "one"}], "MalformedXML"),
        ([], "MalformedXML"),
    ]:
        with pytest.raises(CosServiceError, match=code):
            cos.complete_multipart_upload(BUCKET, "a", upload, {"Part": listed})

    with pytest.raises(CosServiceError, match="InvalidArgument"):
        cos.upload_part(BUCKET, "a", b"", 10001, upload)

    cos.complete_multipart_upload(BUCKET, "a", upload, {"Part": parts})


def test_an_aborted_upload_accepts_no_more_parts(cos: CosS3Client) -> None:
    upload = cos.create_multipart_upload(BUCKET, "a")["UploadId"]
    cos.abort_multipart_upload(BUCKET, "a", upload)

    calls: list[Callable[[], object]] = [
        lambda: cos.upload_part(BUCKET, "a", b"", 1, upload),
        lambda: cos.abort_multipart_upload(BUCKET, "a", upload),
    ]
    for call in calls:
        with pytest.raises(CosServiceError, match="NoSuchUpload"):
            call()
