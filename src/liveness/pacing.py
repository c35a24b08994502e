"""When the next call may start: one token bucket, and what to do when the service says slower.

A turn is taken before a claim, so that nobody waits while holding one. The bucket holds one turn
and begins empty: turns are at least 1/rate seconds apart, those of the drainer before included.
Between turn and call lie round trips that may take longer or shorter, so a call also waits until
fewer than `rate` others have started in the second before it.

Being throttled means that somebody else uses the same limit: the rate is halved, and creeps back
with every answer. Or it means that two of our calls came closer together on their way than they
were sent: so every time they are also sent a little further apart, for good.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple, Protocol

from .seams import Clock

# Of the set rate: what an answer gives back, and the least that is left however often it is halved.
_CREEP = 1 / 8
_LEAST = 1 / 8
# Seconds that are added to every second for what the way may do to the spacing: a step, the most.
_SLACK_STEP = 0.01
_MOST_SLACK = 0.05
_SETTLING_SECONDS = 3.0


class Turn(NamedTuple):
    """Permission to make one call, given at this moment (monotonic)."""

    at: float


class Pace(Protocol):
    """Who may call when, within one invocation."""

    yields: bool  # whether a drainer at work elsewhere comes first

    def turn(self, seconds: float) -> Turn | None:
        """Wait for a turn; None where none comes within that many seconds."""

    def start(self) -> None:
        """Wait until one more call may start now."""

    def throttled(self, turn: Turn) -> None:
        """The call of that turn was refused."""

    def answered(self) -> None:
        """A call was answered."""


class AtOnce:
    """For a live event, whose person waits; `yields` is False where somebody asked for it."""

    def __init__(self, clock: Clock, yields: bool) -> None:
        self.yields = yields
        self._clock = clock

    def turn(self, seconds: float) -> Turn | None:
        return Turn(self._clock.monotonic())

    def start(self) -> None: ...

    def throttled(self, turn: Turn) -> None: ...

    def answered(self) -> None: ...


class TokenBucket:
    """For a drainer: `rate` calls a second at most."""

    yields = False

    def __init__(self, rate: float, clock: Clock) -> None:
        self._set = self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._next_turn = clock.monotonic() + 1 / rate
        self._cut = clock.monotonic()
        # Before, we were throttled for the burst of calls that made us park.
        self._settled = clock.monotonic() + _SETTLING_SECONDS
        self._slack = 0.0
        # The latest starts: as many as one second may hold, or one in a longer time.
        self._starts: deque[float] = deque(maxlen=max(1, int(rate)))
        self._window = max(1.0, 1 / rate)

    def turn(self, seconds: float) -> Turn | None:
        with self._lock:
            now = self._clock.monotonic()
            at = max(now, self._next_turn)
            if at - now > seconds:
                return None
            self._next_turn = at + (1 + self._slack) / self._rate
        self._clock.sleep(at - now)
        return Turn(self._clock.monotonic())

    def start(self) -> None:
        with self._lock:
            now = self._clock.monotonic()
            full = len(self._starts) == self._starts.maxlen
            window = self._window * (1 + self._slack)
            at = max(now, self._starts[0] + window) if full else now
            self._starts.append(at)
        self._clock.sleep(at - now)

    def throttled(self, turn: Turn) -> None:
        with self._lock:
            if turn.at <= self._cut:
                return  # its turn was before the last cut, which was the answer to it already
            self._cut = self._clock.monotonic()
            if self._cut > self._settled:
                self._slack = min(self._slack + _SLACK_STEP, _MOST_SLACK)
            self._rate = max(self._rate / 2, self._set * _LEAST)
            self._next_turn = max(self._next_turn, self._cut + 1 / self._rate)

    def answered(self) -> None:
        with self._lock:
            self._rate = min(self._rate + self._set * _CREEP, self._set)
