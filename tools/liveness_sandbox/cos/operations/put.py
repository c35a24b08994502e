"""Creating an object with a single request: put, copy, append, and form upload."""

from __future__ import annotations

import uuid
from dataclasses import replace

from ...clock import Clock, iso_date
from ...hosts import object_url
from ...wire import Reply, WireRequest
from .. import access
from ..catalogue import require_served
from ..errors import CosError
from ..markup import document, element
from ..signature import Authenticator
from ..store import Bucket, Store
from . import archive, form, tagging
from .copying import CopySources
from .object_creation import (
    check_key,
    commit,
    describe,
    join,
    parse_attributes,
    receive_body,
    requested_attributes,
    wants_create_only,
)
from .objects import creation_headers
from .operation import XML, Operation


class UploadOperations:
    def __init__(
        self, store: Store, authenticator: Authenticator, sources: CopySources, clock: Clock
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._sources = sources
        self._clock = clock

    async def put(self, operation: Operation) -> Reply:
        request = operation.request
        attributes = requested_attributes(operation)
        chunked = "transfer-encoding" in request.headers
        if not request.has_length and (operation.bucket.requires_length or not chunked):
            raise CosError(
                411, "MissingContentLength", "You must provide the Content-Length HTTP header"
            )
        blob = await receive_body(request, self._store.blobs)
        stored = commit(operation, describe(operation.key, blob, attributes, self._clock), "Put")
        return Reply(200, headers=creation_headers(stored))

    async def copy(self, operation: Operation) -> Reply:
        """PUT Object - Copy (436/10881)."""
        headers = operation.request.headers
        source = self._sources.find(operation)
        attributes = requested_attributes(operation)
        copies_metadata = _copies(headers.get("x-cos-metadata-directive", "Copy"))
        if copies_metadata and source is operation.bucket.get(operation.key):
            raise CosError(
                400,
                "InvalidRequest",
                "A copy onto the object itself needs x-cos-metadata-directive: Replaced",
            )
        if copies_metadata:
            attributes = replace(attributes, headers=source.headers, metadata=source.metadata)
        if _copies(headers.get(tagging.DIRECTIVE, "Copy")):
            attributes = replace(attributes, tags=source.tags)
        blob = await join(self._store.blobs, [source.blob.as_slice()])
        stored = commit(operation, describe(operation.key, blob, attributes, self._clock), "Copy")
        body = element("ETag", stored.etag), element("LastModified", iso_date(stored.last_modified))
        return Reply(
            200, document(element("CopyObjectResult", *body)), {**XML, **creation_headers(stored)}
        )

    async def append(self, operation: Operation) -> Reply:
        """APPEND Object (436/7741)."""
        attributes = requested_attributes(operation)
        if attributes.storage_class in archive.NOT_APPENDABLE:
            raise CosError(
                400, "InvalidArgument", f"{attributes.storage_class} objects are not appendable"
            )
        before = operation.bucket.get(operation.key)
        if before is not None and before.object_type != "appendable":
            raise CosError(409, "ObjectNotAppendable", "The object is not appendable")
        if operation.request.query.get("position") != str(before.size if before else 0):
            raise _wrong_position()
        blobs = [await receive_body(operation.request, self._store.blobs)]
        if before is not None:
            blobs.insert(0, before.blob)
            attributes = replace(
                attributes,
                headers=before.headers,
                metadata=before.metadata,
                storage_class=before.storage_class,
            )
        blob = await join(self._store.blobs, [each.as_slice() for each in blobs])
        blobs[-1].release()
        if operation.bucket.get(operation.key) is not before:
            blob.release()  # another client was faster
            raise _wrong_position()
        stored = describe(operation.key, blob, attributes, self._clock, etag=uuid.uuid4().hex)
        stored = commit(operation, replace(stored, object_type="appendable"), "Append")
        return Reply(
            200,
            headers={**creation_headers(stored), "x-cos-next-append-position": str(stored.size)},
        )

    async def post_form(self, request: WireRequest, bucket: Bucket) -> Reply:
        """POST Object, the upload of a browser form (436/14690)."""
        posted = await form.read(request, self._store.blobs)
        try:
            operation = self._authorize_form(request, bucket, posted)
            attributes = parse_attributes(posted.fields, bucket)
            check_key(posted.key)
        except CosError:
            posted.blob.release()
            raise
        stored = commit(
            operation,
            describe(posted.key, posted.blob, attributes, self._clock),
            "Post",
            wants_create_only(posted.fields),
        )
        headers = creation_headers(stored)
        status = posted.fields.get("success_action_status")
        if status != "201":
            return Reply(200 if status == "200" else 204, headers=headers)
        body = element(
            "PostResponse",
            element("Location", object_url(bucket.name, bucket.region, posted.key)),
            element("Bucket", bucket.name),
            element("Key", posted.key),
            element("ETag", stored.etag),
        )
        return Reply(201, document(body), {**XML, **headers})

    def _authorize_form(
        self, request: WireRequest, bucket: Bucket, posted: form.PostedForm
    ) -> Operation:
        policy = form.policy(posted.fields, self._clock)
        identity = self._authenticator.identify_form(posted.fields, policy.raw)
        if identity.principal.appid != bucket.appid:
            raise CosError(403, "AccessDenied", "Access Denied.")
        resource = access.resource_of(bucket.region, bucket.name, posted.key)
        access.require(identity.principal, ("PostObject",), resource, request, posted.fields)
        policy.require_met(posted, bucket.name)
        require_served(posted.fields)
        return Operation(request, bucket, posted.key, identity)


def _copies(directive: str) -> bool:
    if directive not in ("Copy", "Replaced"):
        raise CosError(400, "InvalidArgument", "The directive must be Copy or Replaced")
    return directive == "Copy"


def _wrong_position() -> CosError:
    return CosError(
        409, "PositionNotEqualToLength", "The position is not equal to the object's length"
    )
