"""Buckets: GET Service (436/8291), PUT, HEAD and DELETE Bucket, location and versioning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ...clock import iso_date
from ...hosts import CosHost
from ...wire import Reply, WireRequest
from .. import acl, request_body
from ..errors import CosError
from ..markup import document, element
from ..signature import Identity
from ..store import Bucket, Store
from .listing import count
from .operation import XML, Operation

MAX_NAME_CHARACTERS = 60
"""Including the appid [doc 436/13312]."""
MAX_LISTED = 2000
MAX_BUCKETS = 200
"""Of an account [doc 436/14518]."""


def is_bucket_name(name: str) -> bool:
    """Return whether a name, which includes an appid, is one that a bucket can have."""
    is_short = len(name) <= MAX_NAME_CHARACTERS
    return is_short and re.fullmatch(r"[a-z0-9](-?[a-z0-9])*-\d+", name) is not None


class BucketOperations:
    def __init__(self, store: Store, has_uploads: Callable[[Bucket], bool]) -> None:
        self._store = store
        self._has_uploads = has_uploads

    def list_all(self, identity: Identity, region: str | None, query: Mapping[str, str]) -> Reply:
        """GET Service (436/8291): the buckets of the account, page by page."""
        appid, marker = identity.principal.appid, query.get("marker", "")
        limit = count(query, "max-keys", MAX_LISTED, minimum=1)
        found = [
            bucket
            for bucket in self._store.buckets(appid)
            if region in (None, bucket.region) and bucket.name > marker
        ]
        shown, is_truncated = found[:limit], len(found) > limit
        owner = element("ID", appid), element("DisplayName", appid)
        buckets = (
            element(
                "Bucket",
                element("Name", bucket.name),
                element("Location", bucket.region),
                element("CreationDate", iso_date(bucket.created)),
                element("BucketType", "cos"),
            )
            for bucket in shown
        )
        body = (
            element("Owner", *owner),
            element("Buckets", *buckets),
            element("Marker", marker),
            element("IsTruncated", "true" if is_truncated else "false"),
            *((element("NextMarker", shown[-1].name),) if is_truncated else ()),
        )
        return Reply(200, document(element("ListAllMyBucketsResult", *body)), XML)

    async def create(self, request: WireRequest, host: CosHost, identity: Identity) -> Reply:
        """PUT Bucket (436/7738)."""
        if not host.bucket.endswith(f"-{identity.principal.appid}"):
            raise CosError(403, "AccessDenied", "The bucket's name must end with your own APPID")
        if self._store.find(host.bucket) is not None:
            # Even in another region: names are unique across regions.
            raise CosError(
                409, "BucketAlreadyOwnedByYou", "The bucket already exists, and you own it"
            )
        if len(self._store.buckets(identity.principal.appid)) >= MAX_BUCKETS:
            raise CosError(400, "TooManyBuckets", f"You have {MAX_BUCKETS} buckets already")
        if "x-cos-tagging" in request.headers or await request.read():
            # Tags, and the creation of a bucket in several availability zones.
            raise CosError(405, "MethodNotAllowed", "The sandbox does not implement this operation")
        wanted = acl.requested(request.headers, acl.OF_BUCKET)
        bucket = self._store.create(host.bucket, host.region)
        if wanted is not None:
            bucket.configure(acl=wanted)
        return Reply(200, headers={"Location": f"/{host.bucket}"})

    async def head(self, operation: Operation) -> Reply:
        return Reply(200, headers={"x-cos-bucket-region": operation.bucket.region})

    async def delete(self, operation: Operation) -> Reply:
        bucket = operation.bucket
        if bucket.keys() or self._has_uploads(bucket):
            raise CosError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
        self._store.remove(bucket)
        return Reply(204)

    async def location(self, operation: Operation) -> Reply:
        """GET Bucket location (436/8275)."""
        return Reply(200, document(element("LocationConstraint", operation.bucket.region)), XML)

    async def versioning(self, operation: Operation) -> Reply:
        """GET Bucket versioning (436/19888); empty if it was never enabled."""
        status = operation.bucket.versioning
        content = () if status is None else (element("Status", status),)
        return Reply(200, document(element("VersioningConfiguration", *content)), XML)

    async def put_versioning(self, operation: Operation) -> Reply:
        """PUT Bucket versioning (436/19889). It can be suspended, but never removed."""
        tree = await request_body.read(operation.request, "VersioningConfiguration")
        status = tree.findtext("Status", "")
        if status not in ("Enabled", "Suspended"):
            raise request_body.malformed("Status must be Enabled or Suspended")
        operation.bucket.configure(versioning=status)
        return Reply(200)
