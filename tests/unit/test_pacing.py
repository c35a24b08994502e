"""The token bucket of a drain: call starts, throttling and recovery (AIMD)."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from liveness.breaker import CallOutcome
from liveness.pacing import TokenBucket
from tests.clocks import ManualClock

START = 1000.0
DELAYS = st.lists(st.floats(0, 3), min_size=10, max_size=60)


class EndlessSlot:
    """A slot that never ends."""

    def renew(self) -> bool:
        return True

    def is_valid(self) -> bool:
        return True


class Observations:
    """A breaker that never opens, and keeps what it observed."""

    blocks = False

    def __init__(self) -> None:
        self.outcomes: list[CallOutcome] = []

    def observe(self, outcome: CallOutcome) -> None:
        self.outcomes.append(outcome)


def test_nothing_starts_while_the_breaker_blocks() -> None:
    """Workers may have waited for long when it opens."""
    breaker = Observations()
    bucket = TokenBucket(5, ManualClock(START), threading.Lock(), EndlessSlot(), breaker)
    assert bucket.acquire(10) is not None
    assert bucket.await_start()
    breaker.blocks = True

    assert bucket.acquire(10) is None
    assert not bucket.await_start()


def test_every_outcome_reaches_the_breaker() -> None:
    breaker = Observations()
    bucket = TokenBucket(5, ManualClock(START), threading.Lock(), EndlessSlot(), breaker)
    permit = bucket.acquire(10)
    assert permit is not None

    for outcome in CallOutcome:
        bucket.on_outcome(outcome, permit)

    assert breaker.outcomes == list(CallOutcome)


def bucket_of(rate: float, clock: ManualClock) -> TokenBucket:
    return TokenBucket(rate, clock, threading.Lock(), EndlessSlot(), Observations())


@given(st.sampled_from([1.0, 2.0, 5.0, 7.5]), DELAYS)
def test_call_starts_never_exceed_the_rate_in_any_second(rate: float, delays: list[float]) -> None:
    """Between a permit and the start of its call there are round trips of any length."""
    clock = ManualClock(START)
    bucket = bucket_of(rate, clock)
    starts = []

    for delay in delays:
        clock.time += delay / 10
        assert bucket.acquire(1000) is not None
        clock.time += delay
        assert bucket.await_start()
        starts.append(clock.time)

    for window_start in starts:
        assert sum(window_start <= start < window_start + 0.999 for start in starts) <= rate


def test_the_bucket_starts_empty() -> None:
    """The previous drainer may have used up the rate a moment ago."""
    permit = bucket_of(5, ManualClock(START)).acquire(10)

    assert permit is not None and permit.granted == START + 0.2


def test_a_permit_that_was_put_back_is_granted_at_once() -> None:
    clock = ManualClock(START)
    bucket = bucket_of(0.1, clock)
    assert bucket.acquire(20) is not None
    bucket.put_back()
    bucket.put_back()
    before = clock.time

    assert bucket.acquire(1) is not None
    assert clock.time == before
    assert bucket.acquire(5) is None  # one at a time: many that were put back make no burst


def test_throttling_takes_a_permit_that_was_put_back() -> None:
    bucket = bucket_of(0.1, ManualClock(START))
    permit = bucket.acquire(20)
    assert permit is not None
    bucket.put_back()
    bucket.on_outcome(CallOutcome.THROTTLED, permit)

    assert bucket.acquire(1) is None


def test_a_permit_that_would_come_too_late_is_refused() -> None:
    clock = ManualClock(START)

    assert bucket_of(0.1, clock).acquire(5) is None
    assert clock.time == START


def test_concurrent_throttled_calls_halve_the_rate_once() -> None:
    clock = ManualClock(START)
    bucket = bucket_of(4, clock)
    permits = [bucket.acquire(10) for _ in range(4)]

    for permit in permits:
        assert permit is not None
        bucket.on_outcome(CallOutcome.THROTTLED, permit)

    before = clock.time
    bucket.acquire(10)
    bucket.acquire(10)
    assert 0.5 <= clock.time - before <= 1.1  # two per second rather than one in four seconds


def test_successful_calls_restore_the_rate() -> None:
    clock = ManualClock(START)
    bucket = bucket_of(4, clock)
    permit = bucket.acquire(10)
    assert permit is not None
    bucket.on_outcome(CallOutcome.THROTTLED, permit)

    for _ in range(8):
        bucket.on_outcome(CallOutcome.VERDICT, permit)

    bucket.acquire(10)
    before = clock.time
    bucket.acquire(10)
    assert clock.time - before <= 0.26
