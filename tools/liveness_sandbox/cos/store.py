"""Buckets and objects. All changes happen under one lock, so each of them is atomic."""

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
from .acl import DEFAULT, PRIVATE, Acl
from .encryption import Encryption
from .identifiers import request_id

METADATA_PREFIX = "x-cos-meta-"


class ObjectExists(Exception):
    """A create-only request found an object at its key."""


@dataclass(frozen=True)
class StoredObject:
    key: str
    blob: Blob
    etag: str
    """Quoted, as in HTTP. It is the MD5 of the bytes only where COS guarantees that."""
    last_modified: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    """The content headers stored with the object, by lower-case name."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Keyed by the full header name: `x-cos-meta-...`."""
    tags: Mapping[str, str] = field(default_factory=dict)
    object_type: str = "normal"
    storage_class: str = "STANDARD"
    encryption: Encryption | None = None
    version_id: str | None = None
    restored_until: datetime | None = None
    """When an archived object stops being readable."""
    expires_at: datetime | None = None
    """When the object disappears: best frames and uploaded resources exist for two hours."""
    acl: Acl = field(default=Acl(DEFAULT))
    redirect: str | None = None
    """The target that a GET is redirected to."""

    @property
    def version(self) -> str:
        """The id of this version in requests."""
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
    """How an object was created, for the trigger message."""

    kind: str
    """Put, Post, Copy, Append or CompleteMultipartUpload."""
    request_id: str
    authorization: str = ""
    source_ip: str = "127.0.0.1"


class Index:
    """Persists buckets and objects beyond the life of the sandbox. This base class does not."""

    def save_bucket(self, bucket: Bucket) -> None: ...

    def save_object(self, bucket: Bucket, stored: StoredObject) -> None: ...

    def remove_object(self, bucket: Bucket, key: str) -> None: ...

    def remove_bucket(self, bucket: Bucket) -> None: ...


class ConsistencyModel:
    """Which state of the objects requests see. This base class is strongly consistent."""

    def on_change(self, bucket: Bucket, key: str, before: StoredObject | None) -> None:
        """Record that the object of a key is about to change; `before` is the present one."""

    def listing_view(self, bucket: Bucket) -> Bucket:
        """Return the bucket as GET Bucket shows it."""
        return bucket

    def head(self, bucket: Bucket, key: str) -> StoredObject | None:
        return bucket.get(key)

    def existing_for_create(self, bucket: Bucket, key: str) -> StoredObject | None:
        """Return the object that makes a create-only request fail."""
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
        cors: str | None = None,
        created: datetime | None = None,
        acl: Acl = Acl(PRIVATE),  # noqa: B008 (it is immutable)
        objects: Mapping[str, StoredObject] | None = None,
    ) -> None:
        self.name = name
        self.region = region
        self.versioning = versioning
        self.encryption = encryption
        self.lifecycle = lifecycle
        self.cors = cors
        """The rules as XML, or None; so is `lifecycle`."""
        self.acl = acl
        self.created = created or store.clock.now()
        self.requires_length = False
        """Whether chunked uploads are rejected, as by the upload links of the face API."""
        self.object_lifetime: timedelta | None = None
        self._store = store
        self._index = index
        self._objects: dict[str, StoredObject] = dict(objects or {})
        # Listings are in UTF-8 order, so the encoded keys are sorted.
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
        """Return the object as HEAD sees it."""
        return self._store.consistency.head(self, key)

    def listing_view(self) -> Bucket:
        """Return the bucket as a listing shows it."""
        return self._store.consistency.listing_view(self)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys with the prefix, in UTF-8 order."""
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
        """Return the next key with the prefix after a position, which need not be a key."""
        encoded = prefix.encode()
        with self._store.lock:
            index = max(bisect_left(self._order, encoded), bisect_right(self._order, position))
            key = self._order[index] if index < len(self._order) else b""
        return key.decode() if key and key.startswith(encoded) else None

    def with_objects(self, overrides: Mapping[str, StoredObject | None]) -> Bucket:
        """Return a copy in which these keys have other objects or none, as a view of the past."""
        with self._store.lock:
            objects = {**self._objects, **overrides}
        existing = {key: stored for key, stored in objects.items() if stored is not None}
        return Bucket(self._store, self.name, self.region, Index(), objects=existing)

    def put(
        self,
        key: str,
        body: bytes | str,
        metadata: Mapping[str, str] | None = None,
        notify: bool = False,
        content_type: str = "application/octet-stream",
        **attributes: Any,
    ) -> StoredObject:
        """Store an object directly; `attributes` are further fields of StoredObject."""
        blob = self._store.blobs.put(body.encode() if isinstance(body, str) else body)
        prefixed = {
            name if name.startswith(METADATA_PREFIX) else METADATA_PREFIX + name: value
            for name, value in (metadata or {}).items()
        }
        stored = StoredObject(
            key,
            blob,
            f'"{blob.md5}"',
            self._store.clock.now(),
            {"content-type": content_type},
            prefixed,
        )
        return self.commit(
            replace(stored, **attributes), CreationInfo("Put", request_id()) if notify else None
        )

    def commit(
        self, stored: StoredObject, creation: CreationInfo | None, create_only: bool = False
    ) -> StoredObject:
        """Make the object the current one, and send a notification of its creation if there is one.

        `create_only` is silently ignored on a bucket that has or ever had versioning [obs]: an
        emulator without that trap would be useless.
        """
        with self._store.lock:
            existing = self._store.consistency.existing_for_create
            if create_only and self.versioning is None and existing(self, stored.key):
                raise ObjectExists(stored.key)
            stored = replace(stored, version_id=self._new_version(), expires_at=self._new_expiry())
            self._drop_current(stored.key)
            self._objects[stored.key] = stored
            insort(self._order, stored.key.encode())
            self._index.save_object(self, stored)
            if creation is not None:
                self._store.created(self, stored, creation)
        return stored

    def delete(self, key: str) -> None:
        with self._store.lock:
            if self._drop_current(key):
                self._index.remove_object(self, key)

    def backdate(self, key: str, seconds: float) -> None:
        """Make the object look older, so that a test of leases does not have to wait."""
        with self._store.lock:
            stored = self._objects[key]
            earlier = stored.last_modified - timedelta(seconds=seconds)
            self.update_attributes(stored, last_modified=earlier)

    def update_attributes(self, stored: StoredObject, **changes: Any) -> None:
        """Change attributes of the object, but not its bytes, if it is still the current one."""
        with self._store.lock:
            if self._objects.get(stored.key) is stored:
                self._objects[stored.key] = replace(stored, **changes)
                self._index.save_object(self, self._objects[stored.key])

    def configure(self, **settings: str | Acl | None) -> None:
        """Set versioning, encryption, lifecycle, cors or acl."""
        with self._store.lock:
            for name, value in settings.items():
                setattr(self, name, value)
            self._index.save_bucket(self)

    def _drop_current(self, key: str) -> bool:
        stored = self._objects.pop(key, None)
        self._store.consistency.on_change(self, key, stored)
        if stored is None:
            return False
        del self._order[bisect_left(self._order, key.encode())]
        stored.blob.release()
        return True

    def _new_expiry(self) -> datetime | None:
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
        """Return the buckets of one owner, by name."""
        with self.lock:
            buckets = [bucket for bucket in self._buckets.values() if bucket.appid == appid]
        return sorted(buckets, key=lambda bucket: bucket.name)

    def create(
        self, name: str, region: str, versioning: str | None = None, encryption: str | None = None
    ) -> Bucket:
        if versioning not in (None, "Enabled", "Suspended"):
            raise ValueError(
                f"versioning must be None, 'Enabled' or 'Suspended', not {versioning!r}"
            )
        if encryption not in (None, "AES256", "cos/kms"):
            raise ValueError(f"encryption must be None, 'AES256' or 'cos/kms', not {encryption!r}")
        with self.lock:
            if name in self._buckets:
                raise ValueError(f"there is already a bucket {name}")
            bucket = Bucket(self, name, region, self.index, versioning, encryption)
            self.register(bucket)
            self.index.save_bucket(bucket)
            return bucket

    def remove(self, bucket: Bucket) -> None:
        with self.lock:
            self._buckets.pop(bucket.name, None)
            self.index.remove_bucket(bucket)

    def create_volatile(self, name: str, region: str) -> Bucket:
        """Create a bucket that is not persisted."""
        bucket = Bucket(self, name, region, Index())
        self.register(bucket)
        return bucket

    def register(self, bucket: Bucket) -> None:
        """Add a bucket that already exists, such as one from the index."""
        self._buckets[bucket.name] = bucket
