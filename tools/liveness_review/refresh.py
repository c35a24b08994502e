"""Bring the local file up to date: list the bucket, and read new and changed objects.

An object is read again if the listing shows another ETag than the reply from which it was read.
A refresh may be interrupted at any time: what was read so far stays, and the next run continues.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from typing import NamedTuple

from liveness.errors import ObjectUnreadableError, UnreadableReplyError
from liveness.keys import pair_of_result, result_key
from liveness.settings import Settings
from liveness.store import ListedObject, RetryingStore
from liveness_cli.console import ProgressCallback, ignore_progress

from .database import RESULTS_READ, Database
from .documents import (
    MAX_DOCUMENT_BYTES,
    read_decision,
    read_result,
    unreadable_decision,
    unreadable_result,
)
from .index import ResultIndex
from .rows import DecisionRow, RefreshSummary, ResultRow, judgement_of

CONCURRENT_REQUESTS = 16
# Concurrent listings, each of its own range of keys.
_LISTINGS = 4
# Fewer keys are listed one page after the other.
_MIN_KEYS_PER_LISTING = 5000
# Objects that are read and stored together.
_BATCH = 512
_REVIEW_NAME = re.compile(r"(?s)(.+)/review-([1-9][0-9]{0,8})\.json", re.ASCII)
_RESULT = 0  # in place of a decision's number


class _Document(NamedTuple):
    """An object to be read: a result, or a decision by its number."""

    pair_id: str
    number: int
    etag: str
    """As the listing shows it."""
    written_at: float


class _Read(NamedTuple):
    """The result of reading it; `row` is None if it is gone."""

    document: _Document
    etag: str
    row: ResultRow | DecisionRow | None


def refresh(
    index: ResultIndex,
    settings: Settings,
    store: RetryingStore,
    progress: ProgressCallback = ignore_progress,
) -> RefreshSummary:
    """Read new and changed objects, the newest first, and drop those that are gone.

    Raises Busy if another process is refreshing, and LivenessError if the bucket cannot be read;
    what was read until then stays.
    """
    with index.database.refreshing(), index.database.connect() as connection:
        return _Refresh(index.database, connection, settings, store, progress).run()


class _Refresh:
    """One refresh; holds the lock on the file."""

    def __init__(
        self,
        database: Database,
        connection: sqlite3.Connection,
        settings: Settings,
        store: RetryingStore,
        progress: ProgressCallback,
    ) -> None:
        self._database = database
        self._connection = connection
        self._settings = settings
        self._store = store
        self._progress = progress
        self._stopped = threading.Event()

    def run(self) -> RefreshSummary:
        began = self._store.now()
        listed = self._list_all()
        changed = self._changed()
        self._read_all(changed)
        removed = self._remove_gone()
        with self._database.transaction(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)", (RESULTS_READ, began)
            )
        return RefreshSummary(listed, len(changed), removed, self._count_unreadable())

    # ---- list

    def _list_all(self) -> int:
        """List all results and decisions into a table that exists for this connection alone."""
        self._connection.execute(
            "CREATE TEMP TABLE seen (pair_id TEXT, number INTEGER, etag TEXT, written_at REAL,"
            " PRIMARY KEY (pair_id, number)) WITHOUT ROWID"
        )
        count = 0
        with closing(self._pages()) as pages:
            for items in pages:
                documents = [(parse_key(self._settings, item.key), item) for item in items]
                rows = [(*key, item.etag, item.last_modified) for key, item in documents if key]
                self._connection.executemany(
                    "INSERT OR REPLACE INTO temp.seen VALUES (?, ?, ?, ?)", rows
                )
                count += len(rows)
                self._progress("listing results", count, None)
        return count

    def _pages(self) -> Generator[Sequence[ListedObject], None, None]:
        """Yield all pages, of several ranges of keys at a time; raises the first error."""
        pages: SimpleQueue[Sequence[ListedObject] | None] = SimpleQueue()
        bounds = ["", *self._bounds(), None]

        def list_range(after: str | None, last: str | None) -> None:
            try:
                self._list_range(after or "", last, pages)
            finally:
                pages.put(None)

        with ThreadPoolExecutor(_LISTINGS) as pool:
            try:
                ranges = [
                    pool.submit(list_range, after, last)
                    for after, last in itertools.pairwise(bounds)
                ]
                remaining = len(ranges)
                while remaining:
                    items = pages.get()
                    if items is None:
                        remaining -= 1
                    else:
                        yield items
                for each in ranges:
                    each.result()
            finally:
                self._stopped.set()
        self._stopped.clear()

    def _list_range(
        self, after: str, last: str | None, pages: SimpleQueue[Sequence[ListedObject] | None]
    ) -> None:
        """List the keys after `after`, up to `last`."""
        settings = self._settings
        while not self._stopped.is_set():
            page = self._store.list(settings.result_bucket, settings.result_prefix, after)
            pages.put([item for item in page.items if last is None or item.key <= last])
            if page.next_marker is None or (last is not None and page.next_marker >= last):
                return
            after = page.next_marker

    def _bounds(self) -> list[str]:
        """Return keys that divide the results known so far into parts of about the same size."""
        total = self._connection.execute("SELECT count(*) FROM results").fetchone()[0]
        parts = min(_LISTINGS, total // _MIN_KEYS_PER_LISTING)
        pair_ids = [
            self._connection.execute(
                "SELECT pair_id FROM results ORDER BY pair_id LIMIT 1 OFFSET ?",
                (total * part // parts,),
            ).fetchone()[0]
            for part in range(1, parts)
        ]
        return sorted(result_key(self._settings, pair_id) for pair_id in pair_ids)

    # ---- read

    def _changed(self) -> list[_Document]:
        rows = self._connection.execute(
            "SELECT s.pair_id, s.number, s.etag, s.written_at FROM seen s"
            " LEFT JOIN results r ON s.number = 0 AND r.pair_id = s.pair_id"
            " LEFT JOIN decisions d ON d.pair_id = s.pair_id AND d.number = s.number"
            " WHERE coalesce(r.etag, d.etag) IS NOT s.etag ORDER BY s.written_at DESC"
        )
        return [_Document(*row) for row in rows]

    def _read_all(self, documents: Sequence[_Document]) -> None:
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            try:
                for offset in range(0, len(documents), _BATCH):
                    batch = documents[offset : offset + _BATCH]
                    self._progress("reading results", offset, len(documents))
                    # A pair that was forgotten meanwhile must not come back: read again.
                    while not self._write(
                        self._database.forgotten(self._connection),
                        list(pool.map(self._read, batch)),
                    ):
                        pass
                self._progress("reading results", len(documents), len(documents))
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _read(self, document: _Document) -> _Read:
        settings = self._settings
        if self._stopped.is_set():
            return _Read(document, "", None)
        key = key_of(settings, document.pair_id, document.number)
        try:
            stored = self._store.get(settings.result_bucket, key, MAX_DOCUMENT_BYTES + 1)
        except ObjectUnreadableError as error:
            problem = f"COS does not give it out: {error.reason}"
            return _Read(document, document.etag, _unreadable(document, problem))
        except UnreadableReplyError:
            # Its writer may have given it more metadata than can be read as headers.
            problem = "its metadata cannot be read"
            return _Read(document, document.etag, _unreadable(document, problem))
        if stored is None:
            return _Read(document, "", None)
        head, body = stored
        row: ResultRow | DecisionRow
        if document.number == _RESULT:
            row = read_result(document.pair_id, body, head.metadata, head.last_modified)
        else:
            row = read_decision(document.pair_id, document.number, body, head.last_modified)
        return _Read(document, head.etag, row)

    # ---- write

    def _write(self, forgotten: float, batch: Sequence[_Read]) -> bool:
        """Write a batch; returns False, and writes nothing, if a pair was forgotten meanwhile."""
        with self._database.transaction(self._connection):
            if self._database.forgotten(self._connection) != forgotten:
                return False
            for read in batch:
                self._write_one(read)
            self._summarize({read.document.pair_id for read in batch})
        return True

    def _write_one(self, read: _Read) -> None:
        document, row = read.document, read.row
        if isinstance(row, ResultRow):
            _insert(self._connection, "results", {"etag": read.etag, **row._asdict()})
        elif isinstance(row, DecisionRow):
            fields = row._asdict()
            del fields["is_current"]
            _insert(self._connection, "decisions", {"etag": read.etag, **fields})
        else:
            self._connection.execute(
                "DELETE FROM seen WHERE pair_id = ? AND number = ?",
                (document.pair_id, document.number),
            )

    def _remove_gone(self) -> int:
        """Remove rows that the listing, which is complete, does not contain."""
        connection, removed, touched = self._connection, 0, set()
        with self._database.transaction(connection):
            for table, number in (("results", str(_RESULT)), ("decisions", "t.number")):
                gone = (
                    f"FROM {table} AS t WHERE NOT EXISTS (SELECT 1 FROM seen s"
                    f" WHERE s.pair_id = t.pair_id AND s.number = {number})"
                )
                touched |= {row[0] for row in connection.execute(f"SELECT t.pair_id {gone}")}
                removed += connection.execute(f"DELETE {gone}").rowcount
            self._summarize(touched)
        return removed

    def _summarize(self, pair_ids: Iterable[str]) -> None:
        """Update the summaries of decisions in their results."""
        for pair_id in pair_ids:
            current = self._connection.execute(
                "SELECT d.decision, d.reason FROM decisions d JOIN results r"
                " ON r.pair_id = d.pair_id AND r.fingerprint = d.fingerprint"
                " WHERE d.pair_id = ? AND d.problem = '' ORDER BY d.number",
                (pair_id,),
            ).fetchall()
            self._connection.execute(
                "UPDATE results SET decision = ?, decisions = ?, is_disputed = ?, judged = ?"
                " WHERE pair_id = ? AND (decisions != 0 OR ? != 0)",
                (
                    current[-1]["decision"] if current else "",
                    len(current),
                    len({row["decision"] for row in current}) > 1,
                    judgement_of([row["reason"] for row in current]),
                    pair_id,
                    len(current),
                ),
            )

    def _count_unreadable(self) -> int:
        return sum(
            self._connection.execute(
                f"SELECT count(*) FROM {table} WHERE problem != ''"
            ).fetchone()[0]
            for table in ("results", "decisions")
        )


def parse_key(settings: Settings, key: str) -> tuple[str, int] | None:
    """Return the pair id and 0 of a result, or the number of a decision; None for other keys."""
    if (pair_id := pair_of_result(settings, key)) is not None:
        return pair_id, _RESULT
    match = _REVIEW_NAME.fullmatch(key[len(settings.result_prefix) :])
    return (match[1], int(match[2])) if match else None


def key_of(settings: Settings, pair_id: str, number: int) -> str:
    """Return the key of a result, or of the decision with this number."""
    if number == _RESULT:
        return result_key(settings, pair_id)
    return f"{settings.result_prefix}{pair_id}/review-{number}.json"


def _unreadable(document: _Document, problem: str) -> ResultRow | DecisionRow:
    if document.number == _RESULT:
        return unreadable_result(document.pair_id, document.written_at, problem)
    return unreadable_decision(document.pair_id, document.number, document.written_at, problem)


def _insert(connection: sqlite3.Connection, table: str, fields: dict[str, object]) -> None:
    columns, places = ", ".join(fields), ", ".join("?" * len(fields))
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({places})", tuple(fields.values())
    )
