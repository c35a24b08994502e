"""Queries on the local file of results and decisions, and the removal of a pair from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from liveness_cli.operator.listed_inputs import StrayKey, WaitingPair

from . import overview as overviews
from . import search
from .database import BUSY_SECONDS, FORGOTTEN, INPUTS_READ, RESULTS_READ, STRAYS, Busy, Database
from .overview import Overview
from .rows import UNREADABLE, DecisionRow, ResultRow
from .search import ResultFilter, ResultPage
from .threshold import Comparison, comparison_of

_BATCH = 1000


class ResultIndex:
    """The results of one installation, as of the last refresh.

    Usable from several threads and processes; every method opens the file itself, which takes less
    than a millisecond. `refresh.refresh` brings it up to date.
    """

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """`path` is the path of the file, which may not exist yet; see `database.path_of`.

        A write waits at most `busy_seconds` for the writes of other processes.
        """
        self.database = Database(path, busy_seconds)

    @property
    def path(self) -> Path:
        return self.database.path

    # ---- results

    def page(
        self, selection: ResultFilter, *, limit: int = 50, after: str | None = None
    ) -> ResultPage:
        """Return up to `limit` results, the newest first; `after` is the `next` of a previous page.

        Raises ValueError if `after` is not the `next` of a page.
        """
        with self.database.connect() as connection:
            return search.page(connection, selection, limit, after)

    def count(self, selection: ResultFilter) -> int:
        """Return how many results match."""
        with self.database.connect() as connection:
            return search.count(connection, selection)

    def results(self, selection: ResultFilter) -> Iterator[ResultRow]:
        """Yield all results that match, the oldest first, in constant memory."""
        with self.database.connect() as connection:
            yield from search.scan(connection, selection)

    def result(self, pair_id: str) -> ResultRow | None:
        """Return the result of one pair; None if there was none when results were last read."""
        with self.database.connect() as connection:
            return search.one(connection, pair_id)

    def decisions(self, pair_id: str) -> list[DecisionRow]:
        """Return the decisions on one pair by number, including those on replaced contents."""
        with self.database.connect() as connection:
            return search.decisions(connection, pair_id)

    def decisions_on(self, selection: ResultFilter) -> Iterator[DecisionRow]:
        """Yield all decisions on the pairs whose results match, in constant memory."""
        with self.database.connect() as connection:
            yield from search.decisions_on(connection, selection)

    def reasons(self) -> list[tuple[str, int]]:
        """Return the reason codes that occur, the most frequent first."""
        with self.database.connect() as connection:
            return search.reasons(connection)

    # ---- figures

    def overview(self, since: float, until: float) -> Overview:
        """Return the figures of results published in [since, until), hour by hour."""
        with self.database.connect() as connection:
            return overviews.overview(connection, since, until)

    def comparisons(self, selection: ResultFilter) -> Iterator[Comparison]:
        """Yield the results that the similarity decided, for `threshold.analyze`."""
        with self.database.connect() as connection:
            for row in search.comparisons(connection, selection):
                if (comparison := comparison_of(*row)) is not None:
                    yield comparison

    def unreadable(self, selection: ResultFilter) -> int:
        """Return how many of the matching results are not valid."""
        return self.count(selection._replace(statuses=(UNREADABLE,)))

    # ---- inputs

    def waiting(self, limit: int = 1000) -> list[WaitingPair]:
        """Return the pairs without a result, the longest wait first."""
        with self.database.connect() as connection:
            rows = connection.execute(
                "SELECT pair_id, missing, since FROM waiting ORDER BY since, pair_id LIMIT ?",
                (limit,),
            )
            return [
                WaitingPair(row["pair_id"], tuple(row["missing"].split()), row["since"])
                for row in rows
            ]

    def strays(self, limit: int = 1000) -> list[StrayKey]:
        """Return keys under the input prefix that belong to no pair, by key."""
        with self.database.connect() as connection:
            rows = connection.execute("SELECT * FROM strays ORDER BY key LIMIT ?", (limit,))
            return [StrayKey(*row) for row in rows]

    # ---- the file

    def results_read_at(self) -> float | None:
        """Return when the results were last read completely; None if never."""
        return self._fact(RESULTS_READ)

    def inputs_read_at(self) -> float | None:
        """Return when the inputs were last listed completely; None if never."""
        return self._fact(INPUTS_READ)

    def stray_count(self) -> int:
        """Return how many stray keys there were; the file holds some thousands at most."""
        return int(self._fact(STRAYS) or 0)

    def forget(self, pair_id: str) -> bool:
        """Remove a pair without leaving a byte of it in the file; returns whether it was there.

        The pair's objects must already be gone from the bucket. A refresh in progress, in this
        process or another, notices and does not bring the pair back.

        Raises Busy if another process used the file for ten seconds; then call this again.
        """
        if not self.path.exists():
            return False
        with self.database.connect() as connection:
            try:
                return _forget(self.database, connection, pair_id)
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise Busy(f"another process is writing to {self.path}") from None
                raise

    def _fact(self, name: str) -> float | None:
        with self.database.connect() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return row["value"] if row else None


def _forget(database: Database, connection: sqlite3.Connection, pair_id: str) -> bool:
    with database.transaction(connection):
        removed = sum(
            connection.execute(f"DELETE FROM {table} WHERE pair_id = ?", (pair_id,)).rowcount
            for table in ("results", "decisions", "waiting")
        )
        connection.execute(
            "INSERT INTO facts VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
            (FORGOTTEN,),
        )
    # Deleted data is zeroed in the file, but is still in the write-ahead log.
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise Busy(f"another process is reading {database.path}, so traces of the pair are left")
    return removed > 0
