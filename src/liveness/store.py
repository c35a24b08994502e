"""The object store as the core sees it: values, the verbs it needs, and retries around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeVar

from .retry import DEFAULT_POLICY, RetryPolicy, with_retries
from .runtime import Clock, Random

T = TypeVar("T")

JSON = "application/json"
JPEG = "image/jpeg"
# Last-Modified and Date are whole seconds: either may be truncated by almost one.
CLOCK_RESOLUTION_SECONDS = 2
# COS accepts our signatures, so its clock is at most this far from ours; any other Date is wrong.
MAX_CLOCK_OFFSET_SECONDS = 15 * 60.0
# What reading one of our JSON objects raises if it was edited or truncated.
UNPARSABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def wait_until(stored: float, now: float, longest: float) -> float:
    """Return the seconds until a time read from one of our objects; 0 if it is past.

    Also 0 for an impossible wait: the object was edited, or the clock was wrong when it was
    written.
    """
    wait = stored - now
    return wait if 0 < wait <= longest else 0.0  # also for NaN


class ObjectHead(NamedTuple):
    """The reply to a HEAD. Times are seconds since 1970 by the store's own clock."""

    key: str
    size: int
    etag: str  # without quotes
    md5: str | None  # of the content, if the ETag is one
    last_modified: float
    date: float  # when the store answered
    metadata: Mapping[str, str]  # names without x-cos-meta-
    is_archived: bool = False  # in archive storage, and not restored

    @property
    def age(self) -> float:
        """Seconds since the object was written, by the store's clock alone."""
        return self.date - self.last_modified


class Digests(NamedTuple):
    """Hexadecimal digests of an input's content; SHA-256 only where we read the bytes."""

    md5: str
    sha256: str | None = None


class StoredObject(NamedTuple):
    """An object and its body."""

    head: ObjectHead
    body: bytes


class CreateResult(NamedTuple):
    """The outcome of a create-only PUT (put-if-absent): `created` is False if the key was taken.

    If the reply to the first try was lost, the key may already be ours: see the object's nonce.
    """

    created: bool
    versioned: bool  # the bucket keeps versions, so create-only cannot be trusted
    date: float | None  # when the store answered; None if the key was taken


class ListedObject(NamedTuple):
    """An object as a listing shows it."""

    key: str
    last_modified: float
    etag: str = ""  # without quotes
    size: int = -1  # if the listing does not show it


class Page(NamedTuple):
    """At most 1,000 keys of a listing, in UTF-8 order; the next page starts after `next_marker`."""

    items: tuple[ListedObject, ...]
    next_marker: str | None


class ObjectStore(Protocol):
    """COS. Every verb may raise StoreUnavailableError and ConfigurationError."""

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        """Return the object's head, or None if there is no such object.

        Raises ObjectUnreadableError.
        """

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        """Read a small object, truncated after `max_bytes`; None if there is no such object."""

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Write an object, replacing any that exists."""

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        """Write a JSON object only if the key is free."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; it need not exist."""

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        """List keys with that prefix that sort after `after`. Eventually consistent (436/30614)."""

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        """Stream the object and return its digests.

        Raises ObjectChangedError, ObjectGoneError, ObjectUnreadableError.
        """

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        """Return a GET URL that is valid that long. Makes no request."""

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        """Stream the object to an upload URL and return the digests of what was sent.

        Raises ObjectChangedError, ObjectGoneError, ObjectUnreadableError.
        """


class RetryingStore:
    """An ObjectStore that retries with full jitter, and keeps track of the store's clock.

    Every verb may be repeated: if the reply to a create-only PUT was lost, reading the object back
    shows whose it is.
    """

    def __init__(self, store: ObjectStore, clock: Clock, rng: Random) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._clock_offset = 0.0  # the store's clock minus ours

    def now(self) -> float:
        """Return seconds since 1970 by the store's clock, as far as its replies have shown it.

        Use it for anything that instances with different clocks must agree on.
        """
        return self._clock.now() + self._clock_offset

    @property
    def clock_offset(self) -> float:
        """Seconds by which the store's clock is ahead of ours; 0 until a reply proves otherwise."""
        return self._clock_offset

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        return self._dated(
            lambda: self._store.head(bucket, key), lambda head: head.date if head else None
        )

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        return self._dated(
            lambda: self._store.get(bucket, key, max_bytes),
            lambda stored: stored.head.date if stored else None,
        )

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        content_type: str,
        metadata: Mapping[str, str],
        on_first_failure: Callable[[], None] | None = None,
    ) -> None:
        """Write an object; `on_first_failure` runs after a first try that may yet take effect."""
        self._retry(
            lambda: self._store.put(bucket, key, body, content_type, metadata),
            on_first_failure=on_first_failure,
        )

    def create(
        self, bucket: str, key: str, body: bytes, policy: RetryPolicy = DEFAULT_POLICY
    ) -> CreateResult:
        return self._dated(
            lambda: self._store.create(bucket, key, body), lambda result: result.date, policy
        )

    def delete(self, bucket: str, key: str) -> None:
        self._retry(lambda: self._store.delete(bucket, key))

    def delete_once(self, bucket: str, key: str) -> None:
        """Delete without retries, since another instance may create the key anew."""
        self._store.delete(bucket, key)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        return self._retry(lambda: self._store.list(bucket, prefix, after))

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        return self._retry(lambda: self._store.digest(bucket, key, etag))

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        return self._store.presign(bucket, key, seconds)

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        return self._retry(lambda: self._store.upload_to_url(bucket, key, etag, url))

    def _dated(
        self,
        task: Callable[[], T],
        date_of: Callable[[T], float | None],
        policy: RetryPolicy = DEFAULT_POLICY,
    ) -> T:
        """Make a request whose reply has a date, and learn the store's clock from it."""
        sent = 0.0

        def send() -> T:
            nonlocal sent
            sent = self._clock.now()
            return task()

        reply = self._retry(send, policy)
        self._observe_clock(sent, date_of(reply))
        return reply

    def _observe_clock(self, sent: float, date: float | None) -> None:
        """Correct the offset only as far as a reply contradicts it: the reply may have taken long.

        The store answered between `sent` and now, in the whole second that `date` names.
        """
        now = self._clock.now()
        if date is not None and abs(date - now) <= MAX_CLOCK_OFFSET_SECONDS:
            offset = max(self._clock_offset, date - now)
            self._clock_offset = min(offset, date + 1 - sent)

    def _retry(
        self,
        task: Callable[[], T],
        policy: RetryPolicy = DEFAULT_POLICY,
        on_first_failure: Callable[[], None] | None = None,
    ) -> T:
        return with_retries(task, self._clock, self._rng, policy, on_first_failure)
