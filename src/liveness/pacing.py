"""When the next call may start: a token bucket whose rate follows the service, by AIMD.

A permit is taken before a claim, so that no worker waits while holding a lease. The bucket holds
one permit and starts empty: permits are at least 1/rate seconds apart, counting those of the
drainer before. They are granted in FIFO order, but never reserved ahead of time: reservations made
at a low rate would outlive it. Between permit and call lie round trips of varying length, so a call
also waits until fewer than `rate` others have started in the second before it.

A throttled call means that the limit is shared: the rate is halved, and each call that is admitted
raises it by a quarter of the configured rate (additive increase, multiplicative decrease), whatever
the answer. For a second after that, another throttled call is no news: the service counts by the
second, and that second was full. It may also mean that two calls came closer together on their way
than they were sent: so with every cut the spacing grows a little, for good.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from .breaker import CallOutcome
from .runtime import Clock

# Fractions of the configured rate: what a success gives back, and what a cut always leaves.
_ADDITIVE_INCREASE = 1 / 4
_MIN_RATE_FRACTION = 1 / 8
# Seconds added to each second of spacing, for what the network does to it: one step, and the most.
_MARGIN_STEP = 0.02
_MAX_SPACING_MARGIN = 0.05
_SETTLING_SECONDS = 2.0
_CUT_HOLDS_SECONDS = 1.0
_REPEATED_CUT_SECONDS = 10.0
# A permit granted this little too late counts as punctual, or else the delays would add up.
_LATENESS_TOLERANCE_SECONDS = 0.05
# A worker that waits longer renews the slot meanwhile: all workers may be waiting.
_RENEW_SECONDS = 1.0


class Permit(NamedTuple):
    """Permission to make one call, granted at this moment (monotonic)."""

    granted: float


class CallPacer(Protocol):
    """Decides when the calls of one invocation may start."""

    defers_to_drain: bool  # whether an instance that drains comes first

    def acquire(self, timeout: float) -> Permit | None:
        """Wait for a permit; None if there will be none within that many seconds."""

    def put_back(self) -> None:
        """Return a permit under which no call is made: contents that are refused delay no one."""

    def await_start(self) -> bool:
        """Wait until one more call may start; False if none may any more."""

    def on_outcome(self, outcome: CallOutcome, permit: Permit | None) -> None:
        """Take note of what became of the call made under that permit."""


class Unpaced:
    """For events and direct invocations: every call may start at once."""

    def __init__(self, clock: Clock, defers_to_drain: bool) -> None:
        self.defers_to_drain = defers_to_drain
        self._clock = clock

    def acquire(self, timeout: float) -> Permit | None:
        return Permit(self._clock.monotonic())

    def put_back(self) -> None: ...

    def await_start(self) -> bool:
        return True

    def on_outcome(self, outcome: CallOutcome, permit: Permit | None) -> None: ...


class Slot(Protocol):
    """The time in which calls may start."""

    def renew(self) -> bool:
        """Extend the time if it is about to end, by a request; return whether a call may start."""

    def is_valid(self) -> bool:
        """Whether a call may start now."""


class CallGuard(Protocol):
    """Takes note of what became of each call, and may forbid the next ones: a breaker."""

    @property
    def blocks(self) -> bool:
        """Whether no call may be made now."""

    def observe(self, outcome: CallOutcome) -> None: ...


class TokenBucket:
    """For a drainer: at most `rate` calls per second, and none outside its slot."""

    defers_to_drain = False

    def __init__(
        self,
        rate: float,
        clock: Clock,
        lock: AbstractContextManager[Any],
        slot: Slot,
        breaker: CallGuard,
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._slot = slot
        self._breaker = breaker
        # As many starts as one second may hold, or one in a longer time; permits come no faster.
        self._starts: deque[float] = deque(maxlen=max(1, int(rate)))
        self._window = max(1.0, 1 / rate)
        self._target_rate = self._rate = max(1, int(rate)) / self._window
        self._latest_permit = clock.monotonic()
        self._queue: list[object] = []  # the workers that wait for a permit
        self._has_spare = False  # a permit that was put back; of several, one
        self._cut_until = -math.inf
        # Until then, throttling is due to the burst of calls that filled the backlog.
        self._settled = clock.monotonic() + _SETTLING_SECONDS
        self._spacing_margin = 0.0

    def acquire(self, timeout: float) -> Permit | None:
        ticket = object()
        latest = self._clock.monotonic() + timeout
        with self._lock:
            self._queue.append(ticket)
        try:
            # Of the workers that wait, none calls any more once the breaker has opened.
            while self._slot.renew() and not self._breaker.blocks:
                with self._lock:
                    now = self._clock.monotonic()
                    ahead = self._queue.index(ticket)
                    due = self._latest_permit + (1 + self._spacing_margin) / self._rate
                    expected = max(now, due) + ahead / self._target_rate
                    if self._has_spare and ahead == 0:
                        self._has_spare = False
                        return Permit(now)
                    if expected > latest:
                        return None
                    if expected <= now:
                        punctual = now - due < _LATENESS_TOLERANCE_SECONDS
                        self._latest_permit = due if punctual else now
                        return Permit(now)
                # It may come sooner, should the rate rise meanwhile.
                wait = min(expected - now, (ahead + 1) / self._target_rate, _RENEW_SECONDS)
                self._clock.sleep(wait)
            return None
        finally:
            with self._lock:
                self._queue.remove(ticket)

    def put_back(self) -> None:
        with self._lock:
            self._has_spare = True

    def await_start(self) -> bool:
        with self._lock:
            now = self._clock.monotonic()
            full = len(self._starts) == self._starts.maxlen
            window = self._window * (1 + self._spacing_margin)
            start = max(now, self._starts[0] + window) if full else now
            self._starts.append(start)
        self._clock.sleep(start - now)
        return self._slot.is_valid() and not self._breaker.blocks

    def seconds_until_quiet(self) -> float:
        """Return the seconds until another drainer's first call may follow our last one."""
        with self._lock:
            last = self._starts[-1] if self._starts else -math.inf
        return max(0.0, last + self._window - self._clock.monotonic())

    def on_outcome(self, outcome: CallOutcome, permit: Permit | None) -> None:
        self._breaker.observe(outcome)
        if outcome is CallOutcome.THROTTLED and permit is not None:
            self._slow_down(permit)
        elif outcome in (CallOutcome.VERDICT, CallOutcome.ANSWERED, CallOutcome.BAD_LINK):
            self._speed_up()  # it was admitted, whatever came of it

    def _slow_down(self, permit: Permit) -> None:
        with self._lock:
            if permit.granted <= self._cut_until:
                return  # the last cut was the reaction to it already
            now = self._clock.monotonic()
            if self._settled < now < self._cut_until + _REPEATED_CUT_SECONDS:
                margin = self._spacing_margin + _MARGIN_STEP
                self._spacing_margin = min(margin, _MAX_SPACING_MARGIN)
            self._has_spare = False
            self._cut_until = now + _CUT_HOLDS_SECONDS
            self._rate = max(self._rate / 2, self._target_rate * _MIN_RATE_FRACTION)

    def _speed_up(self) -> None:
        with self._lock:
            increased = self._rate + self._target_rate * _ADDITIVE_INCREASE
            self._rate = min(increased, self._target_rate)
