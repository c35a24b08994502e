"""What lasts, in virtual time: small cases of what bench/lasting.py measures."""

from __future__ import annotations

import pytest

from liveness.history import MAX_SETBACKS

from .lasting_scenarios import Outage, crowd, outage, refused, setback_visits, slow, visits
from .lasting_world import (
    ARREARS,
    CODES,
    FORBIDDEN,
    NO_ACCESS,
    OUTAGES,
    LastingWorld,
    unusable,
)


@pytest.mark.parametrize("kind", OUTAGES)
def test_an_outage_of_a_minute_costs_no_pair_its_result(kind: str) -> None:
    figures = outage(Outage(kind, seconds=60, backlog=40, fresh_every=4))

    assert (figures.failed, figures.unfinished) == (0, 0)
    assert figures.most_billed == 1
    # The breaker's first interval, a minute of the timer, and the deadline of a call that hangs.
    assert figures.wait <= 55 + 60 + 47


@pytest.mark.parametrize("kind", OUTAGES)
def test_i9_an_outage_of_an_hour_fails_no_pair(kind: str) -> None:
    figures = outage(Outage(kind, seconds=3600, backlog=20, fresh_every=120))

    assert (figures.failed, figures.unfinished) == (0, 0)
    assert figures.most_billed == 1


def test_answers_that_take_35_seconds_are_paid_for_once() -> None:
    figures = slow(35, pairs=30, minutes=5, fresh=20)

    assert (figures.failed, figures.unfinished) == (0, 0)
    assert figures.most_billed == 1


@pytest.mark.parametrize("kind", [ARREARS, FORBIDDEN])
def test_an_account_that_is_refused_for_hours_loses_nothing_and_costs_little(kind: str) -> None:
    figures = refused(kind, hours=3, pairs=40)

    assert (figures.lost, figures.failed, figures.events_lost) == (0, 0, 0)
    assert figures.calls_per_minute <= 2
    assert figures.growth <= 1.02
    assert figures.most_markers == 1


def test_i11_a_crowd_that_cannot_be_judged_does_not_delay_the_others() -> None:
    alone, beside = crowd(50, 0), crowd(50, 20)

    assert beside.last_honest <= 1.35 * alone.last_honest
    assert beside.honest_failed == beside.unfinished == 0


def test_i11_nor_does_one_that_is_due_when_they_come() -> None:
    # By then most contents are due for their third calls: without fair shares it would be 1.9.
    after = 230.0
    alone = crowd(100, 0, after=after)
    beside = crowd(100, 100, CODES, after=after, to_the_end=False)

    assert beside.last_honest <= 1.35 * alone.last_honest


def test_i10_inputs_that_cannot_be_judged_end_after_few_calls() -> None:
    figures = crowd(0, 24)

    assert figures.calls_for_looks == 0
    assert MAX_SETBACKS <= figures.most_calls <= 12
    assert figures.unfinished == 0
    assert figures.last_of_crowd <= 24 * 3600


def test_i10_a_call_counts_though_the_one_after_it_is_throttled() -> None:
    class EverySecond:
        def __init__(self) -> None:
            self._calls = 0

        def admit(self, limit: float, now: float) -> bool:
            self._calls += 1
            return self._calls % 2 == 1

    world = LastingWorld()
    world.face.limiter = EverySecond()
    pair = unusable("FailedOperation.LivessSystemError", 0)
    world.upload_at(pair, 7)
    assert world.run_until_done(24 * 3600, expected=1, step=60)

    assert world.statuses() == {"failed": 1}
    assert world.face.judged[pair] <= 12


def test_reconcile_finds_what_no_marker_could_be_written_for() -> None:
    figures = refused(NO_ACCESS, hours=2, pairs=20)

    assert (figures.lost, figures.failed, figures.markers) == (0, 0, 0)
    assert figures.events_lost > 0


def test_a_visit_costs_the_same_whatever_happened_before() -> None:
    assert visits(40).by_marker == visits(1).by_marker
    *before, _ = setback_visits(CODES[0])
    assert len(before) == MAX_SETBACKS - 2
    assert max(before) <= before[0] + 2
