"""Server-side encryption: where the key is kept, and its effect on the ETag."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import CosError

SSE = "x-cos-server-side-encryption"
KMS_KEY_ID = "x-cos-server-side-encryption-cos-kms-key-id"
CUSTOMER_ALGORITHM = "x-cos-server-side-encryption-customer-algorithm"
CUSTOMER_KEY = "x-cos-server-side-encryption-customer-key"
CUSTOMER_KEY_MD5 = "x-cos-server-side-encryption-customer-key-md5"

SSE_COS = "AES256"
SSE_KMS = "cos/kms"
SSE_C = "customer"


@dataclass(frozen=True)
class Encryption:
    kind: str
    key_id: str = ""
    """SSE-KMS: the id of the key. SSE-C: the MD5 of the key, which itself is not kept."""

    @property
    def etag_is_md5(self) -> bool:
        return self.kind == SSE_COS

    def reply_headers(self) -> dict[str, str]:
        if self.kind == SSE_C:
            return {CUSTOMER_ALGORITHM: "AES256", CUSTOMER_KEY_MD5: self.key_id}
        if self.kind == SSE_KMS:
            return {SSE: SSE_KMS, KMS_KEY_ID: self.key_id}
        return {SSE: SSE_COS}


def requested(headers: Mapping[str, str], bucket_default: str | None) -> Encryption | None:
    """Return the encryption that an upload requests, or else the default of the bucket."""
    if CUSTOMER_ALGORITHM in headers:
        return Encryption(SSE_C, _customer_key_md5(headers))
    kind = headers.get(SSE) or bucket_default
    if kind is None:
        return None
    if kind not in (SSE_COS, SSE_KMS):
        raise CosError(400, "InvalidArgument", f"{SSE} must be AES256 or cos/kms")
    return Encryption(kind, headers.get(KMS_KEY_ID, "default") if kind == SSE_KMS else "")


def require_key(encryption: Encryption | None, headers: Mapping[str, str]) -> None:
    """Require the key that an SSE-C object was stored with, as GET and HEAD do."""
    if encryption is None or encryption.kind != SSE_C:
        return
    if CUSTOMER_ALGORITHM not in headers:
        raise CosError(
            400, "InvalidRequest", "The object was stored with a customer key, which is missing"
        )
    if _customer_key_md5(headers) != encryption.key_id:
        raise CosError(
            403, "AccessDenied", "The customer key is not the one the object was stored with"
        )


def _customer_key_md5(headers: Mapping[str, str]) -> str:
    if headers[CUSTOMER_ALGORITHM] != "AES256":
        raise CosError(400, "InvalidArgument", f"{CUSTOMER_ALGORITHM} must be AES256")
    try:
        key = base64.b64decode(headers.get(CUSTOMER_KEY, ""), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise CosError(400, "InvalidArgument", "The customer key must be 256 bits in base64")
    md5 = base64.b64encode(hashlib.md5(key).digest()).decode()
    if headers.get(CUSTOMER_KEY_MD5) != md5:
        raise CosError(400, "InvalidArgument", "The MD5 of the customer key does not match")
    return md5
