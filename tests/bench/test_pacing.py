"""The table of pacing and capacity: its references, and what counts as missed."""

from __future__ import annotations

import random
import statistics
from typing import NoReturn

import pytest

from bench.environment import RunFailed
from bench.pacing import baseline, costs
from bench.pacing.cases import Case, Target, backlog, cases, drained_burst, possible, steady
from bench.pacing.measuring import choose, compare
from bench.pacing.reference import ideal_goodput, narrowest_spacing, waits
from bench.pages import Text
from bench.table import Row
from tests.simulation.resources import Uniform


def test_a_queue_of_fixed_service_times_serves_one_after_another() -> None:
    assert waits([0.0, 0.1, 0.15, 5.0], rate=5) == pytest.approx([0, 0.1, 0.25, 0])


def test_with_random_arrivals_it_waits_as_the_formula_says() -> None:
    rng, load, rate = random.Random(1), 0.8, 5.0
    moment, arrivals = 0.0, []
    for _ in range(50_000):
        moment += rng.expovariate(load * rate)
        arrivals.append(moment)

    assert statistics.mean(waits(arrivals, rate)) == pytest.approx(
        load / (2 * (1 - load)) / rate, rel=0.1
    )


def test_a_queue_that_is_served_at_the_rate_still_ends_with_its_last_call() -> None:
    assert ideal_goodput([1.0] * 100, rate=5) == pytest.approx(1)
    assert ideal_goodput([1.0] * 99 + [5.0], rate=5) == pytest.approx(99 / (19.8 + 4) / 5)
    assert ideal_goodput([1.0] * 99 + [5.0], rate=5, share=0.99) == pytest.approx(1)


def test_where_the_way_varies_a_sliding_window_must_be_kept_away_from() -> None:
    of_5_ms, _ = narrowest_spacing(Uniform(0.020, 0.025), 5, refused=0.03)
    of_40_ms, distance = narrowest_spacing(Uniform(0.020, 0.060), 5, refused=0.03)
    unrefused, _ = narrowest_spacing(Uniform(0.020, 0.060), 5, refused=0)

    assert 1 < of_5_ms < 1.01
    assert 1.02 < of_40_ms < 1.03
    assert 0.01 < distance < 0.03
    assert of_40_ms < unrefused <= 1.04


_CONDITION, _LABEL = Text("a condition", "情形"), Text("a figure", "指标")


def rows(target: Target, *figures: float | None) -> list[Row]:
    """Compare a case of which each seed has one of these figures; None: its run fails."""

    def measure(seed: int) -> dict[str, float]:
        figure = figures[seed]
        assert figure is not None
        return {target.figure: figure, "lost": 0}

    case = Case("group", _CONDITION, measure, {}, (target,), tuple(range(len(figures))))
    return compare([case], jobs=1, measure_baseline=None).rows


@pytest.mark.parametrize(
    ("at_most", "figures", "reached", "met"),
    [
        (True, (0.9, 1.004), "1.00", True),  # what is printed counts
        (True, (0.9, 1.006), "1.01", False),
        (False, (0.996, 2.0), "1.00", True),
        (False, (0.994, 2.0), "0.99", False),
    ],
)
def test_the_worst_seed_is_compared_with_the_target(
    at_most: bool, figures: tuple[float, ...], reached: str, met: bool
) -> None:
    row = rows(Target("figure", _LABEL, 1.0, at_most, ".2f"), *figures)[0]

    assert (row.ours, row.met, row.failed) == (reached, met, False)


def test_a_run_that_fails_is_no_figure() -> None:
    row = rows(Target("figure", _LABEL, 1.0), 0.5, None)[0]

    assert row.failed
    assert row.ours == ""


def test_what_is_lost_or_billed_twice_is_counted_over_all_cases() -> None:
    _, lost = rows(Target("figure", _LABEL), 0.5)

    assert (lost.measurement, lost.ours, lost.met) == ("all of these: pairs lost", "0", True)


def test_without_the_earlier_commit_the_function_is_measured_alone() -> None:
    def measure_baseline() -> NoReturn:
        baseline.source("0" * 40)
        raise AssertionError

    def measure(seed: int) -> dict[str, float]:
        return {"figure": 0.5}

    case = Case("group", _CONDITION, measure, {}, (Target("figure", _LABEL, 1.0),))
    row = compare([case], 1, measure_baseline).rows[0]

    assert (row.ours, row.baseline, row.met) == ("0.500", "", True)


def test_the_earlier_function_is_measured_in_the_same_world() -> None:
    """Or it is said that the repository has no history: anything else is an error."""
    try:
        baseline.source(baseline.COMMIT)
    except baseline.NoHistory as error:
        assert baseline.COMMIT in str(error)
        return

    ((figures,),) = baseline.figures(True, 1, ["300 at once, calls of 1 s"])

    assert figures["lost"] == figures["twice"] == 0
    assert 0.8 < figures["goodput"] < 1.1


def test_an_earlier_function_that_cannot_be_measured_is_an_error() -> None:
    def measure_baseline() -> NoReturn:
        raise RunFailed("it does not start")

    case = Case("group", _CONDITION, lambda seed: {}, {}, ())

    with pytest.raises(RunFailed, match="does not start"):
        compare([case], 1, measure_baseline)


def test_cases_are_chosen_by_group_or_condition() -> None:
    every = cases(costs.OURS, quick=True)

    assert len(choose(every, None)) == len(every)
    assert {case.group for case in choose(every, ["goodput"])} == {"goodput"}
    assert {case.group for case in choose(every, ["lognormal", "token bucket"])} == {
        "tails",
        "limiters",
    }


def test_a_small_burst_is_drained_and_billed_once() -> None:
    figures = drained_burst(1, pairs=40, resources=costs.OURS._replace(share=1.0))

    assert (figures["lost"], figures["twice"]) == (0, 0)
    assert 0.5 < figures["goodput"] <= 1.1
    assert figures["drainers"] >= 1


def test_a_backlog_is_drained_at_no_more_than_the_rate() -> None:
    figures = backlog(1, 60, costs.OURS._replace(share=1.0))

    assert figures["finished"] == 60
    assert 0 < figures["first"] < 10
    assert 3 < figures["kept"] <= 5.5


def test_random_arrivals_are_compared_with_the_queue_that_they_would_form() -> None:
    figures = steady(31, load=0.2, minutes=1)

    assert (figures["lost"], figures["twice"]) == (0, 0)
    assert 0.6 < figures["median"] < 5
    assert figures[possible("p99")] < 3
