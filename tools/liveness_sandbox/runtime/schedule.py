"""Things the platform does later: retries and timers, by a clock that may run fast."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from ..clock import Clock

_log = logging.getLogger(__name__)


class Scheduler:
    """Calls back at a moment; one thread, however many things wait.

    Its time is the sandbox's clock, `speed` times as fast: that divides every delay of the
    platform at once, and moving the sandbox's clock makes due what lies between.
    """

    def __init__(self, clock: Clock, speed: float = 1) -> None:
        if speed <= 0:
            raise ValueError(f"the speed is a positive factor, not {speed}")
        self._clock = clock
        self._speed = speed
        self._began = clock.now().timestamp()
        self._began_monotonic = clock.monotonic()
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()  # what is due at one moment is called in order
        self._thread: threading.Thread | None = None
        self._closed = False
        clock.on_advance(self._wake)

    def now(self) -> float:
        """Seconds of the platform's time since 1970."""
        return self._began + (self._clock.monotonic() - self._began_monotonic) * self._speed

    def call_at(self, moment: float, call: Callable[[], None]) -> None:
        """`call` must not take long: all others wait for it."""
        with self._changed:
            heapq.heappush(self._waiting, (moment, next(self._numbers), call))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="liveness-sandbox-scheduler", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Nothing is called any more once this has returned."""
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
                _log.exception("what was due could not be done")

    def _next(self) -> Callable[[], None] | None:
        """What is due, as soon as something is; None when closed."""
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
