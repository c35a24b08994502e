"""The simulated bucket: its objects, and how they were at any earlier moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from liveness.store import Digests

SECRET = "q-sign-algorithm=sha1&q-signature=5eed5eed"  # must never appear in a log or a result


class Stored(NamedTuple):
    """One stored object; times are the store's."""

    body: bytes
    etag: str
    written: float
    metadata: Mapping[str, str]
    creator: str  # the invocation or customer that wrote it

    @property
    def is_md5(self) -> bool:
        """Tell whether the ETag is the content's MD5: after a multipart upload it is not."""
        return "-" not in self.etag


def _state(key: str, stored: Stored | None) -> int:
    return hash((key, stored.etag, round(stored.written, 1))) if stored else 0


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def digests(body: bytes) -> Digests:
    return Digests(md5(body), hashlib.sha256(body).hexdigest())


class Bucket:
    """All objects, with their history."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.objects: dict[str, Stored] = {}
        self.state = 0  # equal for equal objects of equal age
        self._history: dict[str, list[tuple[float, Stored | None]]] = {}

    def write(
        self,
        key: str,
        body: bytes,
        metadata: Mapping[str, str],
        creator: str,
        etag: str | None = None,
    ) -> None:
        self._set(key, Stored(body, etag or md5(body), self._now(), metadata, creator))

    def remove(self, key: str) -> None:
        if key in self.objects:
            self._set(key, None)

    def _set(self, key: str, stored: Stored | None) -> None:
        self.state ^= _state(key, self.objects.get(key)) ^ _state(key, stored)
        if stored is None:
            del self.objects[key]
        else:
            self.objects[key] = stored
        self._history.setdefault(key, []).append((self._now(), stored))

    def as_it_was(self, key: str, moment: float) -> Stored | None:
        """Return the object that was stored at that moment."""
        latest = None
        for at, stored in self._history.get(key, ()):
            if at > moment:
                break
            latest = stored
        return latest

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with this prefix in order."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    def keys_as_they_were(self, prefix: str, moment: float) -> Iterator[str]:
        """Yield the keys with this prefix that existed at that moment, in order."""
        for key in sorted(self._history):
            if key.startswith(prefix) and self.as_it_was(key, moment) is not None:
                yield key
