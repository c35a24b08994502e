"""Storage classes, and archived objects that must be restored before they can be read."""

from __future__ import annotations

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET

DAY_SECONDS = 24 * 3600
RESTORE = {"Days": 2, "CASJobParameters": {"Tier": "Standard"}}


def test_the_storage_class_is_returned_unless_it_is_standard(cos: CosS3Client) -> None:
    cos.put_object(BUCKET, b"", "plain")
    cos.put_object(BUCKET, b"body", "rare", StorageClass="STANDARD_IA")
    assert "x-cos-storage-class" not in cos.head_object(BUCKET, "plain")
    assert cos.head_object(BUCKET, "rare")["x-cos-storage-class"] == "STANDARD_IA"
    assert cos.get_object(BUCKET, "rare")["Body"].get_raw_stream().read() == b"body"

    listed = {each["Key"]: each["StorageClass"] for each in cos.list_objects(BUCKET)["Contents"]}
    assert listed == {"plain": "STANDARD", "rare": "STANDARD_IA"}


def test_an_unknown_storage_class_is_rejected(cos: CosS3Client, bucket: Bucket) -> None:
    with pytest.raises(CosServiceError, match="InvalidArgument"):
        cos.put_object(BUCKET, b"", "a", StorageClass="GLACIER")
    assert bucket.keys() == []


def test_an_archived_object_is_readable_only_while_restored(
    sandbox: Sandbox, cos: CosS3Client
) -> None:
    cos.put_object(BUCKET, b"body", "a", StorageClass="ARCHIVE")
    assert cos.head_object(BUCKET, "a")["x-cos-storage-class"] == "ARCHIVE"

    with pytest.raises(CosServiceError) as archived:
        cos.get_object(BUCKET, "a")
    assert (archived.value.get_status_code(), archived.value.get_error_code()) == (
        403,
        "InvalidObjectState",
    )

    with pytest.raises(CosServiceError, match="InvalidObjectState"):
        cos.copy_object(BUCKET, "b", {"Bucket": BUCKET, "Key": "a", "Region": sandbox.region})

    cos.restore_object(BUCKET, "a", RESTORE)
    assert cos.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"body"
    assert 'ongoing-request="false"' in cos.head_object(BUCKET, "a")["x-cos-restore"]

    sandbox.clock.advance(2 * DAY_SECONDS + 1)

    with pytest.raises(CosServiceError, match="InvalidObjectState"):
        cos.get_object(BUCKET, "a")


def test_only_archived_objects_can_be_restored(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"")
    with pytest.raises(CosServiceError, match="InvalidObjectState"):
        cos.restore_object(BUCKET, "a", RESTORE)

    bucket.put("b", b"", storage_class="ARCHIVE")

    with pytest.raises(CosServiceError, match="MalformedXML"):
        cos.restore_object(BUCKET, "b", {"Days": "some"})
