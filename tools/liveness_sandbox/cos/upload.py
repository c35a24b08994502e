"""What every way to create an object shares: receive and check its bytes, describe it."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from ..blobs import Blob, BlobStore
from ..clock import Clock
from . import encryption
from .encryption import Encryption
from .errors import CosError
from .store import METADATA_PREFIX, Bucket, StoredObject

MOST_KEY_BYTES = 850
MOST_METADATA_BYTES = 2048
KEPT_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)


@dataclass(frozen=True)
class Attributes:
    """What the headers of an upload say about the object to be."""

    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    storage_class: str
    encryption: Encryption | None


def attributes(headers: Mapping[str, str], bucket: Bucket) -> Attributes:
    metadata = {name: value for name, value in headers.items() if name.startswith(METADATA_PREFIX)}
    names = sum(len(name) - len(METADATA_PREFIX) for name in metadata)
    values = sum(len(value.encode("utf-8", "surrogateescape")) for value in metadata.values())
    if names + values > MOST_METADATA_BYTES:
        raise CosError(400, "MetadataTooLarge", "Your metadata headers exceed 2 KB")
    return Attributes(
        {name: headers[name] for name in KEPT_HEADERS if name in headers},
        metadata,
        headers.get("x-cos-storage-class", "STANDARD"),
        encryption.requested(headers, bucket.encryption),
    )


def check_key(key: str) -> None:
    if len(key.encode()) > MOST_KEY_BYTES:
        raise CosError(400, "KeyTooLong", f"A key has at most {MOST_KEY_BYTES} bytes")


def describe(
    key: str, blob: Blob, described: Attributes, clock: Clock, etag: str | None = None
) -> StoredObject:
    """`etag`: unquoted, where the way of uploading rules it (multipart, append)."""
    if etag is None:
        hidden = described.encryption is not None and not described.encryption.etag_is_md5
        # With SSE-KMS and SSE-C the ETag looks like an MD5 and is none.
        etag = uuid.uuid4().hex if hidden else blob.md5
    return StoredObject(
        key,
        blob,
        f'"{etag}"',
        clock.now(),
        described.headers,
        described.metadata,
        storage_class=described.storage_class,
        encryption=described.encryption,
    )


async def receive(
    chunks: AsyncIterator[bytes], blobs: BlobStore, content_md5: str | None = None
) -> Blob:
    """Take the bytes in; with a Content-MD5 they have to match it (RFC 1864)."""
    expected = None if content_md5 is None else _digest(content_md5)
    writer = blobs.writer()
    try:
        async for chunk in chunks:
            writer.write(chunk)
        blob = writer.finish()
    except BaseException:
        # Also when the client goes away in the middle: half an object is no object.
        writer.discard()
        raise
    if expected is not None and blob.md5 != expected:
        blob.release()
        raise CosError(
            400, "BadDigest", "The Content-MD5 you specified did not match what we received"
        )
    return blob


async def concatenated(blobs: list[Blob]) -> AsyncIterator[bytes]:
    for blob in blobs:
        with blob.open() as stream:
            while chunk := stream.read(1024 * 1024):
                yield chunk


def _digest(content_md5: str) -> str:
    try:
        digest = base64.b64decode(content_md5, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise CosError(400, "InvalidDigest", "The Content-MD5 you specified is not valid")
    return digest.hex()
