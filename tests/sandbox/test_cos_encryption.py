"""Server-side encryption: its effect on ETags, and on how objects are read."""

from __future__ import annotations

import base64
import hashlib

import pytest
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from liveness_sandbox import Sandbox

from .clients import BUCKET, md5

ETAG = f'"{md5(b"body")}"'


def customer_key(key: bytes) -> dict[str, str]:
    return {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": base64.b64encode(key).decode(),
        "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


def test_sse_cos_keeps_the_md5(cos: CosS3Client) -> None:
    put = cos.put_object(BUCKET, b"body", "a", ServerSideEncryption="AES256")
    head = cos.head_object(BUCKET, "a")

    assert put["ETag"] == head["ETag"] == ETAG
    assert put["x-cos-server-side-encryption"] == head["x-cos-server-side-encryption"] == "AES256"


def test_sse_kms_hides_the_md5(cos: CosS3Client) -> None:
    put = cos.put_object(BUCKET, b"body", "a", ServerSideEncryption="cos/kms")
    head = cos.head_object(BUCKET, "a")

    assert put["ETag"] == head["ETag"] != ETAG
    assert len(head["ETag"]) == len(ETAG), "the trap: it looks like an MD5"
    assert head["x-cos-server-side-encryption"] == "cos/kms"


@pytest.mark.parametrize(("encryption", "is_md5"), [("AES256", True), ("cos/kms", False)])
def test_a_bucket_can_encrypt_by_default(
    sandbox: Sandbox, cos: CosS3Client, encryption: str, is_md5: bool
) -> None:
    sandbox.create_bucket("sealed-1250000000", encryption=encryption)
    put = cos.put_object("sealed-1250000000", b"body", "a")

    assert put["x-cos-server-side-encryption"] == encryption
    assert (put["ETag"] == ETAG) is is_md5


def test_sse_c_needs_the_key_again(cos: CosS3Client) -> None:
    key = customer_key(b"k" * 32)

    assert cos.put_object(BUCKET, b"body", "a", **key)["ETag"] != ETAG
    assert cos.get_object(BUCKET, "a", **key)["Body"].get_raw_stream().read() == b"body"

    with pytest.raises(CosServiceError) as without:
        cos.get_object(BUCKET, "a")
    assert without.value.get_status_code() == 400

    with pytest.raises(CosServiceError) as wrong:
        cos.get_object(BUCKET, "a", **customer_key(b"w" * 32))
    assert wrong.value.get_status_code() == 403

    with pytest.raises(CosServiceError) as headed:
        cos.head_object(BUCKET, "a")
    assert headed.value.get_status_code() == 400


def test_an_invalid_customer_key_is_rejected(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError, match="InvalidArgument"):
        cos.put_object(BUCKET, b"body", "a", **customer_key(b"too short"))


def test_an_unknown_encryption_is_rejected(cos: CosS3Client) -> None:
    with pytest.raises(CosServiceError, match="InvalidArgument"):
        cos.put_object(BUCKET, b"body", "a", ServerSideEncryption="rot13")
