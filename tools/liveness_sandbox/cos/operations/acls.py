"""GET and PUT of the ACL of a bucket (436/7733, 436/7737) or an object (436/7744, 436/7748)."""

from __future__ import annotations

from ...wire import Reply
from .. import request_body
from ..acl import DEFAULT, OF_BUCKET, OF_OBJECT, Acl, parsed, requested
from .operation import XML, Operation


class AclOperations:
    async def get_of_bucket(self, operation: Operation) -> Reply:
        return _shown(operation.bucket.acl)

    async def put_of_bucket(self, operation: Operation) -> Reply:
        operation.bucket.configure(acl=await _wanted(operation, OF_BUCKET))
        return Reply(200)

    async def get_of_object(self, operation: Operation) -> Reply:
        return _shown(operation.stored().acl)

    async def put_of_object(self, operation: Operation) -> Reply:
        stored = operation.stored()
        operation.bucket.update_attributes(stored, acl=await _wanted(operation, OF_OBJECT))
        return Reply(200)


async def _wanted(operation: Operation, canned: tuple[str, ...]) -> Acl:
    """Return the ACL of the headers, or else that of the body."""
    acl = requested(operation.request.headers, canned)
    if acl is not None:
        await operation.request.discard()
        return acl
    return parsed(await request_body.read(operation.request, "AccessControlPolicy"), canned)


def is_readable_by_all(operation: Operation) -> bool:
    """Return whether a request without a signature may read the object, or list the bucket."""
    stored = operation.bucket.get(operation.key) if operation.key else None
    if stored is not None and stored.acl.canned != DEFAULT:
        return stored.acl.is_readable_by_all
    return operation.bucket.acl.is_readable_by_all


def _shown(acl: Acl) -> Reply:
    body, headers = acl.reply()
    return Reply(200, body, {**XML, **headers})
