"""Print the results of the commands for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from liveness_cli.console import Page
from liveness_cli.text import pluralize

_BAR_WIDTH = 40
_BIN = 5
_SHOWN_PERIODS = 12
_STEP = 5.0
_LOWEST = 50.0


def print_threshold(value: Mapping[str, Any]) -> None:
    page = Page()
    judged = value["judged"]
    page.title(f"{value['bucket']}: {pluralize(value['comparisons'], 'comparison')}")
    page.facts(
        ("results read", Text(_time(value["results_read"]) + " UTC")),
        ("threshold", Text(f"{value['current_threshold']:g} in this environment")),
        ("people said", Text(_judged(judged))),
    )
    page.table("Similarity", ("From", "Comparisons", ""), _histogram(value["histogram"]))
    rows = _shown_rows(value)
    page.table(
        "What each threshold would have done",
        ("Threshold", "Pass", "Fail", "Newly pass", "Newly fail", "Vendor's FAR"),
        [
            (
                f"{row['threshold']:g}",
                f"{row['passing']:,}",
                f"{row['failing']:,}",
                f"{row['newly_passing']:,}",
                f"{row['newly_failing']:,}",
                _percent(row["vendor_false_accept_rate"]),
            )
            for row in rows
        ],
        all_rows=True,
    )
    if judged["mated"] or judged["non_mated"]:
        page.table(
            "Error rates where people decided, with 95 % confidence intervals",
            ("Threshold", "FNMR", "Interval", "Errors", "FMR", "Interval", "Errors"),
            [(f"{row['threshold']:g}", *_rate(row["fnmr"]), *_rate(row["fmr"])) for row in rows],
            all_rows=True,
        )
    page.table(
        "Similarity by week",
        ("Monday", "Comparisons", "5 %", "25 %", "Median", "75 %", "95 %"),
        [
            (
                period["begins"],
                f"{period['comparisons']:,}",
                *(f"{period[name]:.1f}" for name in ("p5", "p25", "p50", "p75", "p95")),
            )
            for period in value["weeks"][-_SHOWN_PERIODS:]
        ],
        all_rows=True,
    )
    if value["notes"]:
        page.remarks("Note", list(value["notes"].values()))
    page.print()


def print_exported(value: Mapping[str, Any]) -> None:
    page = Page()
    page.table(
        f"Exported from {value['bucket']}",
        ("File", "Rows", "Bytes"),
        [(file["name"], f"{file['rows']:,}", f"{file['bytes']:,}") for file in value["files"]],
    )
    page.remarks("Digests and columns", ["manifest.json"])
    page.print()


def print_cost(value: Mapping[str, Any]) -> None:
    page = Page()
    total = value["total"]
    page.title(f"{value['bucket']}: calls of {pluralize(total['results'], 'result')}")
    columns = ("Results", "Billed", "Maybe billed", "Replaced", "Saved", "Cost of calls")
    if value["days"]:
        page.table("By day", ("UTC", *columns), _periods(value["days"], "day"))
        page.table(
            "By month",
            ("UTC", *columns),
            [*_periods(value["months"], "month"), ("total", *_cost_cells(total))],
            all_rows=True,
        )
    page.facts(
        ("requests", Text(_requests(total))),
        ("saved", Text(_saved(total["saved_calls"]))),
    )
    page.remarks("Not counted", value["not_counted"])
    page.print()


def _judged(judged: Mapping[str, int]) -> str:
    return (
        f"the same person {judged['mated']:,} times, different persons {judged['non_mated']:,} "
        f"times, and disagreed on {pluralize(judged['contradictory'], 'pair')}"
    )


def _histogram(bins: Sequence[int]) -> list[tuple[str, str, str]]:
    sums = [sum(bins[start : start + _BIN]) for start in range(0, len(bins), _BIN)]
    highest = max(sums, default=0)
    return [
        (str(index * _BIN), f"{number:,}", "#" * -(-number * _BAR_WIDTH // highest))
        for index, number in enumerate(sums)
        if number
    ]


def _shown_rows(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the rows in steps of 5 from 50 on, the current threshold and the requested ones."""
    wanted = {value["current_threshold"], *value["asked_for"]}
    return [
        row
        for row in value["thresholds"]
        if row["threshold"] in wanted
        or (row["threshold"] >= _LOWEST and row["threshold"] % _STEP == 0)
    ]


def _rate(rate: Mapping[str, Any]) -> tuple[str, str, str]:
    if rate["rate"] is None:
        return "none", "", ""
    low, high = rate["interval"]
    shown = _percent(rate["rate"])
    if rate["below"] is not None:
        shown = f"< {_percent(rate['below'])}"
    errors = f"{rate['errors']:,} of {rate['comparisons']:,}"
    return shown, f"{_percent(low)} to {_percent(high)}", errors


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.3g} %"


def _periods(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[str, ...]]:
    return [(row[name], *_cost_cells(row)) for row in reversed(rows)]


def _cost_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    calls = row["calls"]
    return (
        f"{row['results']:,}",
        f"{calls['billed']:,}",
        f"{calls['possibly_billed']:,}",
        f"{calls['of_earlier_submissions']:,}",
        f"{sum(row['saved_calls'].values()):,}",
        _range(row["cost"]),
    )


def _range(cost: Mapping[str, str | None]) -> str:
    low, high = cost["calls_at_least"], cost["calls_at_most"]
    if low is None or high is None:
        return ""
    return low if low == high else f"{low} to {high}"


def _requests(total: Mapping[str, Any]) -> str:
    requests, amount = total["estimated_requests"], total["cost"]["requests"]
    text = f"about {requests['write']:,} writes and {requests['read']:,} reads"
    return text if amount is None else f"{text}: {amount}"


def _saved(saved: Mapping[str, int]) -> str:
    return (
        f"{pluralize(saved['unusable'], 'call')} for inputs that cannot be used, "
        f"{saved['reused']:,} for packages that were used before, "
        f"{saved['too_many_submissions']:,} after too many submissions"
    )


def _time(time: str | None) -> str:
    return (time or "never").replace("T", " ").rstrip("Z")
