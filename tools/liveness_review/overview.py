"""Figures for a span of time: results per hour, time to result, billed calls, retakes by reason."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import NamedTuple

_HOUR = 3600


class Hour(NamedTuple):
    """The results published in one hour."""

    begins: float
    """Seconds since 1970, a whole hour in UTC."""
    by_status: dict[str, int]


class Durations(NamedTuple):
    """A distribution of seconds; None where there is no value."""

    results: int
    median: float | None
    p99: float | None
    longest: float | None


class Overview(NamedTuple):
    """The figures of the results published in [since, until)."""

    since: float
    until: float
    hours: tuple[Hour, ...]
    """Ascending; hours without a result are left out."""
    by_status: dict[str, int]
    time_to_result: Durations
    """Seconds from the upload of the later input until the result was published.

    Nearest-rank percentiles. A wait through an outage counts in full; results whose inputs COS did
    not describe are left out.
    """
    billed_calls: int
    """Calls with an answer that the vendor bills."""
    possibly_billed_calls: int
    """These, and calls for the same contents that may have been billed."""
    retakes_by_reason: dict[str, int]
    """Results that ask the person to try again, by reason code, the most frequent first."""
    decisions: dict[str, int]
    """The latest decision of people on these results, by decision; `disputed` where they differ."""


def overview(connection: sqlite3.Connection, since: float, until: float) -> Overview:
    span = (since, until)
    within = "FROM results WHERE at >= ? AND at < ?"
    hours: dict[int, dict[str, int]] = defaultdict(dict)
    by_status: dict[str, int] = defaultdict(int)
    for hour, status, number in connection.execute(
        f"SELECT CAST(at / {_HOUR} AS INTEGER), status, count(*) {within} GROUP BY 1, 2", span
    ):
        hours[hour][status] = number
        by_status[status] += number
    billed, possibly_billed = connection.execute(
        "SELECT coalesce(sum(billed_calls), 0), coalesce(sum(possibly_billed_calls), 0) " + within,
        span,
    ).fetchone()
    retakes = connection.execute(
        f"SELECT reason, count(*) {within} AND status = 'retake' GROUP BY 1 ORDER BY 2 DESC, 1",
        span,
    )
    decisions = connection.execute(
        "SELECT CASE WHEN is_disputed THEN 'disputed' ELSE decision END, count(*) "
        f"{within} AND decisions > 0 GROUP BY 1 ORDER BY 2 DESC, 1",
        span,
    )
    return Overview(
        since=since,
        until=until,
        hours=tuple(Hour(hour * _HOUR, hours[hour]) for hour in sorted(hours)),
        by_status=dict(by_status),
        time_to_result=_time_to_result(connection, since, until),
        billed_calls=billed,
        possibly_billed_calls=possibly_billed,
        retakes_by_reason={reason: number for reason, number in retakes},
        decisions={decision: number for decision, number in decisions},
    )


def _time_to_result(connection: sqlite3.Connection, since: float, until: float) -> Durations:
    # Last-Modified is in whole seconds, by another clock than `published`.
    seconds = [
        value
        for (value,) in connection.execute(
            "SELECT max(at - completed_at, 0) FROM results"
            " WHERE at >= ? AND at < ? AND completed_at IS NOT NULL ORDER BY 1",
            (since, until),
        )
    ]
    if not seconds:
        return Durations(0, None, None, None)
    return Durations(
        len(seconds), _nearest_rank(seconds, 50), _nearest_rank(seconds, 99), seconds[-1]
    )


def _nearest_rank(ordered: list[float], percent: int) -> float:
    """Return the least value that at least `percent` of all do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
