"""What every way to create an object shares: receive its bytes, describe it, commit it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence

from ...blobs import SPOOL_BYTES, Blob, BlobSlice, BlobStore
from ...clock import Clock
from ...wire import WireRequest
from .. import encryption, request_body
from ..attributes import Attributes
from ..errors import CosError
from ..store import METADATA_PREFIX, Bucket, CreationInfo, ObjectExists, StoredObject
from . import archive, tagging
from .operation import Operation

MAX_KEY_BYTES = 850
MAX_METADATA_BYTES = 2048
KEPT_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
CREATE_ONLY = "x-cos-forbid-overwrite"


def requested(operation: Operation) -> Attributes:
    check_key(operation.key)
    return attributes(operation.request.headers, operation.bucket)


def attributes(headers: Mapping[str, str], bucket: Bucket) -> Attributes:
    metadata = {name: value for name, value in headers.items() if name.startswith(METADATA_PREFIX)}
    names = sum(len(name) - len(METADATA_PREFIX) for name in metadata)
    values = sum(len(value.encode("utf-8", "surrogateescape")) for value in metadata.values())
    if names + values > MAX_METADATA_BYTES:
        raise CosError(400, "MetadataTooLarge", "Your metadata headers exceed 2 KB")
    return Attributes(
        {name: headers[name] for name in KEPT_HEADERS if name in headers},
        metadata,
        tagging.of_header(headers),
        archive.requested_class(headers),
        encryption.requested(headers, bucket.encryption),
    )


def check_key(key: str) -> None:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise CosError(400, "KeyTooLong", f"A key has at most {MAX_KEY_BYTES} bytes")


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
        tags=described.tags,
        storage_class=described.storage_class,
        encryption=described.encryption,
    )


def commit(
    operation: Operation, stored: StoredObject, kind: str, create_only: bool | None = None
) -> StoredObject:
    """`create_only`: None where the request's own header rules."""
    request = operation.request
    creation = CreationInfo(
        kind, request.request_id, operation.identity.authorization, request.source_ip
    )
    if create_only is None:
        create_only = wants_create_only(request.headers)
    try:
        return operation.bucket.commit(stored, creation, create_only)
    except ObjectExists:
        stored.blob.release()
        raise CosError(
            409, "FileAlreadyExists", "The file already exists, overwriting is forbidden"
        ) from None


def wants_create_only(headers: Mapping[str, str]) -> bool:
    return headers.get(CREATE_ONLY, "").lower() == "true"


async def receive_body(request: WireRequest, blobs: BlobStore) -> Blob:
    """The request's body; with a Content-MD5 it has to match it."""
    expected = request_body.content_md5(request)
    blob = await blobs.receive(request.chunks())
    if expected is not None and blob.md5 != expected:
        blob.release()
        raise request_body.bad_digest()
    return blob


async def join(blobs: BlobStore, slices: Sequence[BlobSlice]) -> Blob:
    """Copy bytes at rest. Many of them in a thread, or all other clients would have to wait."""
    if sum(each.length for each in slices) <= SPOOL_BYTES:
        return blobs.join(slices)
    return await asyncio.to_thread(blobs.join, slices)
