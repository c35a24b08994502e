"""The pacer of a drain: turns, call starts, and the distance that refusals steer."""

from __future__ import annotations

import threading
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from liveness.breaker import CallOutcome
from liveness.pacing import Permit, SteeredPacer
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


def pacer_of(rate: float, clock: ManualClock, breaker: Observations | None = None) -> SteeredPacer:
    return SteeredPacer(rate, clock, threading.Lock(), EndlessSlot(), breaker or Observations())


def acquire(pacer: SteeredPacer, timeout: float = 1000.0) -> Permit:
    permit = pacer.acquire(timeout)
    assert permit is not None
    return permit


def start(pacer: SteeredPacer, permit: Permit) -> float:
    """Start the permit's call; return when."""
    assert pacer.await_start(permit)
    assert permit.start is not None
    return permit.start


def admit(pacer: SteeredPacer, calls: int) -> list[float]:
    """Make calls that are admitted; return when they started."""
    starts = []
    for _ in range(calls):
        permit = acquire(pacer)
        starts.append(start(pacer, permit))
        pacer.on_outcome(CallOutcome.VERDICT, permit)
    return starts


def refuse(pacer: SteeredPacer, calls: int) -> None:
    """Make calls that are refused, and not sent again."""
    for _ in range(calls):
        permit = acquire(pacer)
        start(pacer, permit)
        pacer.on_outcome(CallOutcome.THROTTLED, permit)


def alone(pacer: SteeredPacer, clock: ManualClock) -> SteeredPacer:
    """Let the pacer learn from refusals."""
    pacer.steer(is_alone=True)
    clock.time += 10
    return pacer


def test_nothing_starts_while_the_breaker_blocks() -> None:
    """Workers may have waited for long when it opens."""
    breaker = Observations()
    pacer = pacer_of(5, ManualClock(START), breaker)
    permit = acquire(pacer)
    assert pacer.await_start(permit)
    breaker.blocks = True

    assert pacer.acquire(10) is None
    assert not pacer.await_start(permit)


def test_every_outcome_reaches_the_breaker() -> None:
    breaker = Observations()
    pacer = pacer_of(5, ManualClock(START), breaker)
    permit = acquire(pacer)
    start(pacer, permit)

    for outcome in CallOutcome:
        pacer.on_outcome(outcome, permit)

    assert breaker.outcomes == list(CallOutcome)


@given(st.sampled_from([0.5, 1.0, 2.0, 5.0, 7.5]), DELAYS)
def test_call_starts_never_exceed_the_rate_in_any_second(rate: float, delays: list[float]) -> None:
    """Between a permit and its call pass round trips of any length, and some calls are refused."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(rate, clock), clock)
    held: list[float] = []
    permits: list[Permit] = []

    for number, delay in enumerate(delays):
        clock.time += delay / 10
        permits.append(acquire(pacer))
        if number % 3:
            continue  # several are held at once
        for permit in permits:
            clock.time += delay / len(permits)
            begun = start(pacer, permit)
            if int(delay * 100) % 4 == 0:
                pacer.on_outcome(CallOutcome.THROTTLED, permit)
                if not pacer.may_resend(permit):
                    continue
                begun = start(pacer, permit)
            held.append(begun)
            pacer.on_outcome(CallOutcome.VERDICT, permit)
        permits.clear()

    window = max(1.0, 1 / rate) - 1e-6
    for first in held:
        assert sum(first <= begun < first + window for begun in held) <= max(1, int(rate))


def test_the_calls_of_a_second_start_together() -> None:
    clock = ManualClock(START)
    starts = admit(pacer_of(5, clock), 10)

    assert max(starts[:5]) - min(starts[:5]) < 0.001
    assert max(starts[5:]) - min(starts[5:]) < 0.001
    assert 1.0 <= starts[5] - starts[0] < 1.05


def test_calls_whose_preparation_takes_long_start_evenly() -> None:
    """Those of one group would not be ready at one moment."""
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    for _ in range(40):
        permit = acquire(pacer)
        clock.time += 0.5
        start(pacer, permit)
        pacer.on_outcome(CallOutcome.VERDICT, permit)
    permits = [acquire(pacer) for _ in range(3)]

    turns = [permit.turn for permit in permits]

    assert 0.19 < turns[1] - turns[0] < 0.25
    assert 0.19 < turns[2] - turns[1] < 0.25


def test_the_permits_of_a_group_are_granted_one_after_another_ahead_of_its_turn() -> None:
    """Their claims would delay each other at one moment; so all calls start at the turn."""
    clock = ManualClock(START)
    pacer = pacer_of(20, clock)
    admit(pacer, 20)

    permits = [acquire(pacer) for _ in range(20)]

    granted = [permit.granted for permit in permits]
    assert all(later - earlier > 0.01 for earlier, later in pairwise(granted))
    assert 0.15 < permits[-1].turn - granted[-1] < 0.3
    clock.time += 0.1
    assert {start(pacer, permit) for permit in permits} == {permits[0].turn}


def test_a_turn_that_is_given_back_leaves_groups_as_they_are() -> None:
    """Its place is taken by another call of the same group, and none of the next one."""
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    permits = [acquire(pacer) for _ in range(5)]
    pacer.close(permits.pop())
    permits.append(acquire(pacer))
    for permit in permits:
        start(pacer, permit)

    starts = admit(pacer, 10)

    assert len(set(starts[:5])) == len(set(starts[5:])) == 1


def test_calls_that_began_late_are_followed_by_a_whole_group() -> None:
    """At the beginning an instance opens connections: its first calls are not ready together."""
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    permits = [acquire(pacer) for _ in range(5)]
    late = []
    for permit in permits:
        late.append(start(pacer, permit))
        clock.time += 0.09

    starts = admit(pacer, 5)

    assert late[-1] - late[0] > 0.3
    assert len(set(starts)) == 1


def test_calls_below_the_rate_start_at_once() -> None:
    """They are not gathered: nobody waits for a group."""
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    for _ in range(20):
        clock.time += 0.27
        before = clock.time
        assert admit(pacer, 1) == [before]


def test_a_whole_group_that_is_sent_again_late_is_followed() -> None:
    """The service may take its time to refuse; the next group has begun by then."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    refused = [acquire(pacer) for _ in range(5)]
    for permit in refused:
        start(pacer, permit)
    admit(pacer, 5)
    for permit in refused:
        pacer.on_outcome(CallOutcome.THROTTLED, permit)
        assert pacer.may_resend(permit)
        start(pacer, permit)

    assert acquire(pacer, 10).turn - clock.time < 3


def test_a_turn_that_was_not_used_is_free_again() -> None:
    """Contents that are refused delay no one."""
    clock = ManualClock(START)
    pacer = pacer_of(0.1, clock)
    permit = acquire(pacer)
    pacer.close(permit)
    pacer.close(permit)

    assert acquire(pacer, 1).turn == permit.turn
    assert pacer.acquire(5) is None, "many that were given back make no burst"


def test_a_worker_that_waits_gets_a_turn_that_is_given_back_meanwhile() -> None:
    """However many of the contents before it are refused, the others wait no longer for them."""

    class ClockOfAnother(ManualClock):
        """Lets another worker give its turn back while this one sleeps."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if permits:
                pacer.close(permits.pop())

    permits: list[Permit] = []
    clock = ClockOfAnother(START)
    pacer = pacer_of(5, clock)
    admit(pacer, 5)
    permits += [acquire(pacer) for _ in range(5)]
    before = clock.time

    assert acquire(pacer).granted - before < 0.5


def test_a_turn_that_would_come_too_late_is_refused() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(0.1, clock)
    admit(pacer, 1)
    before = clock.time

    assert pacer.acquire(5) is None
    assert clock.time == before


def test_a_refused_call_is_sent_again_at_once() -> None:
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    permits = [acquire(pacer) for _ in range(5)]
    for permit in permits:
        start(pacer, permit)
    clock.time += 0.08

    pacer.on_outcome(CallOutcome.THROTTLED, permits[0])

    assert pacer.may_resend(permits[0])
    assert start(pacer, permits[0]) == clock.time


def test_a_call_is_sent_again_twice_and_then_none_starts_for_a_moment() -> None:
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    permit = acquire(pacer)
    for _ in range(2):
        start(pacer, permit)
        pacer.on_outcome(CallOutcome.THROTTLED, permit)
        assert pacer.may_resend(permit)
    start(pacer, permit)
    pacer.on_outcome(CallOutcome.THROTTLED, permit)

    assert not pacer.may_resend(permit)
    now = clock.time
    assert start(pacer, acquire(pacer)) >= now + 0.2


def seconds_for(pacer: SteeredPacer, calls: int) -> float:
    starts = admit(pacer, calls)
    return starts[-1] - starts[0]


def test_refusals_widen_the_distance_and_admissions_narrow_it() -> None:
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    before = seconds_for(pacer, 11)
    refuse(pacer, 5)
    clock.time += 3
    after = seconds_for(pacer, 11)
    admit(pacer, 1000)
    clock.time += 3

    assert after > before + 0.05
    assert seconds_for(pacer, 11) < before


def test_refusals_in_a_row_widen_it_exponentially() -> None:
    """A second user of the limit is made room for within seconds."""
    clock = ManualClock(START)
    few, many = alone(pacer_of(5, clock), clock), alone(pacer_of(5, clock), clock)
    for pacer, refusals in ((few, 3), (many, 6)):
        permits = [acquire(pacer) for _ in range(5)]
        for permit in (permits * 2)[:refusals]:
            start(pacer, permit)
            pacer.on_outcome(CallOutcome.THROTTLED, permit)
        clock.time += 10

    assert seconds_for(many, 11) - 2 > 4 * (seconds_for(few, 11) - 2)


def test_refusals_beside_the_calls_of_events_teach_nothing() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    refuse(pacer, 20)
    clock.time += 3

    assert seconds_for(pacer, 11) < 2.1


def test_the_next_drainer_waits_until_the_last_call_is_a_second_old() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    assert pacer.seconds_until_quiet() == 0
    admit(pacer, 1)
    clock.time += 0.25

    assert 0.74 < pacer.seconds_until_quiet() <= 0.75


def test_permits_are_under_way_until_their_calls_have_ended() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    called, unused = acquire(pacer), acquire(pacer)
    start(pacer, called)
    assert pacer.under_way == 2
    pacer.on_outcome(CallOutcome.VERDICT, called)
    pacer.close(unused)

    assert pacer.under_way == 0
