"""The local SQLite file: where it is, who may read it, and its tables.

It contains no pictures and only data that is also in the bucket, so it may be deleted at any time,
even while a command runs: the next one reads everything again. Only its owner can read it. Deleted
data is overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from liveness.settings import Settings

# Changes whenever the tables do: a file with another version is recreated.
_VERSION = 2
BUSY_SECONDS = 10.0
_TABLES = """
CREATE TABLE results (
    pair_id TEXT PRIMARY KEY,
    etag TEXT NOT NULL,
    at REAL NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    category TEXT NOT NULL,
    similarity REAL,
    threshold REAL,
    completed_at REAL,
    claimed_at REAL,
    answered_at REAL,
    attempts INTEGER NOT NULL,
    billed_calls INTEGER NOT NULL,
    possibly_billed_calls INTEGER NOT NULL,
    earlier_calls INTEGER NOT NULL,
    submission INTEGER,
    submissions INTEGER,
    is_package_reused INTEGER,
    has_frame INTEGER NOT NULL,
    region TEXT NOT NULL,
    version TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    result_sha256 TEXT NOT NULL,
    problem TEXT NOT NULL,
    decision TEXT NOT NULL DEFAULT '',
    decisions INTEGER NOT NULL DEFAULT 0,
    is_disputed INTEGER NOT NULL DEFAULT 0,
    judged TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX results_by_time ON results (at, pair_id);
CREATE INDEX results_by_status ON results (status, at, pair_id);
CREATE INDEX results_decided ON results (at, pair_id) WHERE decisions > 0;
CREATE INDEX results_figures ON results (at, status, reason, completed_at, billed_calls,
    possibly_billed_calls, decisions, decision, is_disputed);
CREATE TABLE decisions (
    pair_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    etag TEXT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    decided_at REAL NOT NULL,
    fingerprint TEXT NOT NULL,
    result_sha256 TEXT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (pair_id, number)
) WITHOUT ROWID;
CREATE TABLE waiting (
    pair_id TEXT PRIMARY KEY,
    missing TEXT NOT NULL,
    since REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE strays (
    key TEXT PRIMARY KEY,
    written_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
"""
# Facts: when the results and the inputs were last read, how many stray keys there are in all, and
# how many pairs have been forgotten, which a refresh in progress must notice.
RESULTS_READ, INPUTS_READ, STRAYS, FORGOTTEN = "results_read", "inputs_read", "strays", "forgotten"


class Busy(Exception):
    """Another process is writing to the local file."""


class Database:
    """The file of one installation. Usable from several threads and processes."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self._busy_seconds = busy_seconds

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """Open the file, and recreate it if it is missing, damaged or of another version."""
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Write several rows or none."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def forgotten(self, connection: sqlite3.Connection) -> float:
        """Return how many pairs have been forgotten; see `index.ResultIndex.forget`."""
        row = connection.execute("SELECT value FROM facts WHERE name = ?", (FORGOTTEN,)).fetchone()
        return float(row[0]) if row else 0.0

    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """Hold the lock for reading the bucket into this file. Raises Busy.

        The lock is a transaction on a file of its own, which ends with the process.
        """
        lock = sqlite3.connect(_create(self.path.with_suffix(".lock")), timeout=0)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Busy(f"another process is reading the results into {self.path}") from None
            raise
        finally:
            lock.close()

    def _open(self) -> sqlite3.Connection:
        for is_second_try in (False, True):
            connection = sqlite3.connect(
                _create(self.path), timeout=self._busy_seconds, isolation_level=None
            )
            try:
                _prepare(connection)
            except sqlite3.DatabaseError as error:
                connection.close()
                if isinstance(error, sqlite3.OperationalError) or is_second_try:
                    raise
            else:
                return connection
            self.delete()
        raise AssertionError("unreachable")

    def delete(self) -> None:
        """Delete the file and the files that SQLite keeps beside it."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def path_of(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Return the path of this installation's file, in the user's cache directory.

    `$XDG_CACHE_HOME/liveness`, which is `~/.cache/liveness` by default.
    """
    cache = environ.get("XDG_CACHE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(cache) if os.path.isabs(cache) else Path.home() / ".cache"
    place = "\n".join((settings.region, settings.result_bucket, settings.result_prefix))
    digest = hashlib.sha256(place.encode()).hexdigest()[:16]
    return base / "liveness" / f"{settings.result_bucket}-{digest}.sqlite3"


def _create(path: Path) -> Path:
    """Create a file that only its owner can read, in such a directory, or restrict existing ones.

    Raises sqlite3.OperationalError, as SQLite does itself for a file that it cannot open.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise sqlite3.OperationalError(error.strerror or str(error)) from None
    return path


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    if connection.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall():
                connection.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
