"""The object store as the core sees it: values, and the verbs it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from .retry import KEEP, STORE, RetryPolicy, patiently
from .seams import Chance, Clock

JSON = "application/json"
JPEG = "image/jpeg"


class ObjectHead(NamedTuple):
    """What HEAD tells. Times are seconds since 1970 by the store's own clock."""

    key: str
    size: int
    etag: str  # without quotes
    md5: str | None  # of the content, where the ETag is one
    last_modified: float
    date: float  # when the store answered
    metadata: Mapping[str, str]  # names without x-cos-meta-

    @property
    def age(self) -> float:
        """Seconds since the object was written, by the store's clock alone."""
        return self.date - self.last_modified


class StoredObject(NamedTuple):
    """An object read whole."""

    head: ObjectHead
    body: bytes


class Created(NamedTuple):
    """What a create-only PUT brought about: `new` is False where the key was taken.

    After a lost reply the key may be taken by our own first try: who owns it is in the object.
    """

    new: bool
    versioned: bool  # the bucket keeps versions, so create-only is not to be trusted


class ObjectStore(Protocol):
    """COS. Every verb raises StoreUnavailable or ConfigurationError besides what it names."""

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        """The object's head, or None where there is none."""

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        """A small object whole; what exceeds `max_bytes` is cut there."""

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Write an object, replacing what was there."""

    def create(self, bucket: str, key: str, body: bytes) -> Created:
        """Write a JSON object only if the key is free."""

    def md5(self, bucket: str, key: str, etag: str) -> str:
        """Read the object in small pieces and hash it. Raises ObjectChanged, ObjectGone."""

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        """A GET URL that anyone may use for that long. No request is made."""

    def send(self, bucket: str, key: str, etag: str, url: str) -> str:
        """Stream the object to an upload URL; returns the MD5 of what was sent.

        Raises ObjectChanged, ObjectGone.
        """


class PatientStore:
    """An ObjectStore that tries again with full jitter.

    Every verb may be repeated: what a lost reply of a create-only PUT leaves behind is settled by
    reading the object back.
    """

    def __init__(self, store: ObjectStore, clock: Clock, chance: Chance) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        return patiently(lambda: self._store.head(bucket, key), self._clock, self._chance)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        return patiently(lambda: self._store.get(bucket, key, max_bytes), self._clock, self._chance)

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        patiently(
            lambda: self._store.put(bucket, key, body, content_type, metadata),
            self._clock,
            self._chance,
        )

    def create(self, bucket: str, key: str, body: bytes, policy: RetryPolicy = STORE) -> Created:
        return patiently(
            lambda: self._store.create(bucket, key, body), self._clock, self._chance, policy
        )

    def keep(self, bucket: str, key: str, body: bytes) -> Created:
        """Create what must not be lost: as `create`, with more patience."""
        return self.create(bucket, key, body, KEEP)

    def md5(self, bucket: str, key: str, etag: str) -> str:
        return patiently(lambda: self._store.md5(bucket, key, etag), self._clock, self._chance)

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return self._store.presign(bucket, key, seconds)

    def send(self, bucket: str, key: str, etag: str, url: str) -> str:
        return patiently(
            lambda: self._store.send(bucket, key, etag, url), self._clock, self._chance
        )
