"""The bucket: what is in it, what was in it, and how requests of an invocation reach it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

SECRET = "q-sign-algorithm=sha1&q-signature=5eed5eed"  # must never be seen again


class Stored(NamedTuple):
    """An object as it lies there; times are the store's."""

    body: bytes
    etag: str
    written: float
    metadata: Mapping[str, str]
    creator: str  # the invocation or customer who wrote it

    @property
    def is_md5(self) -> bool:
        """Whether the ETag is the content's MD5: not after a multipart upload."""
        return "-" not in self.etag


def _state(key: str, stored: Stored | None) -> int:
    return hash((key, stored.etag, round(stored.written, 1))) if stored else 0


def md5(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


class Bucket:
    """All objects, and how they were at any time before."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.objects: dict[str, Stored] = {}
        self.state = 0  # the same for the same objects of the same age
        self._past: dict[str, list[tuple[float, Stored | None]]] = {}

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
        self._past.setdefault(key, []).append((self._now(), stored))

    def as_it_was(self, key: str, moment: float) -> Stored | None:
        """The object at that moment."""
        found = None
        for at, stored in self._past.get(key, ()):
            if at > moment:
                break
            found = stored
        return found

    def keys(self, prefix: str) -> list[str]:
        """In order."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    def keys_as_they_were(self, prefix: str, moment: float) -> Iterator[str]:
        """In order; what lay there at that moment."""
        for key in sorted(self._past):
            if key.startswith(prefix) and self.as_it_was(key, moment) is not None:
                yield key
