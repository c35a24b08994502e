"""GET, HEAD and DELETE of an object."""

from __future__ import annotations

from ..blobs import BlobSlice
from ..clock import Clock, http_date
from ..wire import Reply
from . import encryption
from .conditions import byte_range, is_unmodified
from .errors import CosError
from .operation import Operation
from .store import Store, StoredObject
from .upload import KEPT_HEADERS


class ObjectOperations:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, operation: Operation) -> Reply:
        """GET and HEAD differ in the body only, which the server leaves out of a HEAD."""
        request, bucket = operation.request, operation.bucket
        stored = bucket.get(operation.key)
        wanted_version = request.query.get("versionId")
        if stored is None:
            raise CosError(404, "NoSuchKey", "The specified key does not exist")
        if wanted_version is not None and wanted_version != stored.version_id:
            # The sandbox keeps the current version only.
            raise CosError(404, "NoSuchVersion", "The specified version does not exist")
        encryption.require_key(stored.encryption, request.headers)
        if stored.redirect is not None:
            return Reply(302, headers={"Location": stored.redirect})
        headers = object_headers(stored)
        if is_unmodified(stored, request.headers):
            return Reply(304, headers=headers)
        for name in KEPT_HEADERS:
            if f"response-{name}" in request.query:
                headers[name.title()] = request.query[f"response-{name}"]
        wanted = byte_range(request.headers.get("range"), stored.size)
        if wanted is None:
            return Reply(200, BlobSlice(stored.blob, 0, stored.size), headers)
        offset, length = wanted
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{stored.size}"
        return Reply(206, BlobSlice(stored.blob, offset, length), headers)

    async def delete(self, operation: Operation) -> Reply:
        # Deleting what is not there succeeds as well.
        operation.bucket.delete(operation.key)
        return Reply(204)


def object_headers(stored: StoredObject) -> dict[str, str]:
    # The SDK hands the names on in the case they came in, and its users look for `ETag`.
    headers = {
        "Content-Type": stored.content_type,
        # Buckets made since 2024 do this on the default domain.
        "Content-Disposition": "attachment",
        "x-cos-force-download": "true",
        **{name.title(): value for name, value in stored.headers.items()},
        **stored.metadata,
        "Last-Modified": http_date(stored.last_modified),
        "Accept-Ranges": "bytes",
        "x-cos-object-type": stored.object_type,
    }
    if stored.storage_class != "STANDARD":
        headers["x-cos-storage-class"] = stored.storage_class
    headers.update(creation_headers(stored))
    return headers


def creation_headers(stored: StoredObject) -> dict[str, str]:
    """What the reply to an upload says of the new object, and every later reply repeats."""
    headers = {"ETag": stored.etag}
    if stored.version_id is not None:
        headers["x-cos-version-id"] = stored.version_id
    if stored.encryption is not None:
        headers.update(stored.encryption.reply_headers())
    return headers
