"""The COS XML API: maps requests to operations, and adds what all replies have in common."""

from __future__ import annotations

from ..clock import Clock
from ..hosts import CosHost, CosServiceHost
from ..wire import Reply, WireRequest
from .errors import CosError
from .identifiers import Identifiers
from .operations import copying
from .operations.archive import Archive
from .operations.buckets import BucketOperations
from .operations.copying import CopySources
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
        self._of_object: dict[tuple[str, str], Handler] = {
            ("GET", ""): objects.get,
            ("HEAD", ""): objects.get,
            ("PUT", ""): self._uploads.put,
            ("PUT", copying.HEADER): self._uploads.copy,
            ("DELETE", ""): delete_object,
            ("POST", "append"): self._uploads.append,
            ("POST", "restore"): archive.restore,
            ("GET", "tagging"): tagging.get,
            ("PUT", "tagging"): tagging.put,
            ("DELETE", "tagging"): tagging.delete,
            ("POST", "uploads"): multipart.initiate,
            ("GET", "uploadId"): multipart.list_parts,
            ("PUT", "uploadId"): multipart.upload_part,
            ("PUT", f"uploadId {copying.HEADER}"): multipart.copy_part,
            ("POST", "uploadId"): multipart.complete,
            ("DELETE", "uploadId"): multipart.abort,
        }
        self._of_bucket: dict[tuple[str, str], Handler] = {
            ("GET", ""): list_objects,
            ("HEAD", ""): self._buckets.head,
            ("DELETE", ""): self._buckets.delete,
            ("POST", "delete"): delete_objects,
            ("GET", "versions"): list_versions,
            ("GET", "uploads"): multipart.list_uploads,
            ("GET", "location"): self._buckets.location,
            ("GET", "versioning"): self._buckets.versioning,
            ("PUT", "versioning"): self._buckets.put_versioning,
            ("GET", "lifecycle"): lifecycle.get,
            ("PUT", "lifecycle"): lifecycle.put,
            ("DELETE", "lifecycle"): lifecycle.delete,
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
            return error.reply(request.method, f"{request.host}{request.path}", identifiers)
        return Reply(reply.status, reply.body, {**identifiers.headers(), **reply.headers})

    def _handle_service(self, request: WireRequest, host: CosServiceHost) -> Reply:
        if request.path != "/":
            raise CosError(
                403,
                "PathStyleDomainForbidden",
                "The bucket must be addressed using COS virtual-styled domain",
            )
        identity = self._authenticator.identify(request)
        if request.method != "GET":
            raise _not_implemented()
        return self._buckets.list_all(identity, host.region or request.query.get("region"))

    async def _dispatch(self, request: WireRequest, host: CosHost) -> Reply:
        key = request.path[1:]
        subresource = next((name for name in request.query if name in _SUBRESOURCES), "")
        bucket = self._store.find(host.bucket)
        if not key and not subresource and request.method == "PUT":
            return self._buckets.create(request, host, self._authenticator.identify(request))
        if bucket is None or bucket.region != host.region:
            raise CosError(404, "NoSuchBucket", "The specified bucket does not exist")
        if not key and not subresource and request.method == "POST":
            # POST Object signs its form, not the request (436/14690).
            return await self._uploads.post_form(request, bucket)
        identity = self._authenticator.identify(request)
        _require_access(identity, bucket)
        if key and request.method == "PUT" and copying.HEADER in request.headers:
            subresource = f"{subresource} {copying.HEADER}".lstrip()
        handler = (self._of_object if key else self._of_bucket).get((request.method, subresource))
        if handler is None:
            raise _not_implemented()
        return await handler(Operation(request, bucket, key, identity))


def _require_access(identity: Identity, bucket: Bucket) -> None:
    if identity.principal.appid != bucket.appid:
        raise CosError(403, "AccessDenied", "Access Denied")


def _not_implemented() -> CosError:
    return CosError(405, "MethodNotAllowed", "The sandbox does not implement this operation")
