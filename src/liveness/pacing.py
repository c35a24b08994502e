"""When the next call may start: one token bucket, and what to do when the service says slower.

A turn is taken before a claim, so that nobody waits while holding one. The bucket holds one turn
and begins empty: turns are at least 1/rate seconds apart, those of the drainer before included.
Between turn and call lie round trips that may take longer or shorter, so a call also waits until
fewer than `rate` others have started in the second before it.

Being throttled means that somebody else uses the same limit: the rate is halved, and creeps back
with every answer.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple, Protocol

from .seams import Clock

# Of the set rate: what an answer gives back, and the least that is left however often it is halved.
_CREEP = 1 / 32
_LEAST = 1 / 8


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
        # The latest starts; as many as one window of time may hold.
        self._starts: deque[float] = deque(maxlen=max(1, int(rate)))
        self._window = self._starts.maxlen / rate if self._starts.maxlen else 1.0

    def turn(self, seconds: float) -> Turn | None:
        with self._lock:
            now = self._clock.monotonic()
            at = max(now, self._next_turn)
            if at - now > seconds:
                return None
            self._next_turn = at + 1 / self._rate
        self._clock.sleep(at - now)
        return Turn(self._clock.monotonic())

    def start(self) -> None:
        with self._lock:
            now = self._clock.monotonic()
            full = len(self._starts) == self._starts.maxlen
            at = max(now, self._starts[0] + self._window) if full else now
            self._starts.append(at)
        self._clock.sleep(at - now)

    def throttled(self, turn: Turn) -> None:
        with self._lock:
            if turn.at < self._cut:
                return  # its turn was before the last cut, which was the answer to it already
            self._rate = max(self._rate / 2, self._set * _LEAST)
            self._cut = self._clock.monotonic()
            self._next_turn = max(self._next_turn, self._cut + 1 / self._rate)

    def answered(self) -> None:
        with self._lock:
            self._rate = min(self._rate + self._set * _CREEP, self._set)
