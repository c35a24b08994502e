"""Concurrency, counted in memory: what a region's functions may use at one time."""

from __future__ import annotations

import threading

# Some regions have less than the 128,000 MB of the others.
_REGION_MB = {"ap-singapore": 64_000}
_DEFAULT_MB = 128_000
_UNRESERVED_MB = 12_800
"""So much must stay for functions without a reserved quota."""


class TooMuchReserved(ValueError):
    """Other functions would be left with too little."""


class Share:
    """Memory that the running instances of one function, or of several, have to fit in."""

    def __init__(self, limit_mb: int) -> None:
        self._lock = threading.Lock()
        self._limit_mb = limit_mb
        self._taken_mb = 0

    @property
    def limit_mb(self) -> int:
        return self._limit_mb

    def take(self, memory_mb: int) -> bool:
        """True if so much was left."""
        with self._lock:
            if self._taken_mb + memory_mb > self._limit_mb:
                return False
            self._taken_mb += memory_mb
            return True

    def give_back(self, memory_mb: int) -> None:
        with self._lock:
            self._taken_mb -= memory_mb

    def resize(self, limit_mb: int) -> None:
        """What is taken stays taken: over a smaller limit nothing more is, until enough ended."""
        with self._lock:
            self._limit_mb = limit_mb


class Quota:
    """A region's. Functions share what no other function has reserved."""

    def __init__(self, region: str) -> None:
        self._lock = threading.Lock()
        self._unreserved = Share(_REGION_MB.get(region, _DEFAULT_MB))

    def share(self, reserved_mb: int | None) -> Share:
        """For one function: a part of its own, a hard limit (0 stops it), or everybody's."""
        return self.exchange(self._unreserved, reserved_mb)

    def exchange(self, share: Share, reserved_mb: int | None) -> Share:
        """The share that a function has from now on, in place of this one.

        Raises TooMuchReserved.
        """
        with self._lock:
            shares_all = share is self._unreserved
            given_back = 0 if shares_all else share.limit_mb
            left = self._unreserved.limit_mb + given_back - (reserved_mb or 0)
            if (reserved_mb or 0) < 0 or left < _UNRESERVED_MB:
                raise TooMuchReserved(
                    f"{reserved_mb} MB cannot be reserved: {_UNRESERVED_MB} MB must stay unreserved"
                )
            self._unreserved.resize(left)
            if reserved_mb is None:
                return self._unreserved
            if shares_all:
                return Share(reserved_mb)
            share.resize(reserved_mb)
            return share

    def reserved_mb(self, share: Share) -> int | None:
        """None where it is everybody's."""
        return None if share is self._unreserved else share.limit_mb
