"""Buckets and objects. Every change happens under one lock, so each is atomic for all."""

from __future__ import annotations

import threading
import uuid
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from ..blobs import Blob, BlobStore
from ..clock import Clock
from .encryption import Encryption
from .identifiers import request_id

METADATA_PREFIX = "x-cos-meta-"


class ObjectExists(Exception):
    """Create-only, and the key is taken."""


@dataclass(frozen=True)
class StoredObject:
    key: str
    blob: Blob
    etag: str
    """Quoted, as in HTTP. The MD5 of the bytes only where COS promises that."""
    last_modified: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """Content headers kept with the object, by lower-case name."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """By full header name: `x-cos-meta-...`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    object_type: str = "normal"
    storage_class: str = "STANDARD"
    encryption: Encryption | None = None
    version_id: str | None = None
    restored_until: datetime | None = None
    """Until then an archived object can be read."""
    expires_at: datetime | None = None
    """Best frames and uploaded resources live two hours."""
    redirect: str | None = None
    """Where a GET is sent to instead."""

    @property
    def version(self) -> str:
        """How a request names this version."""
        return self.version_id or "null"

    @property
    def size(self) -> int:
        return self.blob.size

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "application/octet-stream")

    def body(self) -> bytes:
        return self.blob.read()


@dataclass(frozen=True)
class CreationInfo:
    """How an object came to be: what a trigger message tells about it."""

    kind: str
    """Put, Post, Copy, Append or CompleteMultipartUpload."""
    request_id: str
    authorization: str = ""
    source_ip: str = "127.0.0.1"


class Index:
    """Where buckets and objects are written down to outlive the sandbox. This one forgets."""

    def save_bucket(self, bucket: Bucket) -> None: ...

    def save_object(self, bucket: Bucket, stored: StoredObject) -> None: ...

    def remove_object(self, bucket: Bucket, key: str) -> None: ...

    def remove_bucket(self, bucket: Bucket) -> None: ...


class ConsistencyModel:
    """What requests get to see of the objects. This one shows all of them, at once."""

    def on_change(self, bucket: Bucket, key: str, before: StoredObject | None) -> None:
        """The key is about to get or lose its object; `before` is what it had."""

    def listing_view(self, bucket: Bucket) -> Bucket:
        """The bucket as GET Bucket shows it."""
        return bucket

    def head(self, bucket: Bucket, key: str) -> StoredObject | None:
        return bucket.get(key)

    def existing_for_create(self, bucket: Bucket, key: str) -> StoredObject | None:
        """The object that stands in the way of a create-only request."""
        return bucket.get(key)


class Bucket:
    def __init__(
        self,
        store: Store,
        name: str,
        region: str,
        index: Index,
        versioning: str | None = None,
        encryption: str | None = None,
        lifecycle: str | None = None,
        created: datetime | None = None,
        objects: Mapping[str, StoredObject] | None = None,
    ) -> None:
        self.name = name
        self.region = region
        self.versioning = versioning
        self.encryption = encryption
        self.lifecycle = lifecycle
        """The rules as XML, if there are any."""
        self.created = created or store.clock.now()
        self.requires_length = False
        """Refuse chunked uploads, as the links of the face API do."""
        self.object_lifetime: timedelta | None = None
        self._store = store
        self._index = index
        self._objects: dict[str, StoredObject] = dict(objects or {})
        # Listings are in UTF-8 order: sort the bytes.
        self._order: list[bytes] = sorted(key.encode() for key in self._objects)

    @property
    def appid(self) -> str:
        return self.name.rpartition("-")[2]

    def get(self, key: str) -> StoredObject | None:
        stored = self._objects.get(key)
        if (
            stored is not None
            and stored.expires_at is not None
            and self._store.clock.now() >= stored.expires_at
        ):
            return None
        return stored

    def head(self, key: str) -> StoredObject | None:
        """The object as a HEAD sees it."""
        return self._store.consistency.head(self, key)

    def listed(self) -> Bucket:
        """The bucket as a list shows it."""
        return self._store.consistency.listing_view(self)

    def keys(self, prefix: str = "") -> list[str]:
        """Those with the prefix, in UTF-8 order."""
        encoded = prefix.encode()
        with self._store.lock:
            start = bisect_left(self._order, encoded)
            return [
                key.decode()
                for key in takewhile(
                    lambda key: key.startswith(encoded), islice(self._order, start, None)
                )
            ]

    def key_after(self, prefix: str, position: bytes) -> str | None:
        """The next key with the prefix after a position in UTF-8 order, which need not be a key."""
        encoded = prefix.encode()
        with self._store.lock:
            index = max(bisect_left(self._order, encoded), bisect_right(self._order, position))
            key = self._order[index] if index < len(self._order) else b""
        return key.decode() if key and key.startswith(encoded) else None

    def with_objects(self, others: Mapping[str, StoredObject | None]) -> Bucket:
        """A copy in which these keys have other objects, or none: a view of the past."""
        with self._store.lock:
            objects = {**self._objects, **others}
        kept = {key: stored for key, stored in objects.items() if stored is not None}
        return Bucket(self._store, self.name, self.region, Index(), objects=kept)

    def put(
        self,
        key: str,
        body: bytes | str,
        metadata: Mapping[str, str] | None = None,
        notify: bool = False,
        content_type: str = "application/octet-stream",
        **attributes: Any,
    ) -> StoredObject:
        """Store an object directly, without HTTP. `attributes`: further fields of StoredObject."""
        blob = self._store.blobs.put(body.encode() if isinstance(body, str) else body)
        named = {
            name if name.startswith(METADATA_PREFIX) else METADATA_PREFIX + name: value
            for name, value in (metadata or {}).items()
        }
        stored = StoredObject(
            key,
            blob,
            f'"{blob.md5}"',
            self._store.clock.now(),
            {"content-type": content_type},
            named,
        )
        return self.commit(
            replace(stored, **attributes), CreationInfo("Put", request_id()) if notify else None
        )

    def commit(
        self, stored: StoredObject, creation: CreationInfo | None, create_only: bool = False
    ) -> StoredObject:
        """Make the object the current one, and tell of its creation if there is one to tell of.

        `create_only` is silently ignored on a bucket that has or ever had versioning [obs]: a
        stand-in without that trap would be worth nothing.
        """
        with self._store.lock:
            existing = self._store.consistency.existing_for_create
            if create_only and self.versioning is None and existing(self, stored.key):
                raise ObjectExists(stored.key)
            stored = replace(stored, version_id=self._new_version(), expires_at=self._end_of_life())
            self._forget(stored.key)
            self._objects[stored.key] = stored
            insort(self._order, stored.key.encode())
            self._index.save_object(self, stored)
            if creation is not None:
                self._store.created(self, stored, creation)
        return stored

    def delete(self, key: str) -> None:
        with self._store.lock:
            if self._forget(key):
                self._index.remove_object(self, key)

    def backdate(self, key: str, seconds: float) -> None:
        """Make the object look older, so that a test of leases need not wait."""
        with self._store.lock:
            stored = self._objects[key]
            earlier = stored.last_modified - timedelta(seconds=seconds)
            self.update_attributes(stored, last_modified=earlier)

    def update_attributes(self, stored: StoredObject, **changes: Any) -> None:
        """Change what is said of the object, if it is still there; its bytes stay."""
        with self._store.lock:
            if self._objects.get(stored.key) is stored:
                self._objects[stored.key] = replace(stored, **changes)
                self._index.save_object(self, self._objects[stored.key])

    def configure(self, **settings: str | None) -> None:
        """Set versioning or lifecycle."""
        with self._store.lock:
            for name, value in settings.items():
                setattr(self, name, value)
            self._index.save_bucket(self)

    def _forget(self, key: str) -> bool:
        stored = self._objects.pop(key, None)
        self._store.consistency.on_change(self, key, stored)
        if stored is None:
            return False
        del self._order[bisect_left(self._order, key.encode())]
        stored.blob.release()
        return True

    def _end_of_life(self) -> datetime | None:
        return (
            None if self.object_lifetime is None else self._store.clock.now() + self.object_lifetime
        )

    def _new_version(self) -> str | None:
        if self.versioning is None:
            return None
        return uuid.uuid4().hex if self.versioning == "Enabled" else "null"


class Store:
    def __init__(self, clock: Clock, blobs: BlobStore, index: Index) -> None:
        self.clock = clock
        self.blobs = blobs
        self.index = index
        self.lock = threading.RLock()
        self.consistency = ConsistencyModel()
        self.created: Callable[[Bucket, StoredObject, CreationInfo], None] = lambda *_: None
        self._buckets: dict[str, Bucket] = {}

    def find(self, name: str) -> Bucket | None:
        return self._buckets.get(name)

    def buckets(self, appid: str) -> list[Bucket]:
        """All of one owner, by name."""
        with self.lock:
            own = [bucket for bucket in self._buckets.values() if bucket.appid == appid]
        return sorted(own, key=lambda bucket: bucket.name)

    def create(
        self, name: str, region: str, versioning: str | None = None, encryption: str | None = None
    ) -> Bucket:
        if versioning not in (None, "Enabled", "Suspended"):
            raise ValueError(f"versioning is None, 'Enabled' or 'Suspended', not {versioning!r}")
        if encryption not in (None, "AES256", "cos/kms"):
            raise ValueError(f"encryption is None, 'AES256' or 'cos/kms', not {encryption!r}")
        with self.lock:
            if name in self._buckets:
                raise ValueError(f"there is a bucket {name} already")
            bucket = Bucket(self, name, region, self.index, versioning, encryption)
            self.register(bucket)
            self.index.save_bucket(bucket)
            return bucket

    def remove(self, bucket: Bucket) -> None:
        with self.lock:
            self._buckets.pop(bucket.name, None)
            self.index.remove_bucket(bucket)

    def create_volatile(self, name: str, region: str) -> Bucket:
        """A bucket that no index keeps."""
        bucket = Bucket(self, name, region, Index())
        self.register(bucket)
        return bucket

    def register(self, bucket: Bucket) -> None:
        """Take in a bucket that an index has kept."""
        self._buckets[bucket.name] = bucket
