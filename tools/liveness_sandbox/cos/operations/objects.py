"""GET (436/7753) and HEAD (436/7745) of an object."""

from __future__ import annotations

from ...blobs import Blob, BlobSlice
from ...clock import http_date
from ...wire import Reply
from .. import encryption
from ..store import StoredObject
from . import archive
from .archive import Archive
from .conditions import byte_range, is_unmodified
from .object_creation import STORED_HEADERS
from .operation import Operation


class ObjectOperations:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def get(self, operation: Operation) -> Reply:
        """Handle GET and HEAD; the server omits the body for HEAD."""
        request = operation.request
        stored = operation.stored()
        encryption.require_key(stored.encryption, request.headers)
        if request.method == "GET":
            self._archive.require_readable(stored)
        if stored.redirect is not None:
            return Reply(302, headers={"Location": stored.redirect})
        headers = object_headers(stored)
        if is_unmodified(stored, request.headers):
            return Reply(304, headers=headers)
        for name in STORED_HEADERS:
            if f"response-{name}" in request.query:
                headers[name.title()] = request.query[f"response-{name}"]
        requested_range = byte_range(request.headers.get("range"), stored.size)
        if requested_range is None:
            return Reply(200, stored.blob.as_slice(), headers)
        offset, length = requested_range
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{stored.size}"
        return Reply(206, BlobSlice(stored.blob, offset, length), headers)


def object_headers(stored: StoredObject) -> dict[str, str]:
    # The SDK keeps the case of header names, and its users look for `ETag`.
    headers = {
        "Content-Type": stored.content_type,
        # Buckets created since 2024 do this on the default domain.
        "Content-Disposition": "attachment",
        "x-cos-force-download": "true",
        **{name.title(): value for name, value in stored.headers.items()},
        **stored.metadata,
        "Last-Modified": http_date(stored.last_modified),
        "Accept-Ranges": "bytes",
        "x-cos-object-type": stored.object_type,
        **archive.class_headers(stored),
        **creation_headers(stored),
    }
    if stored.tags:
        headers["x-cos-tagging-count"] = str(len(stored.tags))
    return headers


def creation_headers(stored: StoredObject) -> dict[str, str]:
    """Return the headers of the reply to an upload, which later replies repeat."""
    headers = {"ETag": stored.etag, **checksum_header(stored.blob)}
    if stored.version_id is not None:
        headers["x-cos-version-id"] = stored.version_id
    if stored.encryption is not None:
        headers.update(stored.encryption.reply_headers())
    return headers


def checksum_header(blob: Blob) -> dict[str, str]:
    return {} if blob.crc64 is None else {"x-cos-hash-crc64ecma": str(blob.crc64)}
