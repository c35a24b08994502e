"""GET Bucket (list)."""

from __future__ import annotations

import pytest
from liveness_sandbox import Bucket
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from .clients import BUCKET


def keys(listed: dict[str, object]) -> list[str]:
    return [entry["Key"] for entry in listed.get("Contents", [])]  # type: ignore[attr-defined]


def test_an_empty_listing_has_no_contents(cos: CosS3Client) -> None:
    listed = cos.list_objects(BUCKET)
    assert "Contents" not in listed
    assert listed["IsTruncated"] == "false"


def test_order_is_that_of_utf_8_bytes(cos: CosS3Client, bucket: Bucket) -> None:
    names = ["a", "Z", "é", "\uffee", "😀", "a/b", "a b"]
    for name in names:
        bucket.put(name, b"")
    assert keys(cos.list_objects(BUCKET)) == sorted(names, key=str.encode) == bucket.keys()


def test_pages(cos: CosS3Client, bucket: Bucket) -> None:
    names = [f"p/{number:03d} +%" for number in range(25)]
    for name in [*names, "q", "a"]:
        bucket.put(name, b"body")
    found: list[str] = []
    marker = ""
    while True:
        page = cos.list_objects(BUCKET, Prefix="p/", Marker=marker, MaxKeys=10)
        found += keys(page)
        if page["IsTruncated"] == "false":
            break
        marker = page["NextMarker"]
        assert marker == found[-1], "the marker is exclusive"
    assert found == names
    assert page["Contents"][0]["Size"] == "4"


def test_the_last_full_page_is_not_truncated(cos: CosS3Client, bucket: Bucket) -> None:
    for name in "abc":
        bucket.put(name, b"")
    assert cos.list_objects(BUCKET, MaxKeys=3)["IsTruncated"] == "false"


def test_delimiter(cos: CosS3Client, bucket: Bucket) -> None:
    for name in ["in/a/1", "in/a/2", "in/b/1", "in/c", "out"]:
        bucket.put(name, b"")
    listed = cos.list_objects(BUCKET, Prefix="in/", Delimiter="/")
    assert [folder["Prefix"] for folder in listed["CommonPrefixes"]] == ["in/a/", "in/b/"]
    assert keys(listed) == ["in/c"]
    first = cos.list_objects(BUCKET, Prefix="in/", Delimiter="/", MaxKeys=1)
    assert (first["IsTruncated"], first["NextMarker"]) == ("true", "in/a/")
    second = cos.list_objects(BUCKET, Prefix="in/", Delimiter="/", MaxKeys=1, Marker="in/a/")
    assert [folder["Prefix"] for folder in second["CommonPrefixes"]] == ["in/b/"]


def test_max_keys_has_a_limit(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError, match="InvalidArgument"):
        cos.list_objects(BUCKET, MaxKeys=1001)
