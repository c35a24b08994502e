"""Concurrency, measured in memory: how much a region's functions may use at the same time."""

from __future__ import annotations

import threading

# Some regions have less than the 128,000 MB of the others.
_REGION_MB = {"ap-singapore": 64_000}
_DEFAULT_MB = 128_000
_MIN_UNRESERVED_MB = 12_800
"""The part of the quota that stays available to functions without a reserved quota."""


class ReservationTooLarge(ValueError):
    """The reservation would leave too little for the other functions."""


class MemoryQuota:
    """The memory that the running instances of one or several functions have to fit in."""

    def __init__(self, limit_mb: int) -> None:
        self._lock = threading.Lock()
        self._limit_mb = limit_mb
        self._used_mb = 0

    @property
    def limit_mb(self) -> int:
        return self._limit_mb

    def acquire(self, memory_mb: int) -> bool:
        """Acquire the memory and return True, or return False if too little is left."""
        with self._lock:
            if self._used_mb + memory_mb > self._limit_mb:
                return False
            self._used_mb += memory_mb
            return True

    def release(self, memory_mb: int) -> None:
        with self._lock:
            self._used_mb -= memory_mb

    def resize(self, limit_mb: int) -> None:
        """Change the limit. Running instances keep their memory even if it exceeds the new limit;
        new ones have to wait until enough is released."""
        with self._lock:
            self._limit_mb = limit_mb


class RegionQuota:
    """The quota of a region. Functions share what no other function has reserved."""

    def __init__(self, region: str) -> None:
        self._lock = threading.Lock()
        self.total_mb = _REGION_MB.get(region, _DEFAULT_MB)
        self._unreserved = MemoryQuota(self.total_mb)

    @property
    def total_reserved_mb(self) -> int:
        return self.total_mb - self._unreserved.limit_mb

    def allocate(self, reserved_mb: int | None) -> MemoryQuota:
        """Return a function's quota: a hard limit of its own (0 stops it), or the shared quota.

        Raise ReservationTooLarge if too little would stay unreserved.
        """
        return self.reallocate(self._unreserved, reserved_mb)

    def reallocate(self, quota: MemoryQuota, reserved_mb: int | None) -> MemoryQuota:
        """Return the quota that replaces a function's present one.

        Raise ReservationTooLarge if too little would stay unreserved.
        """
        with self._lock:
            is_shared = quota is self._unreserved
            freed_mb = 0 if is_shared else quota.limit_mb
            unreserved_mb = self._unreserved.limit_mb + freed_mb - (reserved_mb or 0)
            if (reserved_mb or 0) < 0 or unreserved_mb < _MIN_UNRESERVED_MB:
                raise ReservationTooLarge(
                    f"{reserved_mb} MB cannot be reserved: "
                    f"{_MIN_UNRESERVED_MB} MB must stay unreserved"
                )
            self._unreserved.resize(unreserved_mb)
            if reserved_mb is None:
                return self._unreserved
            if is_shared:
                return MemoryQuota(reserved_mb)
            quota.resize(reserved_mb)
            return quota

    def reserved_mb(self, quota: MemoryQuota) -> int | None:
        """Return how much is reserved for a function, or None if it uses the shared quota."""
        return None if quota is self._unreserved else quota.limit_mb
