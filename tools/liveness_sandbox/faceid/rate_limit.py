"""So many requests a second, counted on arrival per action and region [doc 1278/109059]."""

from __future__ import annotations

import time
from collections import defaultdict, deque


class RateLimiter:
    """A sliding second: stricter than a calendar second, and the same on every run."""

    def __init__(self) -> None:
        self._admitted: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def admit(self, action: str, region: str, limit: float | None) -> bool:
        if limit is None:
            return True
        now = time.monotonic()
        admitted = self._admitted[action, region]
        while admitted and now - admitted[0] >= 1:
            admitted.popleft()
        if len(admitted) >= limit:
            return False
        admitted.append(now)
        return True
