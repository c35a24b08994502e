"""What another threshold would have done: against definitions, and numpy where it has them."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta, timezone

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness.verdict_table import TABLE
from liveness_review.intervals import Proportion, clopper_pearson
from liveness_review.rows import CONTRADICTORY, GENUINE, IMPOSTOR, judgement_of
from liveness_review.threshold import (
    CONTRADICTORY_LEFT_OUT,
    NO_MATED,
    NO_NON_MATED,
    NOTES,
    QUANTILES,
    SELECTED,
    UNREADABLE_LEFT_OUT,
    VENDOR_REJECTS,
    Comparison,
    ThresholdRow,
    analyze,
    comparison_of,
    quantiles,
)

from .stored import PUBLISHED

SIMILARITIES = st.floats(0, 100) | st.integers(0, 100).map(float)
JUDGEMENTS = st.sampled_from(["", GENUINE, IMPOSTOR, CONTRADICTORY])


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    passed = draw(st.booleans())
    return Comparison(
        draw(SIMILARITIES),
        draw(st.floats(0, 4e9)),
        passed,
        not passed and draw(st.booleans()),
        draw(JUDGEMENTS),
    )


def row_at(threshold: float, *items: Comparison) -> ThresholdRow:
    (row,) = analyze(items, [threshold]).rows
    return row


def judged(judgement: str, *similarities: float) -> list[Comparison]:
    return [Comparison(each, PUBLISHED, True, judged=judgement) for each in similarities]


@given(st.lists(comparisons(), max_size=60), SIMILARITIES)
def test_every_figure_is_by_its_definition(items: list[Comparison], threshold: float) -> None:
    row = row_at(threshold, *items)
    mated = [item.similarity for item in items if item.judged == GENUINE]
    non_mated = [item.similarity for item in items if item.judged == IMPOSTOR]

    newly_failing = [item for item in items if item.passed and item.similarity < threshold]
    newly_passing = [
        item
        for item in items
        if not item.passed and not item.by_vendor and item.similarity >= threshold
    ]
    assert row.newly_failing == len(newly_failing)
    assert row.newly_passing == len(newly_passing)
    passed = sum(item.passed for item in items)
    assert row.passing == passed - row.newly_failing + row.newly_passing
    assert row.passing + row.failing == len(items)
    for rate, errors, of in (
        (row.fnmr, sum(each < threshold for each in mated), len(mated)),
        (row.fmr, sum(each >= threshold for each in non_mated), len(non_mated)),
    ):
        assert (rate.errors, rate.comparisons) == (errors, of)
        assert rate.rate == (errors / of if of else None)
        assert rate.interval == clopper_pearson(Proportion(errors, of))
        assert (rate.below is not None) == (of > 0 and errors == 0)


@given(st.lists(comparisons(), max_size=60))
def test_a_higher_threshold_passes_fewer(items: list[Comparison]) -> None:
    rows = analyze(items).rows

    for lower, higher in itertools.pairwise(rows):
        assert higher.passing <= lower.passing
        assert higher.fnmr.errors >= lower.fnmr.errors
        assert higher.fmr.errors <= lower.fmr.errors


@given(st.lists(comparisons(), max_size=60))
def test_nothing_is_lost_in_histogram_and_periods(items: list[Comparison]) -> None:
    analysis = analyze(items)

    assert analysis.comparisons == len(items)
    expected, _ = numpy.histogram([item.similarity for item in items], bins=100, range=(0, 100))
    assert sum(analysis.histogram) == len(items) == expected.sum()
    for periods in (analysis.weeks, analysis.months):
        assert sum(period.comparisons for period in periods) == len(items)
        assert [period.begins for period in periods] == sorted({p.begins for p in periods})


@given(st.lists(st.integers(0, 100).map(float), max_size=60))
def test_the_histogram_is_the_one_of_numpy(similarities: list[float]) -> None:
    expected, _ = numpy.histogram(similarities, bins=100, range=(0, 100))

    analysis = analyze(judged("", *similarities))

    assert list(analysis.histogram) == list(expected)


@given(st.lists(SIMILARITIES, min_size=1, max_size=60))
def test_the_quantiles_are_those_of_numpy(values: list[float]) -> None:
    expected = numpy.percentile(values, QUANTILES, method="linear")

    assert quantiles(values) == pytest.approx(list(expected), rel=1e-9, abs=1e-9)


@given(st.floats(0, 4e9))
def test_a_week_begins_on_monday_and_a_month_on_its_first(at: float) -> None:
    analysis = analyze([Comparison(90, at, True)])
    moment = datetime.fromtimestamp(math.floor(at), timezone.utc)

    monday = (moment - timedelta(days=moment.weekday())).date()
    assert [week.begins for week in analysis.weeks] == [monday.isoformat()]
    assert [month.begins for month in analysis.months] == [f"{moment:%Y-%m}-01"]


# ---- what the data cannot give


def test_without_decisions_there_is_no_error_rate() -> None:
    analysis = analyze([Comparison(90, PUBLISHED, True), Comparison(60, PUBLISHED, False)])

    assert (analysis.mated, analysis.non_mated) == (0, 0)
    for row in analysis.rows:
        assert (row.fnmr.rate, row.fnmr.interval, row.fnmr.below) == (None, None, None)
        assert (row.fmr.rate, row.fmr.interval, row.fmr.below) == (None, None, None)
    assert set(analysis.notes) == {NO_MATED, NO_NON_MATED}


def test_false_matches_are_counted_among_judged_impostors_only() -> None:
    items = judged(GENUINE, 99, 80, 65) + judged("", 20) + judged(CONTRADICTORY, 99)

    row = row_at(70, *items)

    assert row.fmr.rate is None
    assert (row.fnmr.errors, row.fnmr.comparisons) == (1, 3)
    assert set(analyze(items).notes) == {NO_NON_MATED, SELECTED, CONTRADICTORY_LEFT_OUT}


def test_no_error_among_few_is_no_proof() -> None:
    row = row_at(70, *judged(IMPOSTOR, *[10.0] * 300))

    assert row.fmr.rate == 0
    assert row.fmr.below == pytest.approx(0.01)
    assert not row.fmr.is_reliable


def test_thirty_errors_make_a_rate_reliable() -> None:
    assert not row_at(70, *judged(GENUINE, *[10.0] * 29)).fnmr.is_reliable
    assert row_at(70, *judged(GENUINE, *[10.0] * 30)).fnmr.is_reliable


def test_a_similarity_that_equals_the_threshold_passes() -> None:
    row = row_at(70, Comparison(70, PUBLISHED, True), *judged(IMPOSTOR, 70))

    assert (row.newly_failing, row.fmr.errors) == (0, 1)


def test_the_vendor_states_a_rate_for_two_thresholds_only() -> None:
    rates = {row.threshold: row.vendor_false_accept_rate for row in analyze([]).rows}

    assert {threshold: rate for threshold, rate in rates.items() if rate} == {70: 0.001, 80: 0.0001}


def test_what_the_service_rejected_would_not_pass_at_a_lower_threshold() -> None:
    by_vendor = comparison_of(
        "rejected", "FailedOperation.CompareLowSimilarity", 65.0, PUBLISHED, ""
    )
    by_us = comparison_of("rejected", "SimilarityBelowThreshold", 75.0, PUBLISHED, "")
    assert by_vendor is not None and by_us is not None

    row = row_at(60, by_vendor, by_us)

    assert (row.newly_passing, row.passing) == (1, 1)
    assert VENDOR_REJECTS in analyze([by_vendor]).notes
    assert VENDOR_REJECTS not in analyze([by_us]).notes


@pytest.mark.parametrize("code", sorted({row.code for row in TABLE} - {"CompareLowSimilarity"}))
def test_no_other_verdict_of_the_service_moves_with_the_threshold(code: str) -> None:
    for name in (code, f"FailedOperation.{code}"):
        assert comparison_of("rejected", name, 50.0, PUBLISHED, "") is None


@pytest.mark.parametrize(
    ("status", "reason", "similarity"),
    [
        ("rejected", "PackageReused", 99.0),
        ("retake", "FailedOperation.CompareLowSimilarity", 50.0),
        ("invalid", "TooManySubmissions", None),
        ("failed", "GivenUp", 50.0),
        ("unreadable", "", None),
        ("passed", "Success", None),
    ],
)
def test_results_that_something_else_decided_are_left_out(
    status: str, reason: str, similarity: float | None
) -> None:
    assert comparison_of(status, reason, similarity, PUBLISHED, "") is None


def test_unreadable_results_are_mentioned() -> None:
    assert analyze([], unreadable=1).notes == (NO_MATED, NO_NON_MATED, UNREADABLE_LEFT_OUT)
    assert set(analyze(judged("", 1)).to_json()["notes"].values()) <= set(NOTES.values())


@pytest.mark.parametrize(
    ("reasons", "judgement"),
    [
        ([], ""),
        (["not-live", "poor-picture", "other"], ""),
        (["same-person", "other", "same-person"], GENUINE),
        (["different-person", "not-live"], IMPOSTOR),
        (["same-person", "different-person"], CONTRADICTORY),
    ],
)
def test_only_statements_about_the_faces_are_judgements(reasons: list[str], judgement: str) -> None:
    assert judgement_of(reasons) == judgement
