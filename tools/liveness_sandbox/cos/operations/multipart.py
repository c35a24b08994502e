"""The requests of a multipart upload (436/14112): initiate, parts, complete, abort, listings."""

from __future__ import annotations

import uuid

from ...blobs import Blob, BlobStore
from ...clock import Clock, iso_date
from ...hosts import object_url
from ...wire import Reply
from .. import request_body
from ..errors import CosError
from ..markup import document, element
from ..multipart_uploads import MultipartUpload, MultipartUploads, Part, part_number
from ..store import Bucket, Store
from . import multipart_listing
from .copying import CopySources, source_range
from .object_creation import (
    commit,
    describe,
    join,
    receive_body,
    requested_attributes,
    wants_create_only,
)
from .objects import checksum_header, creation_headers
from .operation import XML, Operation


class MultipartOperations:
    def __init__(self, store: Store, sources: CopySources, clock: Clock) -> None:
        self._store = store
        self._sources = sources
        self._clock = clock
        self._uploads = MultipartUploads()

    def has_any(self, bucket: Bucket) -> bool:
        return bool(self._uploads.of(bucket))

    async def initiate(self, operation: Operation) -> Reply:
        upload = MultipartUpload(
            operation.bucket.name,
            operation.key,
            requested_attributes(operation),
            wants_create_only(operation.request.headers),
            self._clock.now(),
        )
        self._uploads.add(upload)
        body = document(
            element(
                "InitiateMultipartUploadResult",
                element("Bucket", upload.bucket),
                element("Key", upload.key),
                element("UploadId", upload.upload_id),
            )
        )
        return Reply(200, body, XML)

    async def upload_part(self, operation: Operation) -> Reply:
        number = self._number(operation)
        part = self._add(operation, number, await receive_body(operation.request, self._blobs))
        return Reply(200, headers={"ETag": part.etag, **checksum_header(part.blob)})

    async def copy_part(self, operation: Operation) -> Reply:
        number = self._number(operation)
        source = self._sources.find(operation)
        blob = await join(self._blobs, [source_range(operation, source)])
        part = self._add(operation, number, blob)
        body = element("ETag", part.etag), element("LastModified", iso_date(part.uploaded))
        return Reply(
            200, document(element("CopyPartResult", *body)), {**XML, **checksum_header(part.blob)}
        )

    async def complete(self, operation: Operation) -> Reply:
        upload = self._upload(operation)
        body_tree = await request_body.read(operation.request, "CompleteMultipartUpload")
        parts = upload.assemble(body_tree)
        blob = await join(self._blobs, [part.as_slice() for part in parts])
        self._require_open(operation, blob)
        # It looks like an MD5, but is not the MD5 of the object.
        etag = f"{uuid.uuid4().hex}-{len(parts)}"
        stored = describe(upload.key, blob, upload.attributes, self._clock, etag)
        create_only = upload.create_only or wants_create_only(operation.request.headers)
        stored = commit(operation, stored, "CompleteMultipartUpload", create_only)
        self._uploads.remove(upload)
        body = document(
            element(
                "CompleteMultipartUploadResult",
                element("Location", object_url(upload.bucket, operation.bucket.region, upload.key)),
                element("Bucket", upload.bucket),
                element("Key", upload.key),
                element("ETag", stored.etag),
            )
        )
        return Reply(200, body, {**XML, **creation_headers(stored)})

    async def abort(self, operation: Operation) -> Reply:
        self._uploads.remove(self._upload(operation))
        return Reply(204)

    async def list_parts(self, operation: Operation) -> Reply:
        upload = self._upload(operation)
        body = multipart_listing.part_list(upload, operation.bucket, operation.request.query)
        return Reply(200, body, XML)

    async def list_uploads(self, operation: Operation) -> Reply:
        bucket = operation.bucket
        uploads = self._uploads.of(bucket)
        body = multipart_listing.upload_list(bucket, uploads, operation.request.query)
        return Reply(200, body, XML)

    @property
    def _blobs(self) -> BlobStore:
        return self._store.blobs

    def _number(self, operation: Operation) -> int:
        """Return the part number. Call it before the bytes are received, to report errors early."""
        self._upload(operation)
        return part_number(operation.request.query.get("partNumber", ""))

    def _add(self, operation: Operation, number: int, blob: Blob) -> Part:
        part = Part(blob, self._clock.now())
        self._require_open(operation, blob).add(number, part)
        return part

    def _require_open(self, operation: Operation, blob: Blob) -> MultipartUpload:
        """Return the upload, unless it was completed or aborted while the bytes arrived."""
        try:
            return self._upload(operation)
        except CosError:
            blob.release()
            raise

    def _upload(self, operation: Operation) -> MultipartUpload:
        query = operation.request.query
        return self._uploads.find(operation.bucket, operation.key, query["uploadId"])
