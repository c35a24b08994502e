"""Calls and requests by day and month, according to the results, and what they cost.

Days and months are in UTC, by the time of publication. A pair has one result, that of its latest
content: only the number of calls for earlier contents is known, and is counted with that result.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from .database import Database

SCHEMA = "liveness-cost/1"
# Per result and per month, as docs/cost.md counts them.
WRITES_PER_RESULT, READS_PER_RESULT = 9, 18
IDLE_WRITES_PER_MONTH, IDLE_READS_PER_MONTH = 44_000, 134_000
_REQUESTS_PER_PRICE = 10_000
NOT_COUNTED = (
    "calls and results of pairs whose result is gone from the bucket",
    "calls of pairs without a result yet",
    "events that were delivered twice: the function's log has them, and no result shows them",
    "requests, storage, traffic and invocations other than estimated by docs/cost.md",
)
_SUMS = """
    count(*),
    coalesce(sum(billed_calls), 0),
    coalesce(sum(possibly_billed_calls - billed_calls), 0),
    coalesce(sum(earlier_calls), 0),
    coalesce(sum(reason = 'PackageReused' AND possibly_billed_calls = 0), 0),
    coalesce(sum(reason = 'TooManySubmissions' AND possibly_billed_calls = 0), 0),
    coalesce(sum(status = 'invalid' AND reason != 'TooManySubmissions'
        AND possibly_billed_calls = 0), 0)
FROM results WHERE status != 'unreadable' AND at >= ? AND at < ?
"""


class Calls(NamedTuple):
    """The calls of the results in a span of time."""

    results: int
    billed: int
    """Calls with an answer that the vendor bills."""
    possibly_billed: int
    """Further calls for the same contents, which may have been billed."""
    earlier: int
    """Calls for contents that were replaced, which were or may have been billed."""
    saved_reused: int
    """Calls that were not made because the live package had been used for another pair."""
    saved_too_many: int
    """Calls that were not made because too many contents had been submitted for a pair."""
    saved_unusable: int
    """Calls that were not made because an input could not be used."""

    @property
    def most(self) -> int:
        """The maximum number of calls that were billed."""
        return self.billed + self.possibly_billed + self.earlier

    def to_json(self, prices: Prices) -> dict[str, Any]:
        return {
            "results": self.results,
            "calls": {
                "billed": self.billed,
                "possibly_billed": self.possibly_billed,
                "of_earlier_submissions": self.earlier,
            },
            "saved_calls": {
                "reused": self.saved_reused,
                "too_many_submissions": self.saved_too_many,
                "unusable": self.saved_unusable,
            },
            "estimated_requests": {
                "write": self.results * WRITES_PER_RESULT,
                "read": self.results * READS_PER_RESULT,
            },
            "cost": prices.cost_of(self),
        }


class Prices(NamedTuple):
    """Prices in the user's currency; None where no price was given."""

    call: Decimal | None = None
    writes: Decimal | None = None
    """The price of 10,000 write requests."""
    reads: Decimal | None = None
    """The price of 10,000 read requests."""

    def cost_of(self, calls: Calls) -> dict[str, str | None]:
        """Return amounts as decimal numbers in text, which avoids rounding."""
        requests = calls.results * (
            (self.writes or 0) * WRITES_PER_RESULT + (self.reads or 0) * READS_PER_RESULT
        )
        has_requests = self.writes is not None or self.reads is not None
        return {
            "calls_at_least": _amount(self.call, calls.billed),
            "calls_at_most": _amount(self.call, calls.most),
            "saved_calls": _amount(
                self.call, calls.saved_reused + calls.saved_too_many + calls.saved_unusable
            ),
            "requests": _text(Decimal(requests) / _REQUESTS_PER_PRICE) if has_requests else None,
        }


def cost(database: Database, prices: Prices, since: float, until: float) -> dict[str, Any]:
    """Make the value that `liveness cost --json` prints, of results in [since, until)."""
    with database.connect() as connection:
        days = _by_period(connection, "%Y-%m-%d", since, until)
        months = _by_period(connection, "%Y-%m", since, until)
        total = Calls(*connection.execute(f"SELECT {_SUMS}", (since, until)).fetchone())
        (unreadable,) = connection.execute(
            "SELECT count(*) FROM results WHERE status = 'unreadable' AND at >= ? AND at < ?",
            (since, until),
        ).fetchone()
    return {
        "schema": SCHEMA,
        "prices": {
            "call": _optional_text(prices.call),
            "10,000 write requests": _optional_text(prices.writes),
            "10,000 read requests": _optional_text(prices.reads),
        },
        "days": _rows("day", days, prices),
        "months": _rows("month", months, prices),
        "total": total.to_json(prices),
        "unreadable_results": unreadable,
        "estimated_requests_per_month_when_idle": {
            "write": IDLE_WRITES_PER_MONTH,
            "read": IDLE_READS_PER_MONTH,
        },
        "not_counted": list(NOT_COUNTED),
    }


def _by_period(
    connection: sqlite3.Connection, pattern: str, since: float, until: float
) -> dict[str, Calls]:
    rows = connection.execute(
        f"SELECT strftime('{pattern}', at, 'unixepoch'), {_SUMS} GROUP BY 1 ORDER BY 1",
        (since, until),
    )
    return {row[0]: Calls(*row[1:]) for row in rows}


def _rows(name: str, periods: Mapping[str, Calls], prices: Prices) -> list[dict[str, Any]]:
    return [{name: period, **calls.to_json(prices)} for period, calls in periods.items()]


def _amount(price: Decimal | None, number: int) -> str | None:
    return None if price is None else _text(price * number)


def _optional_text(price: Decimal | None) -> str | None:
    return None if price is None else _text(price)


def _text(amount: Decimal) -> str:
    return f"{amount:f}"
