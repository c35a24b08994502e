"""When the next call may start: one token bucket, and what to do when the service says slower.

A turn is taken before a claim, so that nobody waits while holding one. The bucket holds one turn
and begins empty: turns are at least 1/rate seconds apart, those of the drainer before included.
They come in the order they were asked for, but none is promised ahead: promises made while the
rate was low would keep it low. Between turn and call lie round trips that may take longer or
shorter, so a call also waits until fewer than `rate` others have started in the second before it.

Being throttled means that somebody else uses the same limit: the rate is halved, and creeps back
with every answer. For a second after that, being throttled again says nothing new: it is by the
second that the service counts, and that one was full. Or it means that two of our calls came
closer together on their way than they were sent: so every time they are also sent a little further
apart, for good.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import NamedTuple, Protocol

from .seams import Clock

# Of the set rate: what an answer gives back, and the least that is left however often it is halved.
_CREEP = 1 / 4
_LEAST = 1 / 8
# Seconds that are added to every second for what the way may do to the spacing: a step, the most.
_SLACK_STEP = 0.02
_MOST_SLACK = 0.05
_SETTLING_SECONDS = 2.0
_CUT_HOLDS_SECONDS = 1.0
_AGAIN_SECONDS = 10.0
# Who was woken by so little too late had its turn in time, else it would add up.
_PUNCTUAL_SECONDS = 0.05
# Who waits for long keeps the slot meanwhile: all workers may be waiting.
_RENEW_SECONDS = 1.0


class Turn(NamedTuple):
    """Permission to make one call, given at this moment (monotonic)."""

    at: float


class Pace(Protocol):
    """Who may call when, within one invocation."""

    yields: bool  # whether a drainer at work elsewhere comes first

    def turn(self, seconds: float) -> Turn | None:
        """Wait for a turn; None where none comes within that many seconds."""

    def start(self) -> bool:
        """Wait until one more call may start now; False where none may any more."""

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

    def start(self) -> bool:
        return True

    def throttled(self, turn: Turn) -> None: ...

    def answered(self) -> None: ...


class Slot(Protocol):
    """The time in which calls may start."""

    def renew(self) -> bool:
        """Whether one may start now; what is about to end is prolonged, which takes a request."""

    def lasts(self) -> bool:
        """Whether one may start now."""


class _Always:
    def renew(self) -> bool:
        return True

    def lasts(self) -> bool:
        return True


class TokenBucket:
    """For a drainer: `rate` calls a second at most, and none outside its slot."""

    yields = False

    def __init__(self, rate: float, clock: Clock) -> None:
        self.slot: Slot = _Always()
        # As many starts as one second may hold, or one in a longer time; turns come no faster.
        self._starts: deque[float] = deque(maxlen=max(1, int(rate)))
        self._window = max(1.0, 1 / rate)
        self._set = self._rate = max(1, int(rate)) / self._window
        self._clock = clock
        self._lock = threading.Lock()
        self._latest_turn = clock.monotonic()
        self._queue: list[object] = []  # who waits for a turn
        self._cut_until = -math.inf
        # Before, we were throttled for the burst of calls that made us park.
        self._settled = clock.monotonic() + _SETTLING_SECONDS
        self._slack = 0.0

    def turn(self, seconds: float) -> Turn | None:
        ticket = object()
        latest = self._clock.monotonic() + seconds
        with self._lock:
            self._queue.append(ticket)
        try:
            while self.slot.renew():
                with self._lock:
                    now = self._clock.monotonic()
                    ahead = self._queue.index(ticket)
                    due = self._latest_turn + (1 + self._slack) / self._rate
                    at = max(now, due) + ahead / self._set
                    if at > latest:
                        return None
                    if at <= now:
                        self._latest_turn = due if now - due < _PUNCTUAL_SECONDS else now
                        return Turn(now)
                # It may come sooner, should the rate rise meanwhile.
                self._clock.sleep(min(at - now, (ahead + 1) / self._set, _RENEW_SECONDS))
            return None
        finally:
            with self._lock:
                self._queue.remove(ticket)

    def start(self) -> bool:
        with self._lock:
            now = self._clock.monotonic()
            full = len(self._starts) == self._starts.maxlen
            window = self._window * (1 + self._slack)
            at = max(now, self._starts[0] + window) if full else now
            self._starts.append(at)
        self._clock.sleep(at - now)
        return self.slot.lasts()

    def quiet_in(self) -> float:
        """Seconds until the last start is so long ago that somebody else's may follow."""
        with self._lock:
            last = self._starts[-1] if self._starts else -math.inf
        return max(0.0, last + self._window - self._clock.monotonic())

    def throttled(self, turn: Turn) -> None:
        with self._lock:
            if turn.at <= self._cut_until:
                return  # the last cut was the answer to it already
            now = self._clock.monotonic()
            if self._settled < now < self._cut_until + _AGAIN_SECONDS:
                self._slack = min(self._slack + _SLACK_STEP, _MOST_SLACK)
            self._cut_until = now + _CUT_HOLDS_SECONDS
            self._rate = max(self._rate / 2, self._set * _LEAST)

    def answered(self) -> None:
        with self._lock:
            self._rate = min(self._rate + self._set * _CREEP, self._set)
