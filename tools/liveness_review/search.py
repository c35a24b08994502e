"""The list of results: filters, and pages that stay stable while results arrive."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from .rows import DecisionRow, ResultRow

_COLUMNS = ", ".join(ResultRow._fields)
_DECISIONS = """
SELECT d.pair_id, d.number, d.decision, d.reason, d.note, d.reviewer, d.decided_at,
    d.fingerprint, d.result_sha256, d.problem, d.problem = '' AND d.fingerprint IS r.fingerprint
FROM decisions d LEFT JOIN results r USING (pair_id)
"""
_FLAGS = [
    ResultRow._fields.index(name) for name in ("is_package_reused", "has_frame", "is_disputed")
]


class ResultFilter(NamedTuple):
    """Which results to show; an empty filter shows all."""

    statuses: tuple[str, ...] = ()
    """Any of these, of STATUSES and UNREADABLE."""
    reasons: tuple[str, ...] = ()
    """Any of these reason codes."""
    since: float | None = None
    """Published at this time or later."""
    until: float | None = None
    """Published before this time."""
    min_similarity: float | None = None
    max_similarity: float | None = None
    """Both included; results without a similarity match neither."""
    is_decided: bool | None = None
    """Whether people decided on this content."""
    is_disputed: bool | None = None
    """Whether their decisions differ."""
    pair_id: str = ""
    """A part of the pair id; case does not matter in ASCII."""


class ResultPage(NamedTuple):
    """A page of the list."""

    rows: tuple[ResultRow, ...]
    next: str | None
    """The position after which the next page begins; None if this is the last one."""


def page(
    connection: sqlite3.Connection, selection: ResultFilter, limit: int, after: str | None
) -> ResultPage:
    where, values = _where(selection)
    if after is not None:
        where.append("(at, pair_id) < (?, ?)")
        values += _read_position(after)
    order = "ORDER BY at DESC, pair_id DESC"
    # The inner query needs only an index, however wide the rows are.
    found = f"SELECT pair_id FROM results{_clause(where)} {order} LIMIT ?"
    sql = f"SELECT {_COLUMNS} FROM results WHERE pair_id IN ({found}) {order}"
    rows = [_row(row) for row in connection.execute(sql, [*values, limit + 1])]
    more = len(rows) > limit
    return ResultPage(tuple(rows[:limit]), _position(rows[limit - 1]) if more else None)


def count(connection: sqlite3.Connection, selection: ResultFilter) -> int:
    where, values = _where(selection)
    sql = f"SELECT count(*) FROM results{_clause(where)}"
    return int(connection.execute(sql, values).fetchone()[0])


def scan(connection: sqlite3.Connection, selection: ResultFilter) -> Iterator[ResultRow]:
    where, values = _where(selection)
    sql = f"SELECT {_COLUMNS} FROM results{_clause(where)} ORDER BY at, pair_id"
    return map(_row, connection.execute(sql, values))


def comparisons(
    connection: sqlite3.Connection, selection: ResultFilter
) -> Iterator[tuple[str, str, float, float, str]]:
    """Yield status, reason, similarity, time and judgement of results with a similarity."""
    where, values = _where(selection)
    clause = _clause([*where, "similarity IS NOT NULL"])
    sql = f"SELECT status, reason, similarity, at, judged FROM results{clause}"
    return map(tuple, connection.execute(sql, values))


def one(connection: sqlite3.Connection, pair_id: str) -> ResultRow | None:
    sql = f"SELECT {_COLUMNS} FROM results WHERE pair_id = ?"
    row = connection.execute(sql, (pair_id,)).fetchone()
    return _row(row) if row else None


def decisions(connection: sqlite3.Connection, pair_id: str) -> list[DecisionRow]:
    rows = connection.execute(f"{_DECISIONS} WHERE d.pair_id = ? ORDER BY d.number", (pair_id,))
    return [_decision(row) for row in rows]


def decisions_on(connection: sqlite3.Connection, selection: ResultFilter) -> Iterator[DecisionRow]:
    where, values = _where(selection)
    sql = f"SELECT pair_id FROM results{_clause(where)}"
    rows = connection.execute(
        f"{_DECISIONS} WHERE d.pair_id IN ({sql}) ORDER BY d.pair_id, d.number", values
    )
    return map(_decision, rows)


def reasons(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    rows = connection.execute(
        "SELECT reason, count(*) FROM results WHERE reason != '' GROUP BY reason ORDER BY 2 DESC, 1"
    )
    return [(reason, number) for reason, number in rows]


def _where(selection: ResultFilter) -> tuple[list[str], list[object]]:
    """Return SQL conditions and their values."""
    where: list[str] = []
    values: list[object] = []

    def add(condition: str, *added: object) -> None:
        where.append(condition)
        values.extend(added)

    for column, wanted in (("status", selection.statuses), ("reason", selection.reasons)):
        if wanted:
            add(f"{column} IN ({', '.join('?' * len(wanted))})", *wanted)
    for condition, bound in (
        ("at >= ?", selection.since),
        ("at < ?", selection.until),
        ("similarity >= ?", selection.min_similarity),
        ("similarity <= ?", selection.max_similarity),
    ):
        if bound is not None:
            add(condition, bound)
    if selection.is_decided is not None:
        add(f"decisions {'>' if selection.is_decided else '='} 0")
    if selection.is_disputed is not None:
        add("decisions > 0 AND is_disputed" if selection.is_disputed else "NOT is_disputed")
    if selection.pair_id:
        escaped = selection.pair_id
        for special in "\\%_":
            escaped = escaped.replace(special, "\\" + special)
        add("pair_id LIKE ? ESCAPE '\\'", f"%{escaped}%")
    return where, values


def _clause(where: list[str]) -> str:
    return " WHERE " + " AND ".join(where) if where else ""


def _row(row: sqlite3.Row) -> ResultRow:
    values = list(row)
    for position in _FLAGS:
        values[position] = None if values[position] is None else bool(values[position])
    return ResultRow._make(values)


def _decision(row: sqlite3.Row) -> DecisionRow:
    return DecisionRow(*row)._replace(is_current=bool(row[-1]))


def _position(row: ResultRow) -> str:
    text = json.dumps([row.at, row.pair_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_position(text: str) -> tuple[float, str]:
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        at, pair_id = json.loads(decoded)
        pair_id.encode()
        return float(at), pair_id
    except (ValueError, TypeError, AttributeError):
        raise ValueError("not a position in the list") from None
