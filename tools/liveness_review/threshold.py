"""What another threshold would have done, and error rates where people decided. Pure.

Terms are those of ISO/IEC 19795-1: a comparison of two faces of one person is mated, otherwise
non-mated; FNMR is the share of mated comparisons below the threshold, FMR that of non-mated ones
that reach it. Only for comparisons that people judged is it known which kind they are, so rates
are based on those alone, and are None if there are none.
"""

from __future__ import annotations

import math
import statistics
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from .intervals import Interval, Proportion, clopper_pearson, rule_of_three
from .rows import CONTRADICTORY, GENUINE, IMPOSTOR

# "A threshold of 70 has a false pass rate of one in a thousand, 80 one of one in ten thousand":
# the API document of DetectReflectLivenessAndCompare, parameter Sim.
VENDOR_FALSE_ACCEPT_RATES = {70.0: 0.001, 80.0: 0.0001}
THRESHOLDS = tuple(float(number) for number in range(101))
QUANTILES = (5, 25, 50, 75, 95)
# "Rule of 30" of ISO/IEC 19795-1: with fewer errors a rate is a guess.
ENOUGH_ERRORS = 30
_VENDOR_REJECTION = "CompareLowSimilarity"
_OUR_REJECTION = "SimilarityBelowThreshold"

# What must be said beside the figures; the texts are in NOTES.
NO_MATED, NO_NON_MATED, SELECTED = "no-mated", "no-non-mated", "selected"
CONTRADICTORY_LEFT_OUT, VENDOR_REJECTS, UNREADABLE_LEFT_OUT = (
    "contradictory-left-out",
    "vendor-rejects",
    "unreadable-left-out",
)
NOTES = {
    NO_MATED: "nobody judged a comparison to be of the same person: there is no FNMR",
    NO_NON_MATED: "nobody judged a comparison to be of different persons: there is no FMR",
    SELECTED: "the rates are of the pairs that people chose to decide, not of all pairs: if those "
    "were the doubtful ones, both rates are higher than among all",
    CONTRADICTORY_LEFT_OUT: "pairs about which people disagree are left out of the rates",
    VENDOR_REJECTS: "some pairs were rejected by the service itself (CompareLowSimilarity), which "
    "would do so at any threshold of ours",
    UNREADABLE_LEFT_OUT: "results that are not valid are left out",
}


class Comparison(NamedTuple):
    """One result that the similarity decided: passed, or rejected because of it."""

    similarity: float
    at: float
    """When it was published, in seconds since 1970."""
    passed: bool
    by_vendor: bool = False
    """Whether the service itself rejected it, so that no threshold of ours would let it pass."""
    judged: str = ""
    """GENUINE, IMPOSTOR or CONTRADICTORY as people judged it; empty if nobody did."""


class Rate(NamedTuple):
    """An error rate at one threshold, with everything needed to judge it."""

    errors: int
    comparisons: int
    rate: float | None
    """None if there is no comparison of the kind."""
    interval: Interval | None
    """Clopper-Pearson, two-sided, 95 %."""
    below: float | None
    """By the rule of 3, where no error was seen: the rate is below this, at 95 %."""
    is_reliable: bool
    """By the rule of 30: at least 30 errors were seen."""

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "interval": list(self.interval) if self.interval else None}


class ThresholdRow(NamedTuple):
    """What one threshold would do to the comparisons at hand."""

    threshold: float
    passing: int
    failing: int
    newly_passing: int
    """Those that were rejected and would pass."""
    newly_failing: int
    """Those that passed and would be rejected."""
    fnmr: Rate
    fmr: Rate
    vendor_false_accept_rate: float | None
    """The vendor's figure for this threshold; it gives one for 70 and 80 only."""

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "fnmr": self.fnmr.to_json(), "fmr": self.fmr.to_json()}


class Period(NamedTuple):
    """The distribution of the similarity in a week or a month, in UTC."""

    begins: str
    """The first day, such as `2026-11-23`; of a week a Monday."""
    comparisons: int
    quantiles: tuple[float, ...]
    """The percentiles of QUANTILES, linearly interpolated (Hyndman and Fan, type 7)."""

    def to_json(self) -> dict[str, Any]:
        percentiles = {
            f"p{percent}": value for percent, value in zip(QUANTILES, self.quantiles, strict=True)
        }
        return {"begins": self.begins, "comparisons": self.comparisons, **percentiles}


class ThresholdAnalysis(NamedTuple):
    """The whole analysis."""

    comparisons: int
    mated: int
    non_mated: int
    contradictory: int
    histogram: tuple[int, ...]
    """How many comparisons have a similarity in [0, 1), [1, 2) ... [99, 100]."""
    rows: tuple[ThresholdRow, ...]
    """By threshold, ascending."""
    weeks: tuple[Period, ...]
    months: tuple[Period, ...]
    notes: tuple[str, ...]
    """Names in NOTES of what must be said beside the figures."""

    def to_json(self) -> dict[str, Any]:
        return {
            "comparisons": self.comparisons,
            "judged": {
                "mated": self.mated,
                "non_mated": self.non_mated,
                "contradictory": self.contradictory,
            },
            "histogram": list(self.histogram),
            "thresholds": [row.to_json() for row in self.rows],
            "weeks": [period.to_json() for period in self.weeks],
            "months": [period.to_json() for period in self.months],
            "notes": {name: NOTES[name] for name in self.notes},
        }


def is_decided_by_similarity(status: str, reason: str) -> bool:
    """Whether moving the threshold could concern a result: it passed, or only similarity failed."""
    return status == "passed" or (
        status == "rejected"
        and (reason == _OUR_REJECTION or reason.rpartition(".")[2] == _VENDOR_REJECTION)
    )


def comparison_of(
    status: str, reason: str, similarity: float | None, at: float, judged: str
) -> Comparison | None:
    """Make a comparison from a result; None if the similarity did not decide it."""
    if similarity is None or not is_decided_by_similarity(status, reason):
        return None
    passed = status == "passed"
    return Comparison(similarity, at, passed, not passed and reason != _OUR_REJECTION, judged)


def analyze(
    comparisons: Iterable[Comparison],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    unreadable: int = 0,
) -> ThresholdAnalysis:
    """Analyze the comparisons at each of the thresholds, in ascending order.

    `unreadable` is how many results are left out because they are not valid.
    """
    passed: list[float] = []
    rejected: list[float] = []
    rejected_by_vendor: list[float] = []
    mated: list[float] = []
    non_mated: list[float] = []
    histogram = [0] * 100
    weeks: dict[str, list[float]] = defaultdict(list)
    months: dict[str, list[float]] = defaultdict(list)
    contradictory = 0
    by_judgement = {GENUINE: mated, IMPOSTOR: non_mated}
    for item in comparisons:
        if item.passed:
            passed.append(item.similarity)
        elif item.by_vendor:
            rejected_by_vendor.append(item.similarity)
        else:
            rejected.append(item.similarity)
        if item.judged in by_judgement:
            by_judgement[item.judged].append(item.similarity)
        contradictory += item.judged == CONTRADICTORY
        histogram[min(int(item.similarity), 99)] += 1
        weeks[_week(item.at)].append(item.similarity)
        months[_month(item.at)].append(item.similarity)
    for values in (passed, rejected, rejected_by_vendor, mated, non_mated):
        values.sort()
    notes = {
        NO_MATED: not mated,
        NO_NON_MATED: not non_mated,
        SELECTED: bool(mated or non_mated),
        CONTRADICTORY_LEFT_OUT: contradictory > 0,
        VENDOR_REJECTS: bool(rejected_by_vendor),
        UNREADABLE_LEFT_OUT: unreadable > 0,
    }
    total = len(passed) + len(rejected) + len(rejected_by_vendor)

    def row(threshold: float) -> ThresholdRow:
        newly_failing = bisect_left(passed, threshold)
        newly_passing = len(rejected) - bisect_left(rejected, threshold)
        passing = len(passed) - newly_failing + newly_passing
        return ThresholdRow(
            threshold=threshold,
            passing=passing,
            failing=total - passing,
            newly_passing=newly_passing,
            newly_failing=newly_failing,
            fnmr=_rate(bisect_left(mated, threshold), len(mated)),
            fmr=_rate(len(non_mated) - bisect_left(non_mated, threshold), len(non_mated)),
            vendor_false_accept_rate=VENDOR_FALSE_ACCEPT_RATES.get(threshold),
        )

    return ThresholdAnalysis(
        comparisons=total,
        mated=len(mated),
        non_mated=len(non_mated),
        contradictory=contradictory,
        histogram=tuple(histogram),
        rows=tuple(row(threshold) for threshold in sorted(thresholds)),
        weeks=_periods(weeks),
        months=_periods(months),
        notes=tuple(name for name, applies in notes.items() if applies),
    )


@lru_cache(maxsize=4096)
def _rate(errors: int, comparisons: int) -> Rate:
    proportion = Proportion(errors, comparisons)
    return Rate(
        errors=errors,
        comparisons=comparisons,
        rate=proportion.value,
        interval=clopper_pearson(proportion),
        below=rule_of_three(comparisons) if errors == 0 else None,
        is_reliable=errors >= ENOUGH_ERRORS,
    )


def _periods(values: dict[str, list[float]]) -> tuple[Period, ...]:
    return tuple(
        Period(begins, len(values[begins]), quantiles(values[begins])) for begins in sorted(values)
    )


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """Return the percentiles of QUANTILES of at least one value."""
    if len(values) == 1:
        return tuple(values) * len(QUANTILES)
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return tuple(cuts[percent - 1] for percent in QUANTILES)


def _week(at: float) -> str:
    moment = math.floor(at)
    monday = moment - time.gmtime(moment).tm_wday * 86400
    return time.strftime("%Y-%m-%d", time.gmtime(monday))


def _month(at: float) -> str:
    return time.strftime("%Y-%m-01", time.gmtime(math.floor(at)))
