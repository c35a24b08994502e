"""GET Bucket: listings of objects and of versions."""

from __future__ import annotations

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET


def keys(listed: dict[str, object]) -> list[str]:
    return [entry["Key"] for entry in listed.get("Contents", [])]  # type: ignore[attr-defined]


def test_an_empty_listing_has_no_contents(cos: CosS3Client) -> None:
    listed = cos.list_objects(BUCKET)

    assert "Contents" not in listed
    assert listed["IsTruncated"] == "false"


def test_keys_are_listed_in_the_order_of_their_utf_8_bytes(
    cos: CosS3Client, bucket: Bucket
) -> None:
    names = ["a", "Z", "é", "\uffee", "😀", "a/b", "a b"]
    for name in names:
        bucket.put(name, b"")

    assert keys(cos.list_objects(BUCKET)) == sorted(names, key=str.encode) == bucket.keys()


def test_a_listing_can_be_read_page_by_page(cos: CosS3Client, bucket: Bucket) -> None:
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


def test_a_delimiter_groups_keys_into_common_prefixes(cos: CosS3Client, bucket: Bucket) -> None:
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


def test_an_empty_page_ends_the_listing(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"")
    page = cos.list_objects(BUCKET, MaxKeys=0)

    assert (page["MaxKeys"], page["IsTruncated"]) == ("0", "false")
    assert "Contents" not in page and "NextMarker" not in page


def test_a_marker_inside_a_common_prefix_skips_the_rest_of_it(
    cos: CosS3Client, bucket: Bucket
) -> None:
    for name in ["a/1", "a/2", "b/1"]:
        bucket.put(name, b"")
    listed = cos.list_objects(BUCKET, Delimiter="/", Marker="a/1")

    assert [folder["Prefix"] for folder in listed["CommonPrefixes"]] == ["b/"]


def test_prefixes_and_keys_count_towards_the_page_size_together(
    cos: CosS3Client, bucket: Bucket
) -> None:
    names = ["a", "b/1", "b/2", "b/3", "c", "d/1", "é/1", "é/2", "z"]
    for name in names:
        bucket.put(name, b"")
    found: list[str] = []
    marker, truncated = "", "true"

    while truncated == "true":
        page = cos.list_objects(BUCKET, Delimiter="/", MaxKeys=2, Marker=marker)
        entries = keys(page) + [folder["Prefix"] for folder in page.get("CommonPrefixes", [])]
        assert 1 <= len(entries) <= 2
        found += sorted(entries)
        marker, truncated = page.get("NextMarker", ""), page["IsTruncated"]

    assert found == ["a", "b/", "c", "d/", "z", "é/"]


def test_keys_are_encoded_on_request(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a b/人+", b"")
    encoded = cos.list_objects(BUCKET, Prefix="a b/", EncodingType="url")
    assert encoded["EncodingType"] == "url"
    assert encoded["Prefix"] == "a%20b/"
    assert keys(encoded) == ["a%20b/%E4%BA%BA%2B"]

    url = cos.get_presigned_url(BUCKET, "/", "GET")
    assert "<Key>a b/人+</Key>" in http.get(url).text
    assert "InvalidArgument" in http.get(f"{url}&encoding-type=base64").text


def test_a_listing_of_versions_contains_the_current_ones(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    sandbox.create_bucket("old-1250000000", versioning="Enabled")
    version = cos.put_object("old-1250000000", b"body", "a b")["x-cos-version-id"]
    listed = cos.list_objects_versions("old-1250000000")

    [entry] = listed["Version"]
    assert (entry["Key"], entry["VersionId"], entry["IsLatest"]) == ("a b", version, "true")

    for name in "abc":
        bucket.put(name, b"")
    page = cos.list_objects_versions(BUCKET, MaxKeys=2)
    assert (page["IsTruncated"], page["NextKeyMarker"]) == ("true", "b")
    assert page["NextVersionIdMarker"] is None  # an empty element
    [last] = cos.list_objects_versions(BUCKET, KeyMarker="b")["Version"]
    assert (last["Key"], last["VersionId"]) == ("c", None)

    sandbox.bucket("old-1250000000").put("b", b"")
    page = cos.list_objects_versions("old-1250000000", MaxKeys=1)
    assert page["NextVersionIdMarker"] == version
    cos.put_bucket_versioning("old-1250000000", "Suspended")
    cos.put_object("old-1250000000", b"", "c")
    assert cos.list_objects_versions("old-1250000000")["Version"][-1]["VersionId"] == "null"
