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
        self._left_mb = limit_mb

    def take(self, memory_mb: int, keep_mb: int = 0) -> bool:
        """True if so much was left, and `keep_mb` still is."""
        with self._lock:
            if self._left_mb - memory_mb < keep_mb:
                return False
            self._left_mb -= memory_mb
            return True

    def give_back(self, memory_mb: int) -> None:
        with self._lock:
            self._left_mb += memory_mb


class Quota:
    """A region's. Functions share what no other function has reserved."""

    def __init__(self, region: str) -> None:
        self._unreserved = Share(_REGION_MB.get(region, _DEFAULT_MB))

    def share(self, reserved_mb: int | None) -> Share:
        """For one function: a part of its own, a hard limit (0 stops it), or everybody's."""
        if reserved_mb is None:
            return self._unreserved
        if reserved_mb < 0 or not self._unreserved.take(reserved_mb, keep_mb=_UNRESERVED_MB):
            raise TooMuchReserved(
                f"{reserved_mb} MB cannot be reserved: {_UNRESERVED_MB} MB must stay unreserved"
            )
        return Share(reserved_mb)
