"""Tags of objects."""

from __future__ import annotations

from typing import Any

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET


def tag_set(tags: list[tuple[str, str]]) -> dict[str, Any]:
    return {"TagSet": {"Tag": [{"Key": name, "Value": value} for name, value in tags]}}


def tags_of(cos: CosS3Client, key: str) -> list[tuple[str, str | None]]:
    tags = cos.get_object_tagging(BUCKET, key)["TagSet"] or {}
    return [(tag["Key"], tag["Value"]) for tag in tags.get("Tag", [])]


def test_tags_can_be_put_read_and_deleted(cos: CosS3Client, bucket: Bucket) -> None:
    stored = bucket.put("a", b"body")
    assert tags_of(cos, "a") == []

    cos.put_object_tagging(BUCKET, "a", tag_set([("kind", "live & well"), ("人", "1")]))
    assert tags_of(cos, "a") == [("kind", "live & well"), ("人", "1")]

    head = cos.head_object(BUCKET, "a")
    assert head["x-cos-tagging-count"] == "2"
    assert head["ETag"] == stored.etag

    cos.delete_object_tagging(BUCKET, "a")
    assert tags_of(cos, "a") == []
    assert "x-cos-tagging-count" not in cos.head_object(BUCKET, "a")


def test_uploads_and_copies_carry_tags(sandbox: Sandbox, cos: CosS3Client, bucket: Bucket) -> None:
    source = {"Bucket": BUCKET, "Key": "a", "Region": sandbox.region}
    cos.put_object(BUCKET, b"", "a", Metadata={"x-cos-tagging": "kind=live%20one&done="})
    assert tags_of(cos, "a") == [("kind", "live one"), ("done", None)]

    cos.copy_object(BUCKET, "b", source)
    assert tags_of(cos, "b") == tags_of(cos, "a")

    replaced = {"x-cos-tagging-directive": "Replaced", "x-cos-tagging": "new=1"}
    cos.copy_object(BUCKET, "c", source, Metadata=replaced)
    assert tags_of(cos, "c") == [("new", "1")]


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([(str(number), "") for number in range(11)], "BadRequest"),
        ([("twice", "1"), ("twice", "2")], "InvalidTag"),
        ([("", "1")], "InvalidTag"),
        ([("x" * 129, "1")], "InvalidTag"),
        ([("x", "1" * 257)], "InvalidTag"),
    ],
)
def test_invalid_tags_are_rejected(
    cos: CosS3Client, bucket: Bucket, tags: list[tuple[str, str]], code: str
) -> None:
    bucket.put("a", b"")
    with pytest.raises(CosServiceError, match=code):
        cos.put_object_tagging(BUCKET, "a", tag_set(tags))
    assert tags_of(cos, "a") == []


def test_a_missing_object_has_no_tags(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError, match="NoSuchKey"):
        cos.get_object_tagging(BUCKET, "a")
