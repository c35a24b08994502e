"""The COS XML API: maps requests to operations, and adds what all replies have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..clock import Clock
from ..hosts import CosHost, CosServiceHost
from ..wire import Reply, WireRequest
from . import access
from .errors import CosError
from .identifiers import Identifiers
from .operations import copying
from .operations.archive import Archive
from .operations.buckets import BucketOperations
from .operations.copying import CopySources
from .operations.cors import CorsOperations, headers_for_page, preflight
from .operations.deletion import delete_object, delete_objects
from .operations.lifecycle import LifecycleOperations
from .operations.listing import list_objects, list_versions
from .operations.multipart import MultipartOperations
from .operations.objects import ObjectOperations
from .operations.operation import Handler, Operation
from .operations.put import UploadOperations
from .operations.tagging import TaggingOperations
from .signature import Authenticator, Identity
from .store import Bucket, Store

# Parameters that make a request address something other than the object or bucket itself. Those of
# operations that are not implemented are needed too: a PUT of ?acl must not overwrite the object.
# fmt: off
_SUBRESOURCES = frozenset((
    "accelerate", "acl", "append", "cors", "delete", "domain", "encryption", "intelligenttiering",
    "inventory", "lifecycle", "location", "logging", "notification", "object-lock", "origin",
    "policy", "referer", "replication", "restore", "select", "symlink", "tagging", "uploadId",
    "uploads", "versioning", "versions", "website",
))
# fmt: on


@dataclass(frozen=True)
class Route:
    """An operation, and the actions of CAM of which one is needed for it (436/30580)."""

    handler: Handler
    actions: tuple[str, ...]
    """Empty if the handler asks, for each object."""


class CosService:
    def __init__(self, store: Store, authenticator: Authenticator, clock: Clock) -> None:
        self._store = store
        self._authenticator = authenticator
        archive = Archive(clock)
        sources = CopySources(store, archive)
        objects = ObjectOperations(archive)
        tagging = TaggingOperations()
        lifecycle = LifecycleOperations()
        multipart = MultipartOperations(store, sources, clock)
        self._uploads = UploadOperations(store, authenticator, sources, clock)
        self._buckets = BucketOperations(store, multipart.has_any)
        cors = CorsOperations()
        self._of_object = {
            ("GET", ""): _route(objects.get, "GetObject"),
            ("HEAD", ""): _route(objects.get, "HeadObject"),
            ("PUT", ""): _route(self._uploads.put, "PutObject"),
            # The source needs GetObject, which the handlers require.
            ("PUT", copying.HEADER): _route(self._uploads.copy, "PutObject"),
            ("DELETE", ""): _route(delete_object, "DeleteObject"),
            ("POST", "append"): _route(self._uploads.append, "AppendObject"),
            ("POST", "restore"): _route(archive.restore, "PostObjectRestore"),
            ("GET", "tagging"): _route(tagging.get, "GetObjectTagging"),
            ("PUT", "tagging"): _route(tagging.put, "PutObjectTagging"),
            ("DELETE", "tagging"): _route(tagging.delete, "DeleteObjectTagging"),
            ("POST", "uploads"): _route(multipart.initiate, "InitiateMultipartUpload"),
            ("GET", "uploadId"): _route(multipart.list_parts, "ListParts"),
            ("PUT", "uploadId"): _route(multipart.upload_part, "UploadPart"),
            ("PUT", f"uploadId {copying.HEADER}"): _route(
                multipart.copy_part, "PutObject", "UploadPartCopy"
            ),
            ("POST", "uploadId"): _route(multipart.complete, "CompleteMultipartUpload"),
            ("DELETE", "uploadId"): _route(multipart.abort, "AbortMultipartUpload"),
            ("PUT", "acl"): _route(_not_implemented, "PutObjectACL"),
            ("GET", "acl"): _route(_not_implemented, "GetObjectACL"),
        }
        self._of_bucket = {
            ("GET", ""): _route(list_objects, "GetBucket"),
            ("HEAD", ""): _route(self._buckets.head, "HeadBucket"),
            ("DELETE", ""): _route(self._buckets.delete, "DeleteBucket"),
            ("POST", "delete"): _route(delete_objects),
            ("GET", "versions"): _route(list_versions, "GetBucketObjectVersions"),
            ("GET", "uploads"): _route(multipart.list_uploads, "ListMultipartUploads"),
            ("GET", "location"): _route(self._buckets.location, "GetBucketLocation"),
            ("GET", "versioning"): _route(self._buckets.versioning, "GetBucketVersioning"),
            ("PUT", "versioning"): _route(self._buckets.put_versioning, "PutBucketVersioning"),
            ("GET", "lifecycle"): _route(lifecycle.get, "GetBucketLifecycle"),
            ("PUT", "lifecycle"): _route(lifecycle.put, "PutBucketLifecycle"),
            ("DELETE", "lifecycle"): _route(lifecycle.delete, "DeleteBucketLifecycle"),
            ("GET", "cors"): _route(cors.get, "GetBucketCORS"),
            ("PUT", "cors"): _route(cors.put, "PutBucketCORS"),
            ("DELETE", "cors"): _route(cors.delete, "DeleteBucketCORS"),
            ("PUT", "acl"): _route(_not_implemented, "PutBucketACL"),
            ("GET", "acl"): _route(_not_implemented, "GetBucketACL"),
            ("PUT", "policy"): _route(_not_implemented, "PutBucketPolicy"),
            ("GET", "policy"): _route(_not_implemented, "GetBucketPolicy"),
            ("DELETE", "policy"): _route(_not_implemented, "DeleteBucketPolicy"),
        }

    async def handle(self, request: WireRequest, host: CosHost | CosServiceHost) -> Reply:
        identifiers = Identifiers()
        request.request_id = identifiers.request_id
        try:
            if isinstance(host, CosServiceHost):
                reply = self._handle_service(request, host)
            else:
                reply = await self._dispatch(request, host)
        except CosError as error:
            request.error_code = error.code
            reply = error.reply(request.method, f"{request.host}{request.path}", identifiers)
        headers = {**identifiers.headers(), **reply.headers, **self._cors_headers(request, host)}
        return Reply(reply.status, reply.body, headers)

    def _handle_service(self, request: WireRequest, host: CosServiceHost) -> Reply:
        if request.path != "/":
            raise CosError(
                403,
                "PathStyleDomainForbidden",
                "The bucket must be addressed using COS virtual-styled domain",
            )
        identity = self._authenticator.identify(request)
        if request.method != "GET":
            raise _method_not_allowed()
        access.require(identity.principal, ("GetService",), "*", request)
        return self._buckets.list_all(identity, host.region or request.query.get("region"))

    async def _dispatch(self, request: WireRequest, host: CosHost) -> Reply:
        key = request.path[1:]
        subresource = next((name for name in request.query if name in _SUBRESOURCES), "")
        bucket = self._store.find(host.bucket)
        if not key and not subresource and request.method == "PUT":
            identity = self._authenticator.identify(request)
            resource = access.resource_of(host.region, host.bucket)
            access.require(identity.principal, ("PutBucket",), resource, request)
            return self._buckets.create(request, host, identity)
        if bucket is None or bucket.region != host.region:
            raise CosError(404, "NoSuchBucket", "The specified bucket does not exist")
        if request.method == "OPTIONS":
            return preflight(bucket, request)
        if not key and not subresource and request.method == "POST":
            # POST Object signs its form, not the request (436/14690).
            return await self._uploads.post_form(request, bucket)
        identity = self._authenticator.identify(request)
        _require_access(identity, bucket)
        if key and request.method == "PUT" and copying.HEADER in request.headers:
            subresource = f"{subresource} {copying.HEADER}".lstrip()
        route = (self._of_object if key else self._of_bucket).get((request.method, subresource))
        if route is None:
            raise _method_not_allowed()
        if route.actions:
            resource = access.resource_of(bucket.region, bucket.name, key)
            access.require(identity.principal, route.actions, resource, request)
        return await route.handler(Operation(request, bucket, key, identity))

    def _cors_headers(
        self, request: WireRequest, host: CosHost | CosServiceHost
    ) -> Mapping[str, str]:
        """Return what lets a page of another origin read the reply, an error too."""
        is_preflight = request.method == "OPTIONS"  # whose headers depend on what it asks for
        if is_preflight or "origin" not in request.headers or not isinstance(host, CosHost):
            return {}
        bucket = self._store.find(host.bucket)
        return {} if bucket is None else headers_for_page(bucket, request)


def _require_access(identity: Identity, bucket: Bucket) -> None:
    if identity.principal.appid != bucket.appid:
        raise CosError(403, "AccessDenied", "Access Denied.")


def _route(handler: Handler, *actions: str) -> Route:
    return Route(handler, actions)


async def _not_implemented(operation: Operation) -> Reply:
    """Answer who has permission for an operation that the sandbox does not implement."""
    raise _method_not_allowed()


def _method_not_allowed() -> CosError:
    return CosError(405, "MethodNotAllowed", "The sandbox does not implement this operation")
