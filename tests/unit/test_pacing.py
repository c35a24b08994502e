"""The pacer of a drain: turns, call starts, and the distance that refusals steer."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
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
    pacer.steer(waiting=100)
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


def prepared_slowly(pacer: SteeredPacer, clock: ManualClock, calls: int, seconds: float) -> None:
    """Make calls, one after another, each of which is ready so long after its permit."""
    for _ in range(calls):
        permit = acquire(pacer)
        clock.time += seconds
        start(pacer, permit)
        pacer.on_outcome(CallOutcome.VERDICT, permit)


def turns_after(calls: int, seconds: float) -> list[float]:
    """Return the turns that follow calls which were prepared slowly."""
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    prepared_slowly(pacer, clock, calls, seconds)
    return [acquire(pacer).turn for _ in range(3)]


def test_calls_whose_preparation_takes_long_start_evenly() -> None:
    """Those of one group would not be ready at one moment."""
    turns = turns_after(calls=2, seconds=1.0)

    assert 0.19 < turns[1] - turns[0] < 0.25
    assert 0.19 < turns[2] - turns[1] < 0.25


def test_even_calls_catch_up_at_half_their_distance() -> None:
    """After a time below the rate, and within it."""
    turns = turns_after(calls=40, seconds=0.5)

    assert 0.09 < turns[1] - turns[0] < 0.25
    assert 0.09 < turns[2] - turns[1] < 0.25


def test_the_permits_of_a_group_are_granted_one_after_another_ahead_of_its_turn() -> None:
    """Their claims would delay each other at one moment; so all calls start at the turn."""
    clock = ManualClock(START)
    pacer = pacer_of(20, clock)
    admit(pacer, 20)

    permits = [acquire(pacer) for _ in range(20)]

    granted = [permit.granted for permit in permits]
    assert all(later - earlier > 0.01 for earlier, later in pairwise(granted))
    assert 0.25 < permits[-1].turn - granted[-1] < 0.4
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


@pytest.mark.parametrize(("rate", "by_chance", "refusals"), [(5, 3, 8), (2, 1, 4), (1, 1, 3)])
def test_refusals_in_a_row_widen_it_exponentially(rate: int, by_chance: int, refusals: int) -> None:
    """A second user of the limit is made room for within seconds."""
    clock = ManualClock(START)
    few, many = alone(pacer_of(rate, clock), clock), alone(pacer_of(rate, clock), clock)
    for pacer, count in ((few, by_chance), (many, refusals)):
        permits = [acquire(pacer) for _ in range(rate)]
        for number in range(count):
            start(pacer, permits[number % rate])
            pacer.on_outcome(CallOutcome.THROTTLED, permits[number % rate])
        clock.time += 10

    calls = 2 * rate + 1
    assert seconds_for(many, calls) - 2 > 4 * (seconds_for(few, calls) - 2)


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_the_rate_is_won_back_as_soon_where_it_is_low(rate: int) -> None:
    """After a second user has gone; each admission takes back a share of the distance."""

    def share_of_rate(rate: int) -> float:
        clock = ManualClock(START)
        pacer = alone(pacer_of(rate, clock), clock)
        refuse(pacer, 200)
        began, calls = clock.time, 0
        while clock.time < began + 300:
            calls += len(admit(pacer, 1))
        return calls / (clock.time - began) / rate

    assert share_of_rate(rate) > 0.9 * share_of_rate(5)


def test_most_of_a_group_may_be_refused_by_chance_after_a_quiet_time_only() -> None:
    """Where the limit is lower than the rate, the distance grows as fast as ever."""
    clock = ManualClock(START)
    quiet, refused = alone(pacer_of(5, clock), clock), alone(pacer_of(5, clock), clock)
    refuse(refused, 1)
    clock.time += 3
    for pacer in (quiet, refused):
        refuse(pacer, 5)
    clock.time += 3

    assert seconds_for(refused, 6) - 1.02 > 2 * (seconds_for(quiet, 6) - 1.02)


def test_refusals_beside_the_calls_of_events_teach_nothing() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    refuse(pacer, 20)
    clock.time += 3

    assert seconds_for(pacer, 11) < 2.1


def test_the_first_calls_of_a_busy_drainer_start_together() -> None:
    """Its workers get there one by one, while the calls of events fill the first second."""
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    pacer.steer(waiting=100)
    permits = []
    for _ in range(5):
        permits.append(acquire(pacer))
        clock.time += 0.02

    assert len({permit.turn for permit in permits}) == 1
    assert permits[0].turn > START + 0.3


def test_the_first_call_of_a_drainer_with_little_to_do_starts_at_once() -> None:
    pacer = pacer_of(5, ManualClock(START))
    pacer.steer(waiting=2)

    assert admit(pacer, 1) == [START]


def test_a_call_that_meets_those_of_events_is_sent_again_after_a_pause() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    pacer.steer(waiting=100)
    permit = acquire(pacer)
    start(pacer, permit)
    pacer.on_outcome(CallOutcome.THROTTLED, permit)
    assert pacer.may_resend(permit)
    now = clock.time

    assert start(pacer, permit) >= now + 0.2


def test_a_place_that_a_group_left_empty_stays_empty_while_pairs_wait() -> None:
    """If a late call filled it, the whole next group would wait for a second after that one."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    group = [acquire(pacer) for _ in range(5)]
    pacer.close(group.pop())  # its content was refused
    begun = [start(pacer, permit) for permit in group]
    clock.time += 0.5

    following = [acquire(pacer).turn for _ in range(5)]

    assert len(set(following)) == 1
    assert following[0] - begun[0] < 1.1


def test_even_calls_that_are_refused_cost_no_place() -> None:
    """The next ones close the gap that one leaves which is sent again later."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    refuse(pacer, 7)
    clock.time += 3
    for _ in range(2):
        starts = admit(pacer, 6)
    even = starts[1] - starts[0]
    permit, following = acquire(pacer), acquire(pacer)
    pacer.steer(waiting=0)  # nothing is learned from what follows
    start(pacer, permit)
    clock.time += 1.5 * even
    pacer.on_outcome(CallOutcome.THROTTLED, permit)
    assert pacer.may_resend(permit)

    starts = [start(pacer, permit), start(pacer, following), *admit(pacer, 8)]

    assert sorted(starts)[-1] - permit.turn < 8.6 * even


def narrowed(pacer: SteeredPacer, groups: int) -> float:
    """Return by how much so many admitted groups narrow the distance."""
    starts = admit(pacer, 5 * groups + 11)
    return (starts[5] - starts[0]) - (starts[-1] - starts[-6])


def test_the_distance_narrows_fast_until_the_first_refusal() -> None:
    clock = ManualClock(START)
    new, steered = alone(pacer_of(5, clock), clock), alone(pacer_of(5, clock), clock)
    refuse(steered, 1)
    clock.time += 3

    assert narrowed(new, 1) > 5 * narrowed(steered, 1) > 0


def test_the_distance_narrows_faster_the_longer_no_call_was_refused() -> None:
    """The service may have become faster, or another user of the limit may have left."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    refuse(pacer, 3)
    clock.time += 3

    assert narrowed(pacer, 15) < narrowed(pacer, 15)


def widened(rate: int, refusals: int) -> float:
    """Return by how much so many refusals at once lengthen the time of one second's calls."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(rate, clock), clock)
    refuse(pacer, 1)
    clock.time += 3
    before = seconds_for(pacer, rate + 1)
    refuse(pacer, refusals)
    clock.time += 3
    return seconds_for(pacer, rate + 1) - before


def test_one_refusal_moves_a_large_group_less_than_a_small_one() -> None:
    """Its calls vary less together, and it has more of them to be refused."""
    assert 0 < widened(rate=25, refusals=1) < widened(rate=5, refusals=1) / 3


def test_as_large_a_part_of_a_group_moves_it_as_much_whatever_its_size() -> None:
    """Many are refused together when it comes a little too early."""
    small, large = widened(rate=5, refusals=3), widened(rate=25, refusals=15)

    assert small / 2 < large < 2 * small


def test_admissions_beside_the_calls_of_events_teach_nothing() -> None:
    """Else a drainer that has little to do would begin its next backlog without any distance."""
    pacer = pacer_of(5, ManualClock(START))
    before = seconds_for(pacer, 11)
    admit(pacer, 100)

    assert abs(seconds_for(pacer, 11) - before) < 1e-6


def test_a_great_distance_comes_back_beside_the_calls_of_events_as_well() -> None:
    """After an outage only pairs with set-backs may be left, for which no event parks."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    refuse(pacer, 30)
    clock.time += 10
    pacer.steer(waiting=0)
    before = seconds_for(pacer, 6)
    admit(pacer, 300)

    assert before > 3
    assert seconds_for(pacer, 6) < 1.3


def test_calls_start_together_again_once_they_are_prepared_quickly() -> None:
    """An instance may be slow in its first seconds only."""
    clock = ManualClock(START)
    pacer = alone(pacer_of(5, clock), clock)
    prepared_slowly(pacer, clock, calls=25, seconds=0.5)
    starts = admit(pacer, 60)[-10:]

    assert len(set(starts)) <= 3


def test_the_next_drainer_waits_until_the_last_call_is_a_second_old() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    assert pacer.seconds_until_quiet() == 0
    admit(pacer, 1)
    clock.time += 0.25

    assert 0.74 < pacer.seconds_until_quiet() <= 0.75


def test_the_permits_of_a_group_are_counted_until_they_are_taken() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    assert pacer.places_within(1.0) == 5
    taken = [acquire(pacer) for _ in range(5)]
    assert pacer.places_within(1.0) == 0
    assert pacer.places_within(1.1) == 5, "those of the next group"
    assert pacer.places_within(2.1) == 10

    pacer.close(taken[0])

    assert pacer.places_within(1.0) == 1


def test_even_permits_are_counted_until_they_are_taken() -> None:
    clock = ManualClock(START)
    pacer = pacer_of(5, clock)
    prepared_slowly(pacer, clock, calls=40, seconds=0.5)
    acquire(pacer)

    soon = pacer.places_within(0.5)

    assert pacer.places_within(0.0) == 0
    assert 2 <= soon <= 3
    assert pacer.places_within(1.52) == soon + 5
