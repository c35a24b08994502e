"""Deferred calls of the platform, retries and timers, by a clock that may run faster."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from ..clock import Clock

_log = logging.getLogger(__name__)


class Scheduler:
    """Calls functions when they are due, in a single thread.

    Its time is that of the sandbox's clock, `speed` times as fast: this divides every delay of the
    platform, and advancing the sandbox's clock makes due what was due in between.
    """

    def __init__(self, clock: Clock, speed: float = 1) -> None:
        if speed <= 0:
            raise ValueError(f"the speed must be a positive factor, not {speed}")
        self._clock = clock
        self._speed = speed
        self._started = clock.now().timestamp()
        self._started_monotonic = clock.monotonic()
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = (
            itertools.count()
        )  # keeps the order of calls that are due at the same moment
        self._thread: threading.Thread | None = None
        self._closed = False
        clock.on_advance(self._wake)

    def now(self) -> float:
        """Return the platform's time, in seconds since 1970."""
        return self._started + (self._clock.monotonic() - self._started_monotonic) * self._speed

    def call_at(self, moment: float, call: Callable[[], None]) -> None:
        """Schedule a call, which must not take long because all others wait for it."""
        with self._changed:
            heapq.heappush(self._waiting, (moment, next(self._numbers), call))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="liveness-sandbox-scheduler", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Stop: no call is made after this method has returned."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:
                _log.exception("a scheduled call failed")

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next due call and return it, or None once the scheduler is closed."""
        with self._changed:
            while not self._closed:
                seconds = None
                if self._waiting:
                    seconds = (self._waiting[0][0] - self.now()) / self._speed
                    if seconds <= 0:
                        return heapq.heappop(self._waiting)[2]
                    seconds = min(seconds, threading.TIMEOUT_MAX)
                self._changed.wait(seconds)
            return None
