"""The COS XML API: which request means which operation, and what every reply has in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..clock import Clock
from ..hosts import CosHost
from ..wire import Reply, WireRequest
from . import listing
from .errors import CosError
from .objects import ObjectOperations
from .operation import Operation
from .signature import Authenticator, Identity
from .store import Bucket, Store, request_id
from .uploads import UploadOperations

Handler = Callable[[Operation], Awaitable[Reply]]


class CosService:
    def __init__(self, store: Store, authenticator: Authenticator, clock: Clock) -> None:
        self._store = store
        self._authenticator = authenticator
        self._objects = ObjectOperations(store, clock)
        self._uploads = UploadOperations(store, authenticator, clock)

    async def handle(self, request: WireRequest, host: CosHost) -> Reply:
        request.request_id = request_id()
        try:
            reply = await self._operate(request, host)
        except CosError as error:
            request.error_code = error.code
            reply = error_reply(error, request)
        return Reply(
            reply.status,
            reply.body,
            {"x-cos-request-id": request.request_id, "Server": "tencent-cos", **reply.headers},
        )

    async def _operate(self, request: WireRequest, host: CosHost) -> Reply:
        bucket = self._store.find(host.bucket)
        if bucket is None or bucket.region != host.region:
            raise CosError(404, "NoSuchBucket", "The specified bucket does not exist")
        key = request.path[1:]
        if request.method == "POST" and not key:
            # POST Object signs its form, not the request (436/14690).
            return await self._uploads.post_form(request, bucket)
        identity = self._authenticator.identify(request)
        require_access(identity, bucket)
        handler = self._handler(request, key)
        if handler is None:
            raise CosError(405, "MethodNotAllowed", "The sandbox does not play this operation")
        return await handler(Operation(request, bucket, key, identity))

    def _handler(self, request: WireRequest, key: str) -> Handler | None:
        objects, uploads = self._objects, self._uploads
        if not key:
            handlers = {
                "GET": uploads.list_uploads if "uploads" in request.query else _list,
                "HEAD": _head_bucket,
            }
        elif "uploadId" in request.query:
            handlers = {
                "GET": uploads.list_parts,
                "PUT": uploads.upload_part,
                "POST": uploads.complete,
                "DELETE": uploads.abort,
            }
        elif "uploads" in request.query:
            handlers = {"POST": uploads.initiate}
        elif "append" in request.query:
            handlers = {"POST": uploads.append}
        elif {"acl", "tagging", "restore"} & request.query.keys():
            handlers = {}
        else:
            handlers = {
                "GET": objects.get,
                "HEAD": objects.get,
                "PUT": uploads.copy if "x-cos-copy-source" in request.headers else uploads.put,
                "DELETE": objects.delete,
            }
        return handlers.get(request.method)


def require_access(identity: Identity, bucket: Bucket) -> None:
    if identity.principal.appid != bucket.appid:
        raise CosError(403, "AccessDenied", "Access Denied")


def error_reply(error: CosError, request: WireRequest) -> Reply:
    if request.method == "HEAD":
        # A HEAD has no body: the status must do, and the SDK has learned to live with that.
        return Reply(error.status)
    body = error.body(f"{request.host}{request.path}", request.request_id)
    return Reply(error.status, body, {"Content-Type": "application/xml"})


async def _list(operation: Operation) -> Reply:
    body = listing.list_objects(operation.bucket, operation.request.query)
    return Reply(200, body, {"Content-Type": "application/xml"})


async def _head_bucket(operation: Operation) -> Reply:
    return Reply(200, headers={"x-cos-bucket-region": operation.bucket.region})
