"""All ways to create an object: put, copy, append, multipart, and a form."""

from __future__ import annotations

import uuid
from dataclasses import replace
from urllib.parse import unquote

from ..blobs import Blob
from ..clock import Clock, iso_date
from ..hosts import CosHost, bucket_host, host_of
from ..wire import Reply, WireRequest
from . import form, multipart
from .errors import CosError
from .markup import document, element
from .multipart import MultipartUpload, MultipartUploads
from .objects import creation_headers
from .operation import Operation
from .signature import Authenticator
from .store import Bucket, Creation, ObjectExists, Store, StoredObject
from .upload import Attributes, attributes, check_key, concatenated, describe, receive

CREATE_ONLY = "x-cos-forbid-overwrite"
_XML = {"Content-Type": "application/xml"}


class UploadOperations:
    def __init__(self, store: Store, authenticator: Authenticator, clock: Clock) -> None:
        self._store = store
        self._authenticator = authenticator
        self._clock = clock
        self._uploads = MultipartUploads()

    async def put(self, operation: Operation) -> Reply:
        request = operation.request
        described = self._attributes(operation)
        if not request.has_length and operation.bucket.requires_length:
            raise CosError(
                411, "MissingContentLength", "You must provide the Content-Length HTTP header"
            )
        blob = await self._receive(request)
        stored = self._commit(
            operation, describe(operation.key, blob, described, self._clock), "Put"
        )
        return Reply(200, headers=creation_headers(stored))

    async def copy(self, operation: Operation) -> Reply:
        source = self._copy_source(operation)
        described = self._attributes(operation)
        if operation.request.headers.get("x-cos-metadata-directive", "Copy") == "Copy":
            described = replace(described, headers=source.headers, metadata=source.metadata)
        blob = await receive(concatenated([source.blob]), self._store.blobs)
        stored = self._commit(
            operation, describe(operation.key, blob, described, self._clock), "Copy"
        )
        body = element("ETag", stored.etag), element("LastModified", iso_date(stored.last_modified))
        return Reply(
            200, document(element("CopyObjectResult", *body)), {**_XML, **creation_headers(stored)}
        )

    async def append(self, operation: Operation) -> Reply:
        described = self._attributes(operation)
        before = operation.bucket.get(operation.key)
        if before is not None and before.object_type != "appendable":
            raise CosError(409, "ObjectNotAppendable", "The object is not appendable")
        size = before.size if before else 0
        if operation.request.query.get("position") != str(size):
            raise CosError(
                409, "PositionNotEqualToLength", "The position is not equal to the object's length"
            )
        piece = await self._receive(operation.request)
        blob = await receive(
            concatenated([before.blob, piece] if before else [piece]), self._store.blobs
        )
        if before is not None:
            described = replace(described, headers=before.headers, metadata=before.metadata)
        stored = describe(operation.key, blob, described, self._clock, etag=uuid.uuid4().hex)
        stored = self._commit(operation, replace(stored, object_type="appendable"), "Append")
        return Reply(
            200,
            headers={**creation_headers(stored), "x-cos-next-append-position": str(stored.size)},
        )

    async def initiate(self, operation: Operation) -> Reply:
        described = self._attributes(operation)
        upload = MultipartUpload(
            operation.bucket.name,
            operation.key,
            described,
            _create_only(operation.request),
            self._clock.now(),
        )
        self._uploads.add(upload)
        return Reply(200, multipart.initiated(upload), _XML)

    async def upload_part(self, operation: Operation) -> Reply:
        upload = self._upload(operation)
        blob = await self._receive(operation.request)
        upload.add(operation.request.query.get("partNumber", ""), blob)
        return Reply(200, headers={"ETag": f'"{blob.md5}"'})

    async def complete(self, operation: Operation) -> Reply:
        upload = self._upload(operation)
        parts = upload.assemble(await operation.request.read())
        blob = await receive(concatenated(parts), self._store.blobs)
        # Not the MD5 of the whole, whatever it looks like.
        stored = describe(
            upload.key, blob, upload.described, self._clock, etag=f"{uuid.uuid4().hex}-{len(parts)}"
        )
        stored = self._commit(operation, stored, "CompleteMultipartUpload", upload.create_only)
        self._uploads.remove(upload)
        location = f"http://{bucket_host(upload.bucket, operation.bucket.region)}/{upload.key}"
        body = document(
            element(
                "CompleteMultipartUploadResult",
                element("Location", location),
                element("Bucket", upload.bucket),
                element("Key", upload.key),
                element("ETag", stored.etag),
            )
        )
        return Reply(200, body, {**_XML, **creation_headers(stored)})

    async def abort(self, operation: Operation) -> Reply:
        self._uploads.remove(self._upload(operation))
        return Reply(204)

    async def list_parts(self, operation: Operation) -> Reply:
        after = operation.request.query.get("part-number-marker", "")
        return Reply(200, multipart.part_list(self._upload(operation), after), _XML)

    async def list_uploads(self, operation: Operation) -> Reply:
        return Reply(
            200,
            self._uploads.list(operation.bucket, operation.request.query.get("prefix", "")),
            _XML,
        )

    async def post_form(self, request: WireRequest, bucket: Bucket) -> Reply:
        """POST Object, as a browser's form uploads (436/14690)."""
        posted = await form.read(request, self._store.blobs)
        identity = self._authenticator.identify_form(
            posted.fields, form.policy(posted.fields, self._clock)
        )
        if identity.principal.appid != bucket.appid:
            raise CosError(403, "AccessDenied", "Access Denied")
        operation = Operation(request, bucket, posted.key, identity)
        described = attributes(posted.fields, bucket)
        check_key(posted.key)
        create_only = posted.fields.get(CREATE_ONLY, "").lower() == "true"
        stored = self._commit(
            operation,
            describe(posted.key, posted.blob, described, self._clock),
            "Post",
            create_only,
        )
        wanted = posted.fields.get("success_action_status", "204")
        return Reply(
            int(wanted) if wanted in ("200", "201") else 204, headers=creation_headers(stored)
        )

    def _attributes(self, operation: Operation) -> Attributes:
        check_key(operation.key)
        return attributes(operation.request.headers, operation.bucket)

    async def _receive(self, request: WireRequest) -> Blob:
        return await receive(
            request.chunks(), self._store.blobs, request.headers.get("content-md5")
        )

    def _commit(
        self, operation: Operation, stored: StoredObject, kind: str, create_only: bool | None = None
    ) -> StoredObject:
        request = operation.request
        creation = Creation(
            kind, request.request_id, operation.identity.authorization, request.source_ip
        )
        if create_only is None:
            create_only = _create_only(request)
        try:
            return operation.bucket.commit(stored, creation, create_only)
        except ObjectExists:
            stored.blob.release()
            raise CosError(
                409, "FileAlreadyExists", "The file already exists, overwriting is forbidden"
            ) from None

    def _upload(self, operation: Operation) -> MultipartUpload:
        return self._uploads.find(
            operation.bucket, operation.key, operation.request.query["uploadId"]
        )

    def _copy_source(self, operation: Operation) -> StoredObject:
        """`<bucket-appid>.cos.<region>.myqcloud.com/<encoded key>`."""
        name, _, path = (
            operation.request.headers["x-cos-copy-source"].partition("?")[0].partition("/")
        )
        host = host_of(name.lower())
        bucket = self._store.find(host.bucket) if isinstance(host, CosHost) else None
        if bucket is None or bucket.appid != operation.identity.principal.appid:
            raise CosError(404, "NoSuchBucket", "The source bucket does not exist")
        source = bucket.get(unquote(path))
        if source is None:
            raise CosError(404, "NoSuchKey", "The source object does not exist")
        return source


def _create_only(request: WireRequest) -> bool:
    return request.headers.get(CREATE_ONLY, "").lower() == "true"
