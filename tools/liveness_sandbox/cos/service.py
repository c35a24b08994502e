"""The COS XML API: maps requests to operations, and adds what all replies share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..clock import Clock
from ..hosts import CosHost, CosServiceHost
from ..wire import Reply, WireRequest
from . import access
from .catalogue import (
    BUCKET_OPERATIONS_NOT_SERVED,
    OBJECT_OPERATIONS_NOT_SERVED,
    SUBRESOURCES,
    require_served,
)
from .errors import CosError
from .identifiers import Identifiers
from .operations import copying
from .operations.acls import AclOperations, is_readable_by_all
from .operations.archive import Archive
from .operations.bucket_encryption import BucketEncryptionOperations
from .operations.buckets import BucketOperations, is_bucket_name
from .operations.copying import CopySources
from .operations.cors import CorsOperations, headers_for_page, preflight
from .operations.deletion import delete_object, delete_objects
from .operations.lifecycle import LifecycleOperations
from .operations.listing import list_objects, list_versions
from .operations.multipart import MultipartOperations
from .operations.object_creation import STORED_HEADERS
from .operations.objects import ObjectOperations
from .operations.operation import Handler, Operation
from .operations.put import UploadOperations
from .operations.tagging import TaggingOperations
from .signature import FIELDS, TOKEN, Authenticator, Identity, anonymous, claim_in
from .store import METADATA_PREFIX, Bucket, Store

# Parameters that any request may have: those of its signature.
_OF_SIGNATURE = frozenset((*FIELDS, TOKEN))
_OF_RESPONSE = tuple(f"response-{name}" for name in STORED_HEADERS)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ACCELERATION = "accelerate"
_READS = ("GET", "HEAD")
_OF_LISTING = ("prefix", "delimiter", "max-keys", "encoding-type")


@dataclass(frozen=True)
class Route:
    """An operation, and the actions of CAM of which one is needed for it (436/30580)."""

    handler: Handler
    actions: tuple[str, ...]
    """Empty if the handler asks, for each object."""
    parameters: frozenset[str] = frozenset()
    """Beside those of the signature, and the sub-resource."""


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
        acls = AclOperations()
        bucket_encryption = BucketEncryptionOperations()
        of_version = ("versionId",)
        self._of_object = {
            **_not_served(OBJECT_OPERATIONS_NOT_SERVED),
            ("GET", ""): _route(objects.get, "GetObject", of=(*of_version, *_OF_RESPONSE)),
            ("HEAD", ""): _route(objects.get, "HeadObject", of=(*of_version, *_OF_RESPONSE)),
            ("PUT", ""): _route(self._uploads.put, "PutObject"),
            # The source also needs GetObject, which the handler requires.
            ("PUT", copying.HEADER): _route(self._uploads.copy, "PutObject"),
            ("DELETE", ""): _route(delete_object, "DeleteObject", of=of_version),
            ("POST", "append"): _route(self._uploads.append, "AppendObject", of=("position",)),
            ("POST", "restore"): _route(archive.restore, "PostObjectRestore", of=of_version),
            ("GET", "tagging"): _route(tagging.get, "GetObjectTagging", of=of_version),
            ("PUT", "tagging"): _route(tagging.put, "PutObjectTagging", of=of_version),
            ("DELETE", "tagging"): _route(tagging.delete, "DeleteObjectTagging", of=of_version),
            ("GET", "acl"): _route(acls.get_of_object, "GetObjectACL", of=of_version),
            ("PUT", "acl"): _route(acls.put_of_object, "PutObjectACL", of=of_version),
            ("POST", "uploads"): _route(multipart.initiate, "InitiateMultipartUpload"),
            ("GET", "uploadId"): _route(
                multipart.list_parts,
                "ListParts",
                of=("max-parts", "part-number-marker", "encoding-type"),
            ),
            ("PUT", "uploadId"): _route(multipart.upload_part, "UploadPart", of=("partNumber",)),
            ("PUT", f"uploadId {copying.HEADER}"): _route(
                multipart.copy_part, "PutObject", "UploadPartCopy", of=("partNumber",)
            ),
            ("POST", "uploadId"): _route(multipart.complete, "CompleteMultipartUpload"),
            ("DELETE", "uploadId"): _route(multipart.abort, "AbortMultipartUpload"),
        }
        self._of_bucket = {
            **_not_served(BUCKET_OPERATIONS_NOT_SERVED),
            ("GET", ""): _route(list_objects, "GetBucket", of=("marker", *_OF_LISTING)),
            ("HEAD", ""): _route(self._buckets.head, "HeadBucket"),
            ("DELETE", ""): _route(self._buckets.delete, "DeleteBucket"),
            ("POST", "delete"): _route(delete_objects),
            ("GET", "versions"): _route(
                list_versions,
                "GetBucketObjectVersions",
                of=("key-marker", "version-id-marker", *_OF_LISTING),
            ),
            ("GET", "uploads"): _route(
                multipart.list_uploads,
                "ListMultipartUploads",
                of=("key-marker", "upload-id-marker", "max-uploads", *_OF_LISTING),
            ),
            ("GET", "location"): _route(self._buckets.location, "GetBucketLocation"),
            ("GET", "versioning"): _route(self._buckets.versioning, "GetBucketVersioning"),
            ("PUT", "versioning"): _route(self._buckets.put_versioning, "PutBucketVersioning"),
            ("GET", "acl"): _route(acls.get_of_bucket, "GetBucketACL"),
            ("PUT", "acl"): _route(acls.put_of_bucket, "PutBucketACL"),
            ("GET", "encryption"): _route(bucket_encryption.get, "GetBucketEncryption"),
            ("PUT", "encryption"): _route(bucket_encryption.put, "PutBucketEncryption"),
            ("DELETE", "encryption"): _route(bucket_encryption.delete, "DeleteBucketEncryption"),
            ("GET", "lifecycle"): _route(lifecycle.get, "GetBucketLifecycle"),
            ("PUT", "lifecycle"): _route(lifecycle.put, "PutBucketLifecycle"),
            ("DELETE", "lifecycle"): _route(lifecycle.delete, "DeleteBucketLifecycle"),
            ("GET", "cors"): _route(cors.get, "GetBucketCORS"),
            ("PUT", "cors"): _route(cors.put, "PutBucketCORS"),
            ("DELETE", "cors"): _route(cors.delete, "DeleteBucketCORS"),
        }

    async def handle(self, request: WireRequest, host: CosHost | CosServiceHost) -> Reply:
        identifiers = Identifiers()
        request.request_id = identifiers.request_id
        try:
            _require_text(request)
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
        _require_served_region(host.region)
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
        _require_known(request, frozenset(("region", "marker", "max-keys")))
        region = host.region or request.query.get("region")
        return self._buckets.list_all(identity, region, request.query)

    async def _dispatch(self, request: WireRequest, host: CosHost) -> Reply:
        _require_served_region(host.region)
        if not is_bucket_name(host.bucket):
            raise CosError(400, "InvalidBucketName", "The specified bucket is not valid")
        key = request.path[1:]
        subresource = next((name for name in request.query if name in SUBRESOURCES), "")
        bucket = self._store.find(host.bucket)
        if not key and not subresource and request.method == "PUT":
            identity = self._authenticator.identify(request)
            resource = access.resource_of(host.region, host.bucket)
            access.require(identity.principal, ("PutBucket",), resource, request)
            _require_known(request, frozenset())
            return await self._buckets.create(request, host, identity)
        if bucket is None or bucket.region != host.region:
            raise CosError(404, "NoSuchBucket", "The specified bucket does not exist")
        if request.method == "OPTIONS":
            return preflight(bucket, request)
        if not key and not subresource and request.method == "POST":
            # POST Object signs its form, not the request (436/14690).
            _require_known(request, frozenset())
            return await self._uploads.post_form(request, bucket)
        if key and request.method == "PUT" and copying.HEADER in request.headers:
            subresource = f"{subresource} {copying.HEADER}".lstrip()
        route = (self._of_object if key else self._of_bucket).get((request.method, subresource))
        identity = self._identify(request, bucket, key, subresource)
        _require_access(identity, bucket)
        if route is None:
            raise _method_not_allowed()
        if route.actions and identity.auth_location != "none":
            resource = access.resource_of(bucket.region, bucket.name, key)
            access.require(identity.principal, route.actions, resource, request)
        _require_known(request, route.parameters | {subresource.partition(" ")[0]})
        return await route.handler(Operation(request, bucket, key, identity))

    def _identify(
        self, request: WireRequest, bucket: Bucket, key: str, subresource: str
    ) -> Identity:
        """Identify the signer. A read that everybody may make does not need one."""
        if claim_in(request)[0] == "none" and not subresource and request.method in _READS:
            identity = anonymous(bucket.appid)
            if is_readable_by_all(Operation(request, bucket, key, identity)):
                return identity
        return self._authenticator.identify(request)

    def _cors_headers(
        self, request: WireRequest, host: CosHost | CosServiceHost
    ) -> Mapping[str, str]:
        """Return the headers that let a page of another origin read the reply, even an error."""
        is_preflight = request.method == "OPTIONS"  # its headers depend on what it requests
        if is_preflight or "origin" not in request.headers or not isinstance(host, CosHost):
            return {}
        bucket = self._store.find(host.bucket)
        return {} if bucket is None else headers_for_page(bucket, request)


def _require_served_region(region: str | None) -> None:
    if region == _ACCELERATION:
        raise CosError(405, "MethodNotAllowed", "The sandbox does not implement acceleration")


def _require_access(identity: Identity, bucket: Bucket) -> None:
    if identity.principal.appid != bucket.appid:
        raise CosError(403, "AccessDenied", "Access Denied.")


def _route(handler: Handler, *actions: str, of: Iterable[str] = ()) -> Route:
    return Route(handler, actions, frozenset(of))


def _not_served(operations: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], Route]:
    return {operation: _route(_not_implemented, action) for operation, action in operations.items()}


def _require_known(request: WireRequest, parameters: frozenset[str]) -> None:
    """Refuse a parameter or header that would be ignored: it may change what a request means."""
    require_served(request.headers)
    for name in request.query:
        if name not in parameters and name.lower() not in _OF_SIGNATURE:
            raise CosError(
                405,
                "MethodNotAllowed",
                f"The sandbox does not implement the parameter {name} of this operation",
            )


def _require_text(request: WireRequest) -> None:
    """Refuse what could be neither shown in XML nor sent as a header."""
    for name, value in request.headers.items():
        if name.startswith("x-cos-") and not name.startswith(METADATA_PREFIX):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise CosError(400, "InvalidArgument", f"{name} is not UTF-8") from None
    for name, value in request.query.items():
        if name in _OF_RESPONSE and _CONTROL.search(value):
            raise CosError(400, "InvalidArgument", f"{name} has a control character")


async def _not_implemented(operation: Operation) -> Reply:
    """Refuse an operation that the sandbox does not implement, after permission was checked."""
    raise _method_not_allowed()


def _method_not_allowed() -> CosError:
    return CosError(405, "MethodNotAllowed", "The sandbox does not implement this operation")
