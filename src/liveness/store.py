"""The object store as the core sees it: values, and the verbs it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from .retry import KEEP, STORE, RetryPolicy, patiently
from .seams import Chance, Clock

JSON = "application/json"
JPEG = "image/jpeg"
# Last-Modified and Date are whole seconds: either may be cut by almost one.
CLOCK_GRAIN_SECONDS = 2
# What reading an object of ours as JSON raises when somebody edited it or cut it.
NO_RECORD = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


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
    date: float | None  # when the store answered; None where the key was taken


class Listed(NamedTuple):
    """An object as a listing shows it."""

    key: str
    last_modified: float


class Page(NamedTuple):
    """A part of a listing, at most 1,000 keys in UTF-8 order; `next` goes on after it."""

    items: tuple[Listed, ...]
    next: str | None


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

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        """Keys with that prefix that sort behind `after`. Eventually consistent (436/30614)."""

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
        self._ahead = 0.0  # the store's clock, less ours

    def now(self) -> float:
        """Seconds since 1970 by the store's clock, as far as its answers have told.

        What instances whose clocks differ must agree on is timed by this.
        """
        return self._clock.now() + self._ahead

    def _heard(self, date: float | None) -> None:
        if date is not None:
            ahead = date - self._clock.now()
            # Dates are whole seconds: a difference below that is no difference.
            self._ahead = ahead if abs(ahead) > CLOCK_GRAIN_SECONDS else 0.0

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        head = patiently(lambda: self._store.head(bucket, key), self._clock, self._chance)
        self._heard(head.date if head else None)
        return head

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        stored = patiently(
            lambda: self._store.get(bucket, key, max_bytes), self._clock, self._chance
        )
        self._heard(stored.head.date if stored else None)
        return stored

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        content_type: str,
        metadata: Mapping[str, str],
        failed: Callable[[], None] | None = None,
    ) -> None:
        """`failed` is called after a first try without a reply, which may land at any time."""
        patiently(
            lambda: self._store.put(bucket, key, body, content_type, metadata),
            self._clock,
            self._chance,
            failed=failed,
        )

    def create(self, bucket: str, key: str, body: bytes, policy: RetryPolicy = STORE) -> Created:
        created = patiently(
            lambda: self._store.create(bucket, key, body), self._clock, self._chance, policy
        )
        self._heard(created.date)
        return created

    def keep(self, bucket: str, key: str, body: bytes) -> Created:
        """Create what must not be lost: as `create`, with more patience."""
        return self.create(bucket, key, body, KEEP)

    def delete(self, bucket: str, key: str) -> None:
        patiently(lambda: self._store.delete(bucket, key), self._clock, self._chance)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        return patiently(lambda: self._store.list(bucket, prefix, after), self._clock, self._chance)

    def md5(self, bucket: str, key: str, etag: str) -> str:
        return patiently(lambda: self._store.md5(bucket, key, etag), self._clock, self._chance)

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return self._store.presign(bucket, key, seconds)

    def send(self, bucket: str, key: str, etag: str, url: str) -> str:
        return patiently(
            lambda: self._store.send(bucket, key, etag, url), self._clock, self._chance
        )
