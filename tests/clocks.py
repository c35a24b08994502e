"""Fake clocks: every clock that a test substitutes for the machine's.

The simulator's clock is not among them: it belongs to the kernel that decides what happens when.
"""

from __future__ import annotations

import time

from liveness.cloud.system import SystemClock


class ManualClock:
    """A clock that stands still until a test moves `time`; sleeping moves it, too.

    Wall time equals monotonic time, unless a fixed wall time is given.
    """

    def __init__(self, start: float = 0.0, wall_time: float | None = None) -> None:
        self.time = start
        self._wall_time = wall_time

    def now(self) -> float:
        return self.time if self._wall_time is None else self._wall_time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class SleeplessClock(SystemClock):
    """The machine's clock, except that sleeping takes no time.

    `slept` lists the seconds of each sleep. A test adds to `shift` to move the monotonic clock
    forward, and to `wall_shift` to set the wall clock wrong.
    """

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.shift = 0.0
        self.wall_shift = 0.0

    def now(self) -> float:
        return super().now() + self.wall_shift

    def monotonic(self) -> float:
        return super().monotonic() + self.shift

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class FastForwardClock(SleeplessClock):
    """The machine's clock, except that sleeping moves the monotonic clock forward at once."""

    def sleep(self, seconds: float) -> None:
        self.shift += seconds
        time.sleep(min(seconds, 0.002))  # code that waits for other threads must let them run
