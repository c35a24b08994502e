"""Copies: of full_copy objects, of parts, between buckets and regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Credentials, Sandbox

from .clients import BUCKET, cos_client, md5
from .test_cos_encryption import customer_key

MEGABYTE = 1024 * 1024
OTHER = "copies-1250000000"
FAR = "ap-hongkong"


def source(key: str, bucket: str = BUCKET, region: str = "ap-singapore") -> dict[str, str]:
    return {"Bucket": bucket, "Key": key, "Region": region}


@pytest.fixture
def far(sandbox: Sandbox) -> CosS3Client:
    """A client of another region, in which there is an empty bucket."""
    client = cos_client(sandbox, Region=FAR)
    client.create_bucket(OTHER)
    return client


def test_an_object_is_copied_between_buckets_and_regions(
    sandbox: Sandbox, far: CosS3Client, bucket: Bucket
) -> None:
    bucket.put("in/人 +", b"body", metadata={"a": "1"}, content_type="text/plain")
    copied = far.copy_object(OTHER, "out", source("in/人 +"))

    assert copied["ETag"] == f'"{md5(b"body")}"' and copied["x-cos-hash-crc64ecma"]
    stored = sandbox.bucket(OTHER).get("out")
    assert stored is not None and stored.body() == b"body"
    assert (stored.metadata, stored.content_type) == ({"x-cos-meta-a": "1"}, "text/plain")


def refused(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(CosServiceError) as caught:
        call()
    return caught.value.get_status_code(), caught.value.get_error_code()


def test_a_source_may_be_a_path_in_the_same_region(
    sandbox: Sandbox, cos: CosS3Client, far: CosS3Client, bucket: Bucket
) -> None:
    bucket.put("in/a +", b"body")
    header = {"x-cos-copy-source": f"/{BUCKET}/in/a%20%2B"}

    cos.put_object(BUCKET, b"", "out", Metadata=header)

    stored = bucket.get("out")
    assert stored is not None and stored.body() == b"body"
    elsewhere = refused(lambda: far.put_object(OTHER, b"", "out", Metadata=header))
    assert elsewhere == (404, "NoSuchBucket")


def test_an_appendable_object_cannot_be_copied(cos: CosS3Client) -> None:
    cos.append_object(BUCKET, "log", 0, b"line")
    copying = refused(lambda: cos.copy_object(BUCKET, "copy", source("log")))
    assert copying == (400, "InvalidRequest")


def test_append_does_not_have_every_storage_class(cos: CosS3Client, bucket: Bucket) -> None:
    storage_class = "INTELLIGENT_TIERING"
    appending = refused(
        lambda: cos.append_object(BUCKET, "log", 0, b"line", StorageClass=storage_class)
    )
    assert appending == (400, "InvalidArgument")
    assert bucket.keys() == []


def test_a_copy_onto_itself_has_to_replace_something(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"body", metadata={"n": "1"})
    assert refused(lambda: cos.copy_object(BUCKET, "a", source("a"))) == (400, "InvalidRequest")

    cos.copy_object(BUCKET, "a", source("a"), "Replaced", Metadata={"x-cos-meta-n": "2"})

    assert cos.head_object(BUCKET, "a")["x-cos-meta-n"] == "2"


def test_parts_can_be_copied_from_ranges(
    sandbox: Sandbox, far: CosS3Client, bucket: Bucket
) -> None:
    body = bytes(range(256)) * (MEGABYTE // 128)
    bucket.put("big", body)
    upload = far.create_multipart_upload(OTHER, "out")["UploadId"]
    ranges = [f"bytes=0-{MEGABYTE - 1}", f"bytes={MEGABYTE}-{len(body) - 1}"]
    etags = [
        far.upload_part_copy(OTHER, "out", number, upload, source("big"), part_range)["ETag"]
        for number, part_range in enumerate(ranges, start=1)
    ]

    assert etags[0] == f'"{md5(body[:MEGABYTE])}"'

    with pytest.raises(CosServiceError, match="InvalidRange"):
        far.upload_part_copy(OTHER, "out", 3, upload, source("big"), f"bytes=0-{len(body)}")

    full_copy = far.upload_part_copy(OTHER, "out", 3, upload, source("big"))
    assert full_copy["ETag"] == f'"{md5(body)}"'

    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    far.complete_multipart_upload(OTHER, "out", upload, {"Part": parts})
    stored = sandbox.bucket(OTHER).get("out")
    assert stored is not None and stored.body() == body


def test_the_sdk_copies_a_large_object_in_parts(
    sandbox: Sandbox, far: CosS3Client, bucket: Bucket
) -> None:
    """An object in another region and over the threshold is copied in several parts at once."""
    body = b"0123456789abcdef" * (3 * MEGABYTE // 16)
    bucket.put("big", body)
    far.get_conf().set_copy_part_threshold_size(MEGABYTE)

    far.copy(OTHER, "out", source("big"), PartSize=1, MAXThread=3)

    stored = sandbox.bucket(OTHER).get("out")
    assert stored is not None and stored.etag.endswith('-3"')
    assert stored.blob.md5 == md5(body)


@pytest.mark.parametrize(
    ("invalid", "status", "code"),
    [
        (source("nothing"), 404, "NoSuchKey"),
        (source("a", bucket="none-1250000000"), 404, "NoSuchBucket"),
        (source("a", region=FAR), 404, "NoSuchBucket"),
        (source("a", bucket="faceid-resource-sg-1254418846"), 403, "AccessDenied"),
        ({**source("a"), "VersionId": "old"}, 404, "NoSuchVersion"),
    ],
)
def test_an_invalid_source_is_rejected(
    cos: CosS3Client,
    bucket: Bucket,
    pair: Callable[..., Any],
    invalid: dict[str, str],
    status: int,
    code: str,
) -> None:
    pair().judge()  # this makes the face API create its own bucket
    bucket.put("a", b"")

    with pytest.raises(CosServiceError) as caught:
        cos.copy_object(BUCKET, "b", invalid)
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (status, code)


def test_conditions_on_the_source_are_checked(cos: CosS3Client, bucket: Bucket) -> None:
    etag = bucket.put("a", b"body").etag
    bucket.backdate("a", 3600)
    modified = cos.head_object(BUCKET, "a")["Last-Modified"]
    for condition in (  # met
        {"CopySourceIfMatch": etag},
        {"CopySourceIfNoneMatch": '"0123"'},
        {"CopySourceIfUnmodifiedSince": modified},
    ):
        cos.copy_object(BUCKET, "b", source("a"), **condition)

    for condition in (  # not met
        {"CopySourceIfMatch": '"0123"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": modified},
    ):
        with pytest.raises(CosServiceError, match="PreconditionFailed"):
            cos.copy_object(BUCKET, "c", source("a"), **condition)
    assert bucket.keys() == ["a", "b"]


def test_a_create_only_copy_does_not_overwrite(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"new")
    bucket.put("b", b"old")
    only = {"Metadata": {"x-cos-forbid-overwrite": "true"}}

    with pytest.raises(CosServiceError, match="FileAlreadyExists"):
        cos.copy_object(BUCKET, "b", source("a"), **only)

    cos.copy_object(BUCKET, "c", source("a"), **only)
    assert [stored.body() for key in "bc" if (stored := bucket.get(key))] == [b"old", b"new"]


def test_a_copy_onto_itself_changes_the_attributes(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"body", metadata={"a": "1"})
    cos.change_object_storage_class(BUCKET, "a", "STANDARD_IA")
    head = cos.head_object(BUCKET, "a")

    assert head["x-cos-storage-class"] == "STANDARD_IA" and "x-cos-meta-a" not in head

    cos.update_object_meta(BUCKET, "a", ContentType="image/jpeg")
    assert cos.head_object(BUCKET, "a")["Content-Type"] == "image/jpeg"


def test_an_encrypted_source_needs_its_customer_key(cos: CosS3Client, bucket: Bucket) -> None:
    key = customer_key(b"k" * 32)
    cos.put_object(BUCKET, b"body", "a", **key)

    with pytest.raises(CosServiceError) as without:
        cos.copy_object(BUCKET, "b", source("a"))
    assert without.value.get_status_code() == 400

    cos.copy_object(
        BUCKET, "b", source("a"), **{f"CopySource{name}": value for name, value in key.items()}
    )
    stored = bucket.get("b")
    assert stored is not None and stored.body() == b"body" and stored.encryption is None


def test_an_unknown_key_cannot_copy(sandbox: Sandbox, bucket: Bucket) -> None:
    bucket.put("a", b"")
    stranger = cos_client(sandbox, Credentials("AKIDnobody", "0" * 32))

    with pytest.raises(CosServiceError, match="InvalidAccessKeyId"):
        stranger.copy_object(BUCKET, "b", source("a"))
