"""Results and decisions for other engines: JSONL, CSV or Parquet, with a manifest.

Rows are streamed from the local file, so memory use does not depend on their number. An export
contains no pictures and no keys of pictures. The manifest is written last: an export without it was
interrupted.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import click

from liveness.settings import Settings
from liveness_cli.console import ProgressCallback
from liveness_cli.text import format_time

from .index import ResultIndex
from .search import ResultFilter

SCHEMA = "liveness-export/1"
MANIFEST = "manifest.json"
_ROWS_PER_GROUP = 10_000
# Spreadsheets read such a cell as a formula; in some languages, also one with a wide form.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

TEXT, NUMBER, WHOLE, FLAG, TIME = "text", "number", "whole number", "true or false", "time"
# The fields of ResultRow and DecisionRow; `at` is renamed, because it is a keyword in some SQL.
RESULT_COLUMNS = {
    "pair_id": TEXT,
    "published_at": TIME,
    "status": TEXT,
    "reason": TEXT,
    "category": TEXT,
    "similarity": NUMBER,
    "threshold": NUMBER,
    "completed_at": TIME,
    "claimed_at": TIME,
    "answered_at": TIME,
    "attempts": WHOLE,
    "billed_calls": WHOLE,
    "possibly_billed_calls": WHOLE,
    "earlier_calls": WHOLE,
    "submission": WHOLE,
    "submissions": WHOLE,
    "is_package_reused": FLAG,
    "has_frame": FLAG,
    "region": TEXT,
    "version": TEXT,
    "fingerprint": TEXT,
    "result_sha256": TEXT,
    "problem": TEXT,
    "decision": TEXT,
    "decisions": WHOLE,
    "is_disputed": FLAG,
    "judged": TEXT,
}
DECISION_COLUMNS = {
    "pair_id": TEXT,
    "number": WHOLE,
    "decision": TEXT,
    "reason": TEXT,
    "note": TEXT,
    "reviewer": TEXT,
    "decided_at": TIME,
    "fingerprint": TEXT,
    "result_sha256": TEXT,
    "problem": TEXT,
    "is_current": FLAG,
}

Row = dict[str, Any]
WriteRows = Callable[[IO[bytes], dict[str, str], Iterable[Row]], None]


class _Exported(NamedTuple):
    """One file of the export."""

    name: str
    rows: int
    size: int
    sha256: str
    columns: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rows": self.rows,
            "bytes": self.size,
            "sha256": self.sha256,
            "columns": self.columns,
        }


def export(
    index: ResultIndex,
    settings: Settings,
    directory: Path,
    file_format: str,
    selection: ResultFilter,
    created_at: float,
    progress: ProgressCallback,
) -> dict[str, Any]:
    """Write `results`, `decisions` and `manifest.json` into a new directory; return the manifest.

    Raises ClickException if the directory has files already, cannot be written, or if the format
    is parquet and pyarrow is not installed.
    """
    write_rows = _writer(file_format)
    by_status: Counter[str] = Counter()
    total = index.count(selection)

    def results() -> Iterator[Row]:
        for number, row in enumerate(index.results(selection), 1):
            by_status[row.status] += 1
            if number % _ROWS_PER_GROUP == 0 or number == total:
                progress("exporting results", number, total)
            yield {**row._asdict(), "published_at": row.at}

    decisions = (row._asdict() for row in index.decisions_on(selection))
    with _reported_errors(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise click.ClickException(f"{directory} has files already: give a new directory")
        files = [
            _write(directory / f"results.{file_format}", RESULT_COLUMNS, results(), write_rows),
            _write(directory / f"decisions.{file_format}", DECISION_COLUMNS, decisions, write_rows),
        ]
        manifest = {
            "schema": SCHEMA,
            "created": format_time(created_at),
            "results_read": format_time(index.results_read_at()),
            "region": settings.region,
            "bucket": settings.result_bucket,
            "prefix": settings.result_prefix,
            "since": format_time(selection.since),
            "until": format_time(selection.until),
            "statuses": list(selection.statuses),
            "format": file_format,
            "files": [file.to_json() for file in files],
            "results_by_status": dict(by_status.most_common()),
        }
        with _new_file(directory / MANIFEST) as stream:
            stream.write(json.dumps(manifest, indent=2).encode() + b"\n")
    return manifest


def _write(
    path: Path, columns: dict[str, str], rows: Iterable[Row], write_rows: WriteRows
) -> _Exported:
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    with _new_file(path) as stream:
        hashing = _HashingStream(stream)
        write_rows(hashing, columns, counted())  # type: ignore[arg-type]
    return _Exported(path.name, count, hashing.size, hashing.digest.hexdigest(), columns)


class _HashingStream:
    """A binary stream that hashes what is written to it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._stream.write(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._stream.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing: the owner of the file closes it."""


# ---- formats


def _writer(file_format: str) -> WriteRows:
    if file_format == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise click.ClickException(
                "Parquet needs pyarrow: pip install -e '.[tools,parquet]' -c constraints.txt, "
                "or give --format jsonl"
            ) from None
        return _write_parquet
    return {"jsonl": _write_jsonl, "csv": _write_csv}[file_format]


def _write_jsonl(stream: IO[bytes], columns: dict[str, str], rows: Iterable[Row]) -> None:
    """One object a line, in ASCII; times as RFC 3339."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    for row in rows:
        values = {name: _plain(kind, row[name]) for name, kind in columns.items()}
        stream.write(encode(values).encode() + b"\n")


def _write_csv(stream: IO[bytes], columns: dict[str, str], rows: Iterable[Row]) -> None:
    """RFC 4180 in UTF-8; null is empty, and a text that looks like a formula begins with a `'`."""
    text = _Utf8(stream)
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(kind, row[name]) for name, kind in columns.items()])


class _Utf8:
    """A text stream for the csv module, without a buffer of its own."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(text.encode())


def _write_parquet(stream: IO[bytes], columns: dict[str, str], rows: Iterable[Row]) -> None:
    """Row groups of 10,000; times are timestamps in UTC, to the millisecond."""
    import pyarrow
    import pyarrow.parquet

    types = {
        TEXT: pyarrow.string(),
        NUMBER: pyarrow.float64(),
        WHOLE: pyarrow.int64(),
        FLAG: pyarrow.bool_(),
        TIME: pyarrow.timestamp("ms", tz="UTC"),
    }
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    with pyarrow.parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(rows):
            table = {
                name: [
                    round(row[name] * 1000) if kind == TIME and row[name] is not None else row[name]
                    for row in group
                ]
                for name, kind in columns.items()
            }
            writer.write_table(pyarrow.table(table, schema=schema))


def _groups(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == _ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group


def _plain(kind: str, value: Any) -> Any:
    return _rfc3339(value) if kind == TIME and value is not None else value


def _cell(kind: str, value: Any) -> Any:
    if value is None:
        return ""
    if kind == FLAG:
        return "true" if value else "false"
    if kind == TEXT and value.startswith(_FORMULA):
        return "'" + value
    return _plain(kind, value)


def _rfc3339(seconds: float) -> str:
    whole, millis = divmod(round(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"


# ---- files


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Create a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
        yield stream


@contextmanager
def _reported_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{directory}: {error.strerror or error}") from None
