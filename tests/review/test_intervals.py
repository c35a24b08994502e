"""Confidence intervals: scipy is the oracle, and the coverage is checked by its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from liveness_review.intervals import (
    CONFIDENCE,
    Proportion,
    beta_cdf,
    clopper_pearson,
    rule_of_three,
)

TRIALS = st.integers(1, 1_000_000)


@st.composite
def proportions(draw: st.DrawFn) -> Proportion:
    trials = draw(TRIALS)
    return Proportion(draw(st.integers(0, trials) | st.integers(0, min(trials, 5))), trials)


@given(proportions(), st.sampled_from([0.5, 0.9, CONFIDENCE, 0.99, 0.999]))
def test_the_interval_is_the_one_of_scipy(proportion: Proportion, confidence: float) -> None:
    events, trials = proportion
    expected = binomtest(events, trials).proportion_ci(confidence, method="exact")

    interval = clopper_pearson(proportion, confidence)

    assert interval is not None
    assert interval.low == pytest.approx(expected.low, rel=1e-7, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, rel=1e-7, abs=1e-12)


@given(st.floats(0, 1), st.integers(1, 100_000), st.integers(1, 100_000))
def test_the_distribution_is_the_one_of_scipy(x: float, a: int, b: int) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(float(beta.cdf(x, a, b)), rel=1e-6, abs=1e-9)


@given(proportions())
def test_the_interval_contains_the_proportion(proportion: Proportion) -> None:
    interval, value = clopper_pearson(proportion), proportion.value

    assert interval is not None and value is not None
    assert 0 <= interval.low <= value <= interval.high <= 1


@given(st.integers(1, 30), st.integers(0, 1000).map(lambda permille: permille / 1000))
def test_it_covers_the_truth_at_least_as_often_as_it_claims(trials: int, truth: float) -> None:
    covered = 0.0
    for events in range(trials + 1):
        interval = clopper_pearson(Proportion(events, trials))
        assert interval is not None
        if interval.low <= truth <= interval.high:
            covered += float(binom.pmf(events, trials, truth))

    assert covered >= CONFIDENCE - 1e-9


@given(TRIALS)
def test_the_rule_of_three_bounds_the_rate_after_no_event(trials: int) -> None:
    below = rule_of_three(trials)

    assert below is not None
    # No event would be seen in fewer than one of twenty such samples if the rate were higher.
    assert float(binom.pmf(0, trials, below)) <= 0.05


def test_without_trials_there_is_no_figure() -> None:
    assert Proportion(0, 0).value is None
    assert clopper_pearson(Proportion(0, 0)) is None
    assert rule_of_three(0) is None


@pytest.mark.parametrize(
    ("proportion", "confidence"),
    [((2, 1), 0.95), ((-1, 1), 0.95), ((0, -1), 0.95), ((1, 2), 1.0), ((1, 2), 0.0)],
)
def test_what_is_no_proportion_is_rejected(proportion: tuple[int, int], confidence: float) -> None:
    with pytest.raises(ValueError):
        clopper_pearson(Proportion(*proportion), confidence)
