"""Documented behavior that official clients and operators rely on."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from .target import TIMEOUT_S, Target, wait_until_listed


def error_of(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(CosServiceError) as caught:
        call()
    assert caught.value.get_request_id() and caught.value.get_trace_id()
    return caught.value.get_status_code(), caught.value.get_error_code()


def body_of(reply: dict[str, Any]) -> bytes:
    body: bytes = reply["Body"].get_raw_stream().read()
    return body


def test_errors_carry_the_documented_codes(target: Target) -> None:
    with target.cos() as cos:
        missing = target.key("missing")
        assert error_of(lambda: cos.get_object(target.bucket, missing)) == (404, "NoSuchKey")
        assert error_of(lambda: cos.head_object(target.bucket, missing)) == (404, "NoSuchResource")

        other = target.bucket.replace("-", "-no-such-", 1)
        assert error_of(lambda: cos.get_object(other, "key")) == (404, "NoSuchBucket")

        wrong_md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
        assert error_of(
            lambda: cos.put_object(target.bucket, b"body", missing, ContentMD5=wrong_md5)
        ) == (400, "BadDigest")

        assert error_of(
            lambda: cos.upload_part(target.bucket, missing, b"body", 1, "no-such-upload")
        ) == (404, "NoSuchUpload")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda url: url.replace("q-signature=", "q-signature=0"), "SignatureDoesNotMatch"),
        (lambda url: url.replace("q-ak=", "q-ak=AKIDunknown"), "InvalidAccessKeyId"),
        (lambda url: url.partition("?")[0], "AccessDenied"),
    ],
)
def test_a_wrong_signature_is_rejected(
    target: Target, change: Callable[[str], str], code: str
) -> None:
    with target.cos() as cos, target.session() as client:
        key = target.key("secret")
        cos.put_object(target.bucket, b"body", key)
        token = {"x-cos-security-token": target.token} if target.token else {}
        url = cos.get_presigned_url(target.bucket, key, "GET", Params=token)
        reply = client.get(change(url), timeout=TIMEOUT_S)

    assert (reply.status_code, f"<Code>{code}</Code>" in reply.text) == (403, True)


def test_every_reply_has_a_request_id(target: Target) -> None:
    with target.cos() as cos, target.session() as client:
        key = target.key("key")
        replies = [cos.put_object(target.bucket, b"body", key), cos.head_object(target.bucket, key)]
        url = cos.get_presigned_url(target.bucket, key, "GET").partition("?")[0]
        rejection: requests.Response = client.head(url, timeout=TIMEOUT_S)

    assert all(reply["x-cos-request-id"] for reply in replies)
    assert rejection.status_code == 403 and rejection.headers["x-cos-request-id"]


def test_a_range_returns_that_part_of_an_object(target: Target) -> None:
    with target.cos() as cos:
        key = target.key("digits")
        etag = cos.put_object(target.bucket, b"0123456789", key)["ETag"]

        for requested, content in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-1", b"9")):
            reply = cos.get_object(target.bucket, key, Range=requested)
            assert body_of(reply) == content
            assert reply["Content-Range"].endswith("/10")

        assert body_of(cos.get_object(target.bucket, key, IfMatch=etag)) == b"0123456789"
        other = '"00000000000000000000000000000000"'
        error = error_of(lambda: cos.get_object(target.bucket, key, IfMatch=other))
        assert error == (412, "PreconditionFailed")


def test_content_type_and_metadata_are_stored_with_an_object(target: Target) -> None:
    with target.cos() as cos:
        key = target.key("described")
        cos.put_object(
            target.bucket,
            b"{}",
            key,
            ContentType="application/json",
            Metadata={"x-cos-meta-fingerprint": "abc"},
        )
        head = cos.head_object(target.bucket, key)

    assert head["Content-Type"] == "application/json"
    assert head["x-cos-meta-fingerprint"] == "abc"
    assert head["Content-Length"] == "2"


def list_pages(cos: CosS3Client, target: Target, **parameters: Any) -> list[dict[str, Any]]:
    pages = [cos.list_objects(target.bucket, MaxKeys=2, **parameters)]
    while pages[-1]["IsTruncated"] == "true":
        marker = pages[-1]["NextMarker"]
        pages.append(cos.list_objects(target.bucket, MaxKeys=2, Marker=marker, **parameters))
    return pages


def test_listings_are_paged_and_in_utf_8_order(target: Target) -> None:
    # Sorted as UTF-16, the last two would be swapped.
    names = ["A", "a", "b/1", "b/2", "é", "\uff5e", "😀"]
    with target.cos() as cos:
        keys = [target.key(name) for name in names]
        for key in reversed(keys):
            cos.put_object(target.bucket, b"", key)
        wait_until_listed(cos, target, keys)
        flat = list_pages(cos, target, Prefix=target.prefix)
        grouped = list_pages(cos, target, Prefix=target.prefix, Delimiter="/")

    assert [entry["Key"] for page in flat for entry in page.get("Contents", [])] == keys
    prefixes = [entry["Prefix"] for page in grouped for entry in page.get("CommonPrefixes", [])]
    assert prefixes == [f"{target.prefix}b/"]


def test_a_copy_is_another_object_with_the_same_bytes(target: Target) -> None:
    with target.cos() as cos:
        source, copy = target.key("source"), target.key("a copy")
        etag = cos.put_object(target.bucket, b"body", source)["ETag"]
        location = {"Bucket": target.bucket, "Key": source, "Region": target.region}

        copied = cos.copy_object(target.bucket, copy, location)

        assert copied["ETag"] == etag
        assert body_of(cos.get_object(target.bucket, copy)) == b"body"


def test_a_bulk_delete_accepts_objects_that_do_not_exist(target: Target) -> None:
    with target.cos() as cos:
        keys = [target.key("a"), target.key("b+ c"), target.key("never created")]
        for key in keys[:2]:
            cos.put_object(target.bucket, b"", key)
        objects = {"Object": [{"Key": key} for key in keys], "Quiet": "false"}

        deleted = cos.delete_objects(target.bucket, objects)

        assert {entry["Key"] for entry in deleted["Deleted"]} == set(keys)
        assert error_of(lambda: cos.get_object(target.bucket, keys[1])) == (404, "NoSuchKey")


def test_an_append_returns_the_next_position(target: Target) -> None:
    with target.cos() as cos:
        key = target.key("log")
        assert cos.append_object(target.bucket, key, 0, b"one")["x-cos-next-append-position"] == "3"
        cos.append_object(target.bucket, key, 3, b"two")
        assert body_of(cos.get_object(target.bucket, key)) == b"onetwo"

        error = error_of(lambda: cos.append_object(target.bucket, key, 1, b"three"))
        assert error == (409, "PositionNotEqualToLength")
