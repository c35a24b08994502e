"""A limit of requests per second, counted on arrival for each action and region [doc 1278/109059].

The document does not specify how the vendor counts a second, so a test can choose.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..clock import Clock


class Algorithm(Protocol):
    def admit(self, limit: float, now: float) -> bool:
        """Return whether one more request may pass, and count it if so."""


class SlidingWindow:
    """At most the limit in any period of one second: the strictest way to count."""

    def __init__(self) -> None:
        self._admitted: deque[float] = deque()

    def admit(self, limit: float, now: float) -> bool:
        while self._admitted and now - self._admitted[0] >= 1:
            self._admitted.popleft()
        if len(self._admitted) >= limit:
            return False
        self._admitted.append(now)
        return True


class FixedWindow:
    """At most the limit in each second of the clock: twice as many can pass around its boundary."""

    def __init__(self) -> None:
        self._window = 0
        self._admitted = 0

    def admit(self, limit: float, now: float) -> bool:
        if self._window != int(now):
            self._window, self._admitted = int(now), 0
        if self._admitted >= limit:
            return False
        self._admitted += 1
        return True


class TokenBucket:
    """Initially full, then refilled steadily: after a burst, one request per 1/limit seconds."""

    def __init__(self) -> None:
        self._tokens = math.inf
        self._filled_at = 0.0

    def admit(self, limit: float, now: float) -> bool:
        size = max(limit, 1)
        self._tokens = min(size, self._tokens + (now - self._filled_at) * limit)
        self._filled_at = now
        # Rounding can leave slightly less than the whole token that has accumulated.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True


ALGORITHMS: dict[str, Callable[[], Algorithm]] = {
    "sliding-window": SlidingWindow,
    "fixed-window": FixedWindow,
    "token-bucket": TokenBucket,
}


class RateLimiter:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._algorithm = "sliding-window"
        self._counts: dict[tuple[str, str], Algorithm] = {}

    @property
    def algorithm(self) -> str:
        return self._algorithm

    @algorithm.setter
    def algorithm(self, name: str) -> None:
        """Change the algorithm, and start counting anew."""
        if name not in ALGORITHMS:
            raise ValueError(f"the limiter must be one of {', '.join(ALGORITHMS)}, not {name!r}")
        self._algorithm = name
        self._counts = {}

    def admit(self, action: str, region: str, limit: float | None) -> bool:
        if limit is None:
            return True
        if limit <= 0:
            return False
        counted = self._counts.setdefault((action, region), ALGORITHMS[self._algorithm]())
        return counted.admit(limit, self._clock.monotonic())
