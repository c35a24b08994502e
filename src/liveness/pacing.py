"""Decides when the next call may start: evenly or in groups, at a distance that replies steer.

The service admits `rate` calls per second. How it counts them is not known, nor how long a request
takes to arrive. So the distance between one second's calls and the next second's is steered: each
refusal widens it, and each admission narrows it a little, until a small share of the calls is
refused. A refused call was not billed, and is sent again at once under its claim. A second client
under the same limit widens the distance exponentially; later it shrinks by a share of the excess.

A permit is a turn: a moment at which its call may start. It is granted a little ahead, before the
claim, so that no worker waits for long while holding a lease. While the distance is short, a
second's calls start together, as a group: the n-th arrival of a group follows the n-th of the group
before, and varies less than a single call does. While pairs wait, a place that a group leaves empty
stays empty: a call that fills it late would make the whole next group late. Where arrival times
have a long tail, or preparing a call takes long, calls start evenly.

A drainer's first calls meet those of events that do not park yet. In a burst they start together, a
little later, and are not sent again at once if they are refused. Nothing is learned from them.

Whatever the distance, no more calls than the rate allows start in any second, not counting those
that were refused.
"""

from __future__ import annotations

import contextlib
import math
from bisect import bisect, bisect_left, insort
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .breaker import CallOutcome
from .runtime import Clock

# The share of calls that may be refused; in groups at most _REFUSED_OF_GROUPS over their size
# squared. A refused call holds up the next group, and larger groups vary less: fewer are worth it.
_REFUSED_SHARE = 0.023
_REFUSED_OF_GROUPS = 0.75
# In seconds: the distance at first, its step for one refusal, and its maximum. With more calls in a
# second than _CALLS_OF_FULL_STEP, the step is smaller in proportion.
_FIRST_DISTANCE = 0.02
_DISTANCE_STEP = 0.004
_CALLS_OF_FULL_STEP = 5
_MAX_DISTANCE = 7.0
# The longer no call was refused, the more steps at a time the distance narrows by, up to this many;
# until the first refusal it is always this many (slow start).
_MAX_STEPS = 20
# Refusals within a second beyond those that chance may cause double the step: in proportion,
# _MAX_DOUBLINGS times for as many as there are calls, and never more often. Chance may cause
# _REFUSED_BY_CHANCE or, within a second of a refusal that ends _QUIET_SECONDS' worth of calls
# without any, _REFUSED_OF_GROUP_BY_CHANCE of the calls: now and then most of a group are refused,
# because it comes early after a late one.
_REFUSED_BY_CHANCE = 1.5
_REFUSED_OF_GROUP_BY_CHANCE = 0.6
_QUIET_SECONDS = 5
_MAX_DOUBLINGS = 5
# Up to this distance calls start in groups; any excess shrinks by this share at each admission,
# by more with fewer calls in a second than _CALLS_OF_FULL_STEP, so that it takes as long.
_MAX_GROUP_DISTANCE = 0.06
_RETURN_SHARE = 0.01
# A refused call is sent again this often before its pair is parked; then none is sent for a pause.
_MAX_RESENDS = 2
_PAUSE_SECONDS = 0.2
# A permit is granted ahead of an even turn by twice the average time from permit to start so far.
_FIRST_LEAD = 0.08
_MAX_LEAD = 1.0
_LEAD_WEIGHT = 0.1
# Calls that start together get their permits one after another, _GROUP_LEAD_STEP apart, the last
# one _GROUP_LEAD before its turn: if all were claimed at one moment, some would be late.
_GROUP_LEAD = 0.3
_GROUP_LEAD_STEP = 0.016
# Turns that span less than this share of what even turns would become a group again.
_MAX_GROUP_SPREAD = 0.5
# Even turns are at least this share of their interval apart: a call that was refused and sent again
# later leaves a gap, which the next ones close.
_MIN_EVEN_SPACING = 0.5
# For this long after events begin to leave the rate to a drainer, calls of some are under way.
_SETTLING_SECONDS = 2.0
# If this many pairs wait when a drain begins, it is a burst, and more of its events may follow.
_BURST = 5
# Calls whose preparation takes more than this share of a group's lead are not ready together.
_MAX_PREPARATION = 0.5
# A waiting worker looks again at least this often: another one may have given its turn back, and
# all may be waiting when the slot must be renewed.
_LOOK_SECONDS = 0.2
_ADMITTED = (CallOutcome.VERDICT, CallOutcome.ANSWERED, CallOutcome.BAD_LINK)


def _group_lead(permits: int) -> float:
    """Return how long before a group's turn to begin granting that many of its permits."""
    return _GROUP_LEAD + _GROUP_LEAD_STEP * permits


class Permit:
    """Permission to make one call at its turn (monotonic)."""

    def __init__(self, granted: float, turn: float) -> None:
        self.granted = granted
        self.turn = turn
        self.start: float | None = None  # once the call was admitted to start
        self.resends = 0


class CallPacer(Protocol):
    """Decides when the calls of one invocation may start."""

    defers_to_drain: bool  # whether a draining instance comes first

    def acquire(self, timeout: float) -> Permit | None:
        """Wait for a permit; None if there will be none within that many seconds."""

    def close(self, permit: Permit) -> None:
        """End a permit that its walk no longer needs; a turn that was not used is free again."""

    def await_start(self, permit: Permit) -> bool:
        """Wait until the permit's call may start; False if no call may start any more."""

    def on_outcome(self, outcome: CallOutcome, permit: Permit | None) -> None:
        """Record the outcome of the call made under that permit."""

    def may_resend(self, permit: Permit) -> bool:
        """Return whether a throttled call may be sent again under its permit."""


class Unpaced:
    """For events and direct invocations: every call may start at once."""

    def __init__(self, clock: Clock, defers_to_drain: bool) -> None:
        self.defers_to_drain = defers_to_drain
        self._clock = clock

    def acquire(self, timeout: float) -> Permit | None:
        now = self._clock.monotonic()
        return Permit(now, now)

    def close(self, permit: Permit) -> None: ...

    def await_start(self, permit: Permit) -> bool:
        return True

    def on_outcome(self, outcome: CallOutcome, permit: Permit | None) -> None: ...

    def may_resend(self, permit: Permit) -> bool:
        return False


class Slot(Protocol):
    """The time in which calls may start."""

    def renew(self) -> bool:
        """Extend the time by a request if it is about to end; return whether a call may start."""

    def is_valid(self) -> bool:
        """Whether a call may start now."""


class CallGuard(Protocol):
    """Observes the outcome of each call, and may forbid the next ones: a breaker."""

    @property
    def blocks(self) -> bool:
        """Whether no call may be made now."""

    def observe(self, outcome: CallOutcome) -> None: ...


class SteeredPacer:
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
        # How many calls may start in a window: the rate's in a second, or one in a longer time.
        self._calls = max(1, int(rate))
        self._window = max(1.0, 1 / rate)
        self._group_lead = _group_lead(self._calls)
        self._distance = _FIRST_DISTANCE
        self._distance_step = _DISTANCE_STEP * min(1.0, _CALLS_OF_FULL_STEP / self._calls)
        self._return_share = _RETURN_SHARE * max(1.0, _CALLS_OF_FULL_STEP / self._calls)
        self._admitted = math.inf  # calls since the last refusal
        self._was_quiet_until = -math.inf  # the latest refusal after a quiet time
        self._lead = _FIRST_LEAD
        # Sorted, recent and future: turns of permits that hold a place, and starts of calls.
        self._turns: list[float] = []
        self._starts: list[float] = []
        self._refused: list[float] = []  # the moments of refusals within the last second
        self._group_begins = -math.inf  # the turn of the latest group's first
        self._were_even = False  # whether turns since then are even
        # If a window is longer than a second, the drainer before us waited for one second of it.
        self._not_before = clock.monotonic() + self._window - 1.0
        self._is_alone = self._is_burst = False  # whether events park, and many did at once
        self._steers_from = math.inf
        self._queue: list[object] = []  # the workers that wait for a permit

    def places_within(self, seconds: float) -> int:
        """Return how many more permits there are for turns within that many seconds."""
        with self._lock:
            now = self._clock.monotonic()
            turn, free = self._next_turn(now)
            left = now + seconds - turn
            if left < 0:
                return 0
            if self._groups:
                return free + self._calls * int(left / self._period)
            return 1 + int(left / self._interval)

    def acquire(self, timeout: float) -> Permit | None:
        ticket = object()
        latest = self._clock.monotonic() + timeout
        with self._lock:
            self._queue.append(ticket)
        try:
            # Once the breaker has opened, none of the waiting workers calls any more.
            while self._slot.renew() and not self._breaker.blocks:
                with self._lock:
                    now = self._clock.monotonic()
                    turn, free = self._next_turn(now)
                    ahead = self._queue.index(ticket)
                    if ahead >= free:  # not among the next ones
                        later = 1 + (ahead - free) // self._calls if self._groups else ahead
                        turn += later * (self._period if self._groups else self._interval)
                    if turn > latest:
                        return None
                    wait = turn - self._lead_of(free) - now
                    if ahead < free and wait <= 0:
                        return self._grant(now, turn, free)
                self._clock.sleep(min(max(wait, 0.001), _LOOK_SECONDS))
            return None
        finally:
            with self._lock:
                self._queue.remove(ticket)

    def close(self, permit: Permit) -> None:
        with self._lock:
            if permit.start is None:
                self._give_up_turn(permit)

    def await_start(self, permit: Permit) -> bool:
        with self._lock:
            now = self._clock.monotonic()
            earliest = max(now, self._not_before)
            if permit.start is None:
                self._lead += _LEAD_WEIGHT * (2 * (now - permit.granted) - self._lead)
                self._lead = min(self._lead, _MAX_LEAD)
                self._give_up_turn(permit)
                earliest = max(earliest, permit.turn)
            elif self._is_burst and now < self._steers_from:  # beside the calls of many events
                earliest = max(earliest, now + _PAUSE_SECONDS)
            start = self._first_free(earliest)
            self._hold(permit, start)
            permit.start = start
            insort(self._starts, start)
            # However many starts are to come: each one counts until a window after it.
            del self._starts[: bisect(self._starts, now - self._window)]
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
            self._widen(permit)
        elif outcome in _ADMITTED and permit is not None:
            self._narrow()  # it was admitted, whatever came of it

    def steer(self, waiting: int) -> None:
        """Learn from replies only while pairs wait: otherwise calls of events cause refusals."""
        with self._lock:
            now = self._clock.monotonic()
            self._is_alone, self._is_burst = waiting > 0, waiting >= min(self._calls, _BURST)
            self._steers_from = now + _SETTLING_SECONDS if self._is_alone else math.inf
            if self._is_burst and not self._turns:  # the first calls start together as well
                self._not_before = max(self._not_before, now + self._group_lead)
                self._group_begins = self._not_before

    def may_resend(self, permit: Permit) -> bool:
        permit.resends += 1
        if permit.resends <= _MAX_RESENDS:
            return True
        with self._lock:
            self._not_before = self._clock.monotonic() + _PAUSE_SECONDS
        return False

    # ---- turns

    @property
    def _period(self) -> float:
        return self._window + self._distance

    @property
    def _interval(self) -> float:
        return self._period / self._calls

    @property
    def _groups(self) -> bool:
        is_ready = self._lead / 2 <= _MAX_PREPARATION * self._group_lead
        return is_ready and self._distance <= _MAX_GROUP_DISTANCE

    @property
    def _refused_share(self) -> float:
        """The share of refused calls that the distance is steered to."""
        if not self._groups:
            return _REFUSED_SHARE
        return min(_REFUSED_SHARE, _REFUSED_OF_GROUPS / self._calls**2)

    def _next_turn(self, now: float) -> tuple[float, int]:
        """Return the next turn, and how many permits may have it."""
        turns, calls = self._turns, self._calls
        turn = max(now, self._not_before)
        if len(turns) >= calls:
            turn = max(turn, turns[-calls] + self._period)
        if not self._groups:
            if turns:
                spacing = 1.0 if len(turns) < calls else _MIN_EVEN_SPACING
                turn = max(turn, turns[-1] + spacing * self._interval)
            return turn, 1
        in_group = len(turns) - bisect_left(turns, self._group_begins)
        is_past = self._is_alone and now > self._group_begins + self._interval
        if in_group < calls and not is_past:
            return max(turn, self._group_begins), calls - in_group
        if turns:
            spread = turns[-1] - turns[-calls:][0]
            is_narrow = spread < _MAX_GROUP_SPREAD * (self._period - self._interval)
            if is_narrow or (self._were_even and self._is_alone):
                turn = max(turn, turns[-1] + self._period)  # together again
        return turn, calls

    def _lead_of(self, free: int) -> float:
        """Return how long before its turn a permit is granted, if so many are free for the turn."""
        return _group_lead(free) if self._groups else self._lead

    def _grant(self, now: float, turn: float, free: int) -> Permit:
        permit = Permit(now, turn)
        if not self._groups:
            self._were_even = True
        elif free == self._calls:
            self._group_begins, self._were_even = turn, False
        self._hold(permit, turn)
        return permit

    def _hold(self, permit: Permit, turn: float) -> None:
        permit.turn = turn
        insort(self._turns, turn)
        del self._turns[: -2 * self._calls]

    def _give_up_turn(self, permit: Permit) -> None:
        with contextlib.suppress(ValueError):  # it was dropped, as long past
            self._turns.remove(permit.turn)

    def _first_free(self, earliest: float) -> float:
        """Return the first moment at which one more call exceeds the rate in no window."""
        moment = earliest
        for begin, end in zip(self._starts, self._starts[self._calls - 1 :], strict=False):
            if max(end, moment) - min(begin, moment) < self._window:
                moment = begin + self._window
        return moment

    # ---- distance

    def _widen(self, permit: Permit) -> None:
        with self._lock:
            now = self._clock.monotonic()
            self._give_up_turn(permit)
            with contextlib.suppress(ValueError):
                self._starts.remove(permit.turn)
            if now < self._steers_from:
                return
            self._refused = [*(one for one in self._refused if one > now - 1), now]
            if self._admitted >= _QUIET_SECONDS * self._calls:
                self._was_quiet_until = now
            by_chance = _REFUSED_BY_CHANCE
            if now - self._was_quiet_until <= 1:
                by_chance = max(by_chance, _REFUSED_OF_GROUP_BY_CHANCE * self._calls)
            more = max(0.0, len(self._refused) - by_chance)
            doublings = min(more * _MAX_DOUBLINGS / self._calls, _MAX_DOUBLINGS)
            step = self._distance_step * 2**doublings * (1 - self._refused_share)
            self._distance = min(self._distance + step, _MAX_DISTANCE)
            self._admitted = 0

    def _narrow(self) -> None:
        with self._lock:
            step = self._return_share * (self._distance - _MAX_GROUP_DISTANCE)
            if self._clock.monotonic() >= self._steers_from:
                share = self._refused_share
                steps = min(max(1.0, share * self._admitted - 1), _MAX_STEPS)
                step = max(step, self._distance_step * share * steps)
                self._admitted += 1
            self._distance = max(0.0, self._distance - max(0.0, step))
