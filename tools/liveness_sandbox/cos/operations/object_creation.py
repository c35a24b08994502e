"""What all ways to create an object share: receive its bytes, describe it, commit it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence

from ...blobs import SPOOL_BYTES, Blob, BlobSlice, BlobStore
from ...clock import Clock
from ...wire import WireRequest
from .. import acl, encryption, request_body
from ..attributes import Attributes
from ..errors import CosError
from ..store import METADATA_PREFIX, Bucket, CreationInfo, ObjectExists, StoredObject
from . import archive, tagging
from .operation import Operation

MAX_KEY_BYTES = 850
MAX_METADATA_BYTES = 2048
STORED_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)
CREATE_ONLY = "x-cos-forbid-overwrite"


def requested_attributes(operation: Operation) -> Attributes:
    check_key(operation.key)
    return parse_attributes(operation.request.headers, operation.bucket)


def parse_attributes(headers: Mapping[str, str], bucket: Bucket) -> Attributes:
    metadata = {name: value for name, value in headers.items() if name.startswith(METADATA_PREFIX)}
    names = sum(len(name) - len(METADATA_PREFIX) for name in metadata)
    values = sum(len(value.encode("utf-8", "surrogateescape")) for value in metadata.values())
    if names + values > MAX_METADATA_BYTES:
        raise CosError(400, "MetadataTooLarge", "Your metadata headers exceed 2 KB")
    return Attributes(
        {name: headers[name] for name in STORED_HEADERS if name in headers},
        metadata,
        tagging.from_headers(headers),
        archive.requested_class(headers),
        encryption.requested(headers, bucket.encryption),
        acl.requested(headers, acl.OF_OBJECT) or acl.Acl(acl.DEFAULT),
    )


def check_key(key: str) -> None:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise CosError(400, "KeyTooLong", f"A key has at most {MAX_KEY_BYTES} bytes")


def describe(
    key: str, blob: Blob, attributes: Attributes, clock: Clock, etag: str | None = None
) -> StoredObject:
    """Build the stored object; pass an unquoted `etag` if it is not derived from the bytes."""
    if etag is None:
        encrypted = attributes.encryption is not None and not attributes.encryption.etag_is_md5
        # With SSE-KMS and SSE-C the ETag looks like an MD5 but is not one.
        etag = uuid.uuid4().hex if encrypted else blob.md5
    return StoredObject(
        key,
        blob,
        f'"{etag}"',
        clock.now(),
        attributes.headers,
        attributes.metadata,
        tags=attributes.tags,
        storage_class=attributes.storage_class,
        encryption=attributes.encryption,
        acl=attributes.acl,
    )


def commit(
    operation: Operation, stored: StoredObject, kind: str, create_only: bool | None = None
) -> StoredObject:
    """Commit the object; `create_only` None means that the header of the request decides."""
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
    """Receive the body, and check it against Content-MD5 if there is one."""
    expected = request_body.content_md5(request)
    blob = await blobs.receive(request.chunks())
    if expected is not None and blob.md5 != expected:
        blob.release()
        raise request_body.bad_digest()
    return blob


async def join(blobs: BlobStore, slices: Sequence[BlobSlice]) -> Blob:
    """Concatenate stored bytes; many of them in a thread, so that other clients need not wait."""
    if sum(each.length for each in slices) <= SPOOL_BYTES:
        return blobs.join(slices)
    return await asyncio.to_thread(blobs.join, slices)
