"""What all replies have in common: identifiers, errors in XML, checksums."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree

import crcmod
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Bucket, Credentials, Sandbox, crc64

from .clients import BUCKET, cos_client

CRC = "x-cos-hash-crc64ecma"
MEGABYTE = 1024 * 1024


def url(cos: CosS3Client, method: str, key: str, **params: str) -> str:
    signed: str = cos.get_presigned_url(BUCKET, key, method, Params=params)
    return signed


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize("key", ["a", "missing", "/"])
def test_every_reply_has_its_own_identifiers(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, method: str, key: str
) -> None:
    bucket.put("a", b"body")
    anonymous = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/{key.lstrip('/')}"
    seen = set()

    for target in (url(cos, method, key), anonymous, anonymous.replace("faces", "other")):
        reply = http.request(method, target)
        seen |= {reply.headers["x-cos-request-id"], reply.headers["x-cos-trace-id"]}
        assert reply.headers["Server"] == "tencent-cos" and reply.headers["Date"]
        if method == "HEAD":
            assert reply.content == b""
        elif reply.status_code >= 400:
            error = ElementTree.fromstring(reply.content)
            assert reply.headers["Content-Type"] == "application/xml"
            assert error.tag == "Error" and error.findtext("Code") and error.findtext("Message")
            assert error.findtext("Resource") == target.partition("?")[0].removeprefix("http://")
            assert error.findtext("RequestId") == reply.headers["x-cos-request-id"]
            assert error.findtext("TraceId") == reply.headers["x-cos-trace-id"]
    assert len(seen) == 6


def test_a_request_id_has_the_documented_format(cos: CosS3Client) -> None:
    name = b64decode(cos.put_object(BUCKET, b"", "a")["x-cos-request-id"]).decode()
    assert [int(part, 16) >= 0 for part in name.split("_")] == [True] * 4


def test_a_wrong_signature_is_answered_with_what_was_signed(
    sandbox: Sandbox, http: requests.Session, bucket: Bucket
) -> None:
    """As in the cloud, this shows why the signature does not match."""
    keys = sandbox.credentials
    wrong = cos_client(sandbox, Credentials(keys.secret_id, "0" * 32))
    error = ElementTree.fromstring(http.get(url(wrong, "GET", "a b")).content)

    host = f"{BUCKET}.cos.ap-singapore.myqcloud.com"

    assert error.findtext("FormatString") == f"get\n/a b\n\nhost={host}\n"
    assert error.findtext("StringToSign", "").startswith("sha1\n")


def test_every_reply_about_an_object_has_its_checksum(cos: CosS3Client, sandbox: Sandbox) -> None:
    check = {CRC: str(0x995DC9BBDF1939FA)}  # the check value of CRC-64/XZ, another name of this CRC
    body = b"123456789"
    upload = cos.create_multipart_upload(BUCKET, "parts")["UploadId"]
    part = cos.upload_part(BUCKET, "parts", body, 1, upload)
    parts = {"Part": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    source = {"Bucket": BUCKET, "Key": "parts", "Region": sandbox.region}
    cos.append_object(BUCKET, "log", 0, body[:4])

    replies = [
        part,
        cos.complete_multipart_upload(BUCKET, "parts", upload, parts),
        cos.put_object(BUCKET, body, "put"),
        cos.copy_object(BUCKET, "copy", source),
        cos.append_object(BUCKET, "log", 4, body[4:]),
        *(cos.head_object(BUCKET, key) for key in ("parts", "put", "copy", "log")),
        cos.get_object(BUCKET, "put", Range="bytes=0-3"),
    ]

    assert [{CRC: reply[CRC]} for reply in replies] == [check] * len(replies)


def test_the_sdk_verifies_the_checksum(cos: CosS3Client, tmp_path: Path) -> None:
    body = bytes(range(256)) * (3 * MEGABYTE // 256)
    (tmp_path / "in").write_bytes(body)
    cos.upload_file(BUCKET, "big", str(tmp_path / "in"), PartSize=1, MAXThread=3)

    cos.download_file(BUCKET, "big", str(tmp_path / "out"), PartSize=1, MAXThread=3, EnableCRC=True)

    assert (tmp_path / "out").read_bytes() == body


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_a_checksum_can_be_computed_chunk_by_chunk(chunks: list[bytes]) -> None:
    # The SDK computes it in one go.
    whole = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)(
        b"".join(chunks)
    )
    crc = crc64.Crc64()

    for chunk in chunks:
        crc.update(chunk)

    assert crc.value == whole


def test_without_a_compiler_large_objects_have_no_checksum(
    cos: CosS3Client, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crc64, "_MAX_BYTES", 10)
    cos.put_object(BUCKET, b"x" * 10, "small")

    assert CRC in cos.head_object(BUCKET, "small")
    assert CRC not in cos.put_object(BUCKET, b"x" * 11, "big")
    assert CRC not in cos.head_object(BUCKET, "big")


def test_an_invalid_range_is_ignored_or_rejected(
    cos: CosS3Client, http: requests.Session, bucket: Bucket
) -> None:
    bucket.put("a", b"0123456789")
    signed = url(cos, "GET", "a")

    for header in ("bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=5-2"):
        assert http.get(signed, headers={"Range": header}).status_code == 200
    assert http.get(signed, headers={"Range": "bytes=-0"}).status_code == 416

    head = http.head(url(cos, "HEAD", "a"), headers={"Range": "bytes=2-4"})
    assert (head.status_code, head.headers["Content-Length"]) == (206, "3")


def test_an_unimplemented_operation_is_rejected(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError) as caught:
        cos.get_bucket_policy(BUCKET)
    assert (caught.value.get_status_code(), caught.value.get_error_code()) == (
        405,
        "MethodNotAllowed",
    )


def test_a_target_that_is_not_utf_8_is_rejected(http: requests.Session) -> None:
    reply = http.get(f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/%ff")

    assert (reply.status_code, "<Code>InvalidURI</Code>" in reply.text) == (400, True)
    assert reply.headers["x-cos-request-id"] in reply.text
