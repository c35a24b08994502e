"""Objects, stored and read by the real COS SDK."""

from __future__ import annotations

import gc
import io
import socket
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET, cos_client, md5, wait_until

AWKWARD_KEYS = [
    "plain.bin",
    "with space and+plus",
    "100%",
    "a%2Fb",
    "#hash?question&amp=1",
    "dir/./dot",
    "dir/../up",
    "/leading slash",
    "double//slash",
    ".hidden/.key",
    "trailing/",
    "人脸/活体.bin",
    "😀",
    "quote'\"<>\\^`{|}~",
    "e\u0301 is not \u00e9",
    "x" * 850,
    "人" * 283,
]


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_awkward_keys_round_trip(
    cos: CosS3Client, bucket: Bucket, http: requests.Session, key: str
) -> None:
    # The SDK treats one leading slash as part of the path.
    name = "/" + key if key.startswith("/") else key
    cos.put_object(BUCKET, key.encode(), name)
    assert bucket.keys() == [key]
    assert (
        cos.get_object(BUCKET, name, KeySimplifyCheck=False)["Body"].get_raw_stream().read()
        == key.encode()
    )
    assert cos.head_object(BUCKET, name)["ETag"] == f'"{md5(key.encode())}"'
    assert [entry["Key"] for entry in cos.list_objects(BUCKET)["Contents"]] == [key]
    assert http.get(cos.get_presigned_url(BUCKET, name, "GET")).content == key.encode()

    cos.delete_object(BUCKET, name)
    assert bucket.keys() == []


# The client loses a last segment of dots: urllib3 resolves it, and the SDK protects only `./`.
any_key = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(
    lambda key: key.rpartition("/")[2] not in (".", "..")
)


@settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(any_key)
def test_any_key_round_trips(cos: CosS3Client, bucket: Bucket, key: str) -> None:
    cos.put_object(BUCKET, b"body", "/" + key)
    assert bucket.keys() == [key]
    assert cos.head_object(BUCKET, "/" + key)["Content-Length"] == "4"

    listed = cos.list_objects(BUCKET, Prefix=key)
    assert [entry["Key"] for entry in listed["Contents"]] == [key]

    bucket.delete(key)


def test_a_key_of_851_bytes_is_rejected(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError) as caught:
        cos.put_object(BUCKET, b"", "x" * 851)
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (400, "KeyTooLong")


def test_headers_and_metadata_are_stored(cos: CosS3Client) -> None:
    cos.put_object(
        BUCKET,
        b"{}",
        "a",
        ContentType="application/json",
        ContentDisposition="inline",
        CacheControl="no-store",
        Metadata={"x-cos-meta-fingerprint": "f00d"},
    )
    head = cos.head_object(BUCKET, "a")

    assert head["Content-Type"] == "application/json"
    assert head["Content-Disposition"] == "inline"
    assert head["Cache-Control"] == "no-store"
    assert head["x-cos-meta-fingerprint"] == "f00d"
    assert head["x-cos-object-type"] == "normal"
    assert head["Server"] == "tencent-cos"
    assert head["x-cos-request-id"]


def test_more_than_2_kb_of_metadata_is_rejected(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError, match="MetadataTooLarge"):
        cos.put_object(BUCKET, b"", "a", Metadata={"x-cos-meta-long": "x" * 2049})


def test_a_missing_object_is_404_but_can_be_deleted(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError) as missing:
        cos.get_object(BUCKET, "no/such key")
    assert (missing.value.get_status_code(), missing.value.get_error_code()) == (404, "NoSuchKey")
    assert missing.value.get_request_id()

    with pytest.raises(CosServiceError) as headed:
        cos.head_object(BUCKET, "no/such key")
    assert (headed.value.get_status_code(), headed.value.get_error_code()) == (
        404,
        "NoSuchResource",
    )

    cos.delete_object(BUCKET, "no/such key")


@pytest.mark.parametrize(
    ("bucket_name", "region"), [("other-1250000000", None), (BUCKET, "ap-hongkong")]
)
def test_an_unknown_bucket_or_wrong_region_is_404(
    sandbox: Sandbox, bucket_name: str, region: str | None
) -> None:
    with pytest.raises(CosServiceError, match="NoSuchBucket"):
        cos_client(sandbox, Region=region or sandbox.region).get_object(bucket_name, "a")


def test_every_spelling_of_the_host_reaches_the_bucket(sandbox: Sandbox, cos: CosS3Client) -> None:
    cos.put_object(BUCKET, b"body", "a")
    other_spellings: list[dict[str, Any]] = [
        {"EnableOldDomain": False},
        {"EnableOldDomain": False, "EnableInternalDomain": False},
    ]
    for options in other_spellings:
        client = cos_client(sandbox, **options)
        assert client.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"body"
    assert {request.host.partition(".")[2] for request in sandbox.requests} == {
        "cos.ap-singapore.myqcloud.com",
        "cos.ap-singapore.tencentcos.cn",
        "cos-internal.ap-singapore.tencentcos.cn",
    }


def test_path_style_requests_are_rejected(http: requests.Session) -> None:
    reply = http.get(f"http://cos.ap-singapore.myqcloud.com/{BUCKET}/a")

    assert reply.status_code == 403
    assert "PathStyleDomainForbidden" in reply.text


def test_direct_requests_are_dispatched_by_their_host_header(
    sandbox: Sandbox, cos: CosS3Client
) -> None:
    """The SDK's settings IP and Port send requests directly instead of through a proxy."""
    direct = cos_client(sandbox, Proxies=None, IP="127.0.0.1", Port=sandbox.port)
    direct.put_object(BUCKET, b"direct", "a b")

    assert cos.get_object(BUCKET, "a b")["Body"].get_raw_stream().read() == b"direct"


def test_a_port_in_the_host_is_not_signed(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    bucket.put("a", b"body")
    url = cos.get_presigned_url(BUCKET, "a", "GET")
    host, path = url.removeprefix("http://").split("/", 1)

    reply = requests.get(
        f"{sandbox.url}/{path}", headers={"Host": f"{host}:{sandbox.port}"}, timeout=10
    )

    assert reply.content == b"body"


def test_content_md5_is_verified(cos: CosS3Client, bucket: Bucket) -> None:
    cos.put_object(BUCKET, b"body", "a", EnableMD5=True)
    with pytest.raises(CosServiceError, match="BadDigest"):
        cos.put_object(BUCKET, b"body", "b", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")

    with pytest.raises(CosServiceError, match="InvalidDigest"):
        cos.put_object(BUCKET, b"body", "b", ContentMD5="not a digest")
    assert bucket.keys() == ["a"]


def test_a_create_only_put_does_not_overwrite(cos: CosS3Client, bucket: Bucket) -> None:
    only = {"Metadata": {"x-cos-forbid-overwrite": "true"}}
    cos.put_object(BUCKET, b"first", "a", **only)

    with pytest.raises(CosServiceError) as caught:
        cos.put_object(BUCKET, b"second", "a", **only)
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (
        409,
        "FileAlreadyExists",
    )
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"first"

    cos.put_object(BUCKET, b"third", "a")


@pytest.mark.parametrize("versioning", ["Enabled", "Suspended"])
def test_a_versioned_bucket_ignores_create_only(
    sandbox: Sandbox, cos: CosS3Client, versioning: str
) -> None:
    sandbox.create_bucket("old-1250000000", versioning=versioning)
    only = {"Metadata": {"x-cos-forbid-overwrite": "true"}}

    cos.put_object("old-1250000000", b"first", "a", **only)

    assert cos.put_object("old-1250000000", b"second", "a", **only)["x-cos-version-id"]
    assert cos.head_object("old-1250000000", "a")["x-cos-version-id"]
    assert cos.get_object("old-1250000000", "a")["Body"].get_raw_stream().read() == b"second"


def test_an_unversioned_bucket_has_no_version_ids(cos: CosS3Client) -> None:
    assert "x-cos-version-id" not in cos.put_object(BUCKET, b"", "a")


def test_a_range_returns_the_requested_bytes(cos: CosS3Client) -> None:
    cos.put_object(BUCKET, b"0123456789", "a")
    for requested, body, content_range in [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ]:
        reply = cos.get_object(BUCKET, "a", Range=requested)
        assert reply["Body"].get_raw_stream().read() == body
        assert reply["Content-Range"] == content_range

    with pytest.raises(CosServiceError, match="InvalidRange"):
        cos.get_object(BUCKET, "a", Range="bytes=10-")


def test_conditional_requests_check_etag_and_date(
    cos: CosS3Client, bucket: Bucket, http: requests.Session
) -> None:
    etag = cos.put_object(BUCKET, b"body", "a")["ETag"]
    assert cos.get_object(BUCKET, "a", IfMatch=etag)["Body"].get_raw_stream().read() == b"body"

    with pytest.raises(CosServiceError) as changed:
        cos.get_object(BUCKET, "a", IfMatch='"0123"')
    assert (changed.value.get_status_code(), changed.value.get_error_code()) == (
        412,
        "PreconditionFailed",
    )

    with pytest.raises(CosServiceError) as headed:
        cos.head_object(BUCKET, "a", IfMatch='"0123"')
    assert headed.value.get_status_code() == 412

    url = cos.get_presigned_url(BUCKET, "a", "GET")
    assert http.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert http.get(url, headers={"If-None-Match": '"0123"'}).content == b"body"

    bucket.backdate("a", 3600)
    modified = cos.head_object(BUCKET, "a")["Last-Modified"]
    # The SDK treats a 304 as success.
    assert "Content-Length" not in cos.head_object(BUCKET, "a", IfModifiedSince=modified)


def test_dates_follow_the_clock_of_the_sandbox(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    cos.put_object(BUCKET, b"", "a")
    before = cos.head_object(BUCKET, "a")
    sandbox.clock.advance(600)
    after = cos.head_object(BUCKET, "a")

    assert after["Last-Modified"] == before["Last-Modified"]

    moved = parsedate_to_datetime(after["Date"]) - parsedate_to_datetime(before["Date"])
    assert timedelta(seconds=599) <= moved <= timedelta(seconds=605)

    bucket.backdate("a", 60)
    backdated = cos.head_object(BUCKET, "a")["Last-Modified"]
    difference = parsedate_to_datetime(before["Last-Modified"]) - parsedate_to_datetime(backdated)

    assert abs(difference - timedelta(seconds=60)) <= timedelta(seconds=1)
    assert sandbox.clock.now() - datetime.now(timezone.utc) >= timedelta(seconds=599)


def test_a_copy_keeps_or_replaces_the_metadata(
    cos: CosS3Client, bucket: Bucket, sandbox: Sandbox
) -> None:
    cos.put_object(BUCKET, b"body", "from/a b+c", Metadata={"x-cos-meta-a": "1"})
    source = {"Bucket": BUCKET, "Key": "from/a b+c", "Region": sandbox.region}
    assert cos.copy_object(BUCKET, "to", source)["ETag"] == f'"{md5(b"body")}"'

    copied = bucket.get("to")
    assert (
        copied is not None and copied.body() == b"body" and copied.metadata == {"x-cos-meta-a": "1"}
    )

    cos.copy_object(BUCKET, "to", source, CopyStatus="Replaced", Metadata={"x-cos-meta-b": "2"})
    replaced = bucket.get("to")
    assert replaced is not None and replaced.metadata == {"x-cos-meta-b": "2"}


def test_appends_must_continue_at_the_end_of_the_object(cos: CosS3Client, bucket: Bucket) -> None:
    first = cos.append_object(BUCKET, "log", 0, b"one", StorageClass="STANDARD_IA")
    assert first["x-cos-next-append-position"] == "3"

    cos.append_object(BUCKET, "log", 3, b"two")
    stored = bucket.get("log")
    assert (
        stored is not None and stored.body() == b"onetwo" and stored.etag != f'"{md5(b"onetwo")}"'
    )

    head = cos.head_object(BUCKET, "log")
    assert head["x-cos-object-type"] == "appendable"
    assert head["x-cos-storage-class"] == "STANDARD_IA", "the first request decides"

    with pytest.raises(CosServiceError, match="PositionNotEqualToLength"):
        cos.append_object(BUCKET, "log", 1, b"three")

    cos.put_object(BUCKET, b"", "plain")

    with pytest.raises(CosServiceError, match="ObjectNotAppendable"):
        cos.append_object(BUCKET, "plain", 0, b"x")


def test_a_large_object_is_streamed(cos: CosS3Client, bucket: Bucket) -> None:
    size = 24 * 1024 * 1024
    body = io.BytesIO(b"0123456789abcdef" * (size // 16))
    cos.put_object(BUCKET, body, "big")

    stored = bucket.get("big")
    assert stored is not None and stored.size == size and stored.blob.path is not None

    part = (
        cos.get_object(BUCKET, "big", Range=f"bytes={size - 16}-")["Body"].get_raw_stream().read()
    )
    assert part == b"0123456789abcdef"

    cos.delete_object(BUCKET, "big")


def test_replaced_bytes_are_freed(cos: CosS3Client, bucket: Bucket) -> None:
    for _ in range(3):
        cos.put_object(BUCKET, b"x" * 2_000_000, "big")
    stored = bucket.get("big")
    assert stored is not None and stored.blob.path is not None

    path = stored.blob.path
    wait_until(lambda: gc.collect() >= 0 and len(list(path.parent.iterdir())) == 1)
    cos.delete_object(BUCKET, "big")

    assert stored.body() == b"x" * 2_000_000, "an object that is still referenced can be read"

    del stored
    wait_until(lambda: gc.collect() >= 0 and not path.exists())


def test_a_chunked_upload_is_stored(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    reply = http.put(cos.get_presigned_url(BUCKET, "a", "PUT"), data=iter([b"one", b"two"]))

    assert reply.status_code == 200
    stored = bucket.get("a")
    assert stored is not None and stored.body() == b"onetwo"


def test_a_request_can_override_response_headers(cos: CosS3Client) -> None:
    cos.put_object(BUCKET, b"", "a")
    reply = cos.get_object(BUCKET, "a", ResponseContentType="image/jpeg")

    assert reply["Content-Type"] == "image/jpeg"


def test_a_test_can_change_the_bucket_directly(cos: CosS3Client, bucket: Bucket) -> None:
    bucket.put("a", b"body", metadata={"owner": "me"}, content_type="text/plain")
    head = cos.head_object(BUCKET, "a")
    assert (head["x-cos-meta-owner"], head["Content-Type"]) == ("me", "text/plain")

    bucket.delete("a")
    assert bucket.get("a") is None


def test_an_interrupted_upload_creates_no_object(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    url = cos.get_presigned_url(BUCKET, "a", "PUT")
    host = url.split("/")[2]
    with socket.create_connection(("127.0.0.1", sandbox.port)) as connection:
        head = f"PUT {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nhalf"
        connection.sendall(head.encode())
        wait_until(lambda: sandbox.requests)

    wait_until(lambda: sandbox.requests[0].ended is not None)

    assert bucket.keys() == []
    assert sandbox.requests[0].status is None
