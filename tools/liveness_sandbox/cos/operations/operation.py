"""An authenticated request on a bucket or object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...wire import Reply, WireRequest
from .. import access
from ..errors import CosError
from ..signature import Identity
from ..store import Bucket, StoredObject

XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True)
class Operation:
    request: WireRequest
    bucket: Bucket
    key: str
    identity: Identity

    def stored(self) -> StoredObject:
        """Return the requested object. The sandbox keeps only its current version."""
        is_head = self.request.method == "HEAD"
        return find(self.bucket, self.key, self.request.query.get("versionId"), head=is_head)

    def may(self, actions: tuple[str, ...], bucket: Bucket, key: str) -> bool:
        """Return whether the signer may take one of these actions on an object."""
        resource = access.resource_of(bucket.region, bucket.name, key)
        return access.may(self.identity.principal, actions, resource, self.request)


Handler = Callable[[Operation], Awaitable[Reply]]


def find(bucket: Bucket, key: str, version_id: str | None, head: bool = False) -> StoredObject:
    stored = bucket.head(key) if head else bucket.get(key)
    if stored is None:
        raise CosError(404, "NoSuchKey", "The specified key does not exist")
    if version_id is not None and version_id != stored.version:
        raise CosError(404, "NoSuchVersion", "The specified version does not exist")
    return stored
