"""`liveness forget`: ask, erase pairs, and report what is gone, left, or out of its reach."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from liveness_review.database import Busy
from liveness_review.session import local_index

from ..console import ProgressCallback
from ..environment import Target, load_target
from ..errors import InvalidUsage
from ..interrupts import Interrupted
from ..terminal import echo
from ..text import format_time, pluralize
from .actions import session, validate_pair_ids
from .erasure import Erasure, PairObjects

_SCHEMA = "liveness-forgotten/4"
# The outcome for a pair.
ERASED, FOUND, ABSENT, INCOMPLETE, NOT_TRIED = (
    "erased", "found", "absent", "incomplete", "not tried",
)  # fmt: skip
_NOT_ERASED = (
    "copies elsewhere: in your next step, in an export, with anyone who read them",
    "the local files of results on other machines, until `liveness forget` runs there, too",
    "the function's log, which contains pair ids until its retention ends",
    "older versions and replicas, if a bucket keeps any",
    "parts of an upload that was never completed",
    "what FaceID itself keeps of a call; it deletes the best frame after two hours",
)
# The name of one object of each kind, and whether to show its key to people.
_KINDS = {
    "inputs": ("input", True),
    "markers": ("marker", False),
    "frame_urls": ("live best-frame URL", False),
    "packages": ("use of a package", False),
    "frames": ("best frame", True),
    "results": ("result object", True),
    "submissions": ("submission", False),
    "ledger": ("ledger object", False),
}
_PLURALS = {"packages": "uses of a package"}
_LABEL_WIDTH = len("submissions") + 2
# Shorter waits need no line.
_SILENT_SECONDS = 5
_KEEPS_APPEARING = (
    "objects of this pair keep appearing: make sure that nothing uploads it, then run this again"
)
_LOCAL_FILE = (
    "another command uses the local file of results, or it cannot be written: run this again, or "
    "delete the file"
)


class _Erased:
    """The outcome for one pair so far."""

    def __init__(self, pair_id: str, found: PairObjects, strays: Sequence[str]) -> None:
        self.pair_id = pair_id
        self.found = found
        self.strays = list(strays)
        self.state = NOT_TRIED
        self.removed: Mapping[str, list[str]] = {kind: [] for kind in found.by_kind}
        self.local_file = "unchanged"
        self.problem = ""

    @property
    def left(self) -> dict[str, list[str]]:
        """The keys that were found and not removed."""
        return {
            kind: [item.key for item in items if item.key not in self.removed[kind]]
            for kind, items in self.found.by_kind.items()
        }

    def to_json(self) -> dict[str, Any]:
        shown = self.left if self.state == FOUND else self.removed
        return {
            "pair_id": self.pair_id,
            "state": self.state,
            "objects": shown,
            "left": self.left if self.state in (INCOMPLETE, NOT_TRIED) else {},
            "strays": self.strays,
            "local_file": self.local_file,
            "problem": self.problem or None,
        }


def read_pair_ids(file: str) -> list[str]:
    """Read pair ids, one a line; `-` is standard input. Raises InvalidUsage."""
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return [line for line in body.decode("utf-8-sig").splitlines() if line]
    except OSError as error:
        raise InvalidUsage(f"--from {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidUsage(f"--from {file} is not UTF-8 text with one pair id a line") from None


def forget_pairs(
    pair_ids: Sequence[str], *, ask: bool, dry_run: bool, receipt: Path | None
) -> dict[str, Any]:
    """Erase pairs one after another; an interruption or error ends this, and is reported.

    Raises click.Abort if the user declines, InvalidUsage.
    """
    target, unique_ids = load_target(), list(dict.fromkeys(pair_ids))
    validate_pair_ids(target, unique_ids)
    with _receipt(receipt) as write_receipt:
        with session() as update:
            pairs = []
            for pair_id in unique_ids:
                erasure = Erasure(target, pair_id, update, dry_run=True)
                found = erasure.find()
                pairs.append(_Erased(pair_id, found, erasure.strays))
                update("finding pairs", len(pairs), len(unique_ids))
        if not dry_run and ask and any(pair.found.all for pair in pairs):
            _confirm(pairs)
        error, status = _erase(target, pairs, dry_run=dry_run)
        value = {
            "schema": _SCHEMA,
            "at": format_time(target.store.now()),
            "bucket": target.settings.bucket,
            "dry_run": dry_run,
            "complete": not error and all(pair.state in (ERASED, ABSENT) for pair in pairs),
            "error": error,
            "exit_status": status or _status(pairs),
            "pairs": [pair.to_json() for pair in pairs],
            "not_erased": list(_NOT_ERASED),
        }
        write_receipt(value)
    return value


def _erase(target: Target, pairs: Sequence[_Erased], *, dry_run: bool) -> tuple[str | None, int]:
    """Erase each pair; returns what ended this early, and the exit status."""
    for pair in pairs:
        if dry_run:
            pair.state = FOUND if pair.found.all else ABSENT
            continue
        try:
            with session() as update:
                erasure = Erasure(target, pair.pair_id, _with_lines(update), dry_run=False)
                pair.removed, pair.state = erasure.removed, INCOMPLETE
                is_gone = erasure.run(pair.found)
                # Last, so that no refresh that is in progress can bring the pair back.
                pair.local_file = _forget_locally(target, pair.pair_id)
        except (Interrupted, click.ClickException) as error:
            pair.problem = error.message
            return error.message, error.exit_code
        if not is_gone or pair.local_file == "failed":
            pair.problem = _LOCAL_FILE if is_gone else _KEEPS_APPEARING
        else:
            pair.state = ERASED if any(pair.removed.values()) else ABSENT
    return None, 0


def _status(pairs: Sequence[_Erased]) -> int:
    if any(pair.state == INCOMPLETE for pair in pairs):
        return 1
    return 3 if any(pair.state == ABSENT for pair in pairs) else 0


def print_forgotten(value: Mapping[str, Any]) -> None:
    for pair in value["pairs"]:
        _print_pair(pair)
    if not value["complete"] and not value["dry_run"]:
        open_ids = [p["pair_id"] for p in value["pairs"] if p["state"] in (INCOMPLETE, NOT_TRIED)]
        lead = "INTERRUPTED" if value["exit_status"] == 130 else "NOT COMPLETE"
        echo(f"{lead}: {pluralize(len(open_ids), 'pair')} of {len(value['pairs'])} to be repeated.")
        echo("Run this command again two minutes from now; what is gone stays gone.\n")
    echo("Not erased")
    for place in value["not_erased"]:
        echo(f"  {place}")


def _print_pair(pair: Mapping[str, Any]) -> None:
    if pair["state"] == NOT_TRIED:
        echo(f"Pair {pair['pair_id']}: NOT TRIED, nothing was removed\n")
        return
    if pair["state"] == ABSENT:
        echo(
            f"Pair {pair['pair_id']}: NOTHING FOUND under this id, so nothing was removed; check "
            "the id, and the settings of bucket and prefixes"
        )
    else:
        verb = "would be removed" if pair["state"] == FOUND else "removed"
        count = pluralize(sum(map(len, pair["objects"].values())), "object")
        echo(f"Pair {pair['pair_id']}: {count} {verb}")
        _print_keys(pair["objects"])
    if pair["strays"]:
        echo("  No inputs, so they stay; delete them yourself if they are of this person:")
        for key in pair["strays"]:
            echo(f"  {'':<{_LABEL_WIDTH}}{key}")
    if pair["local_file"] == "removed":
        echo(f"  {'locally':<{_LABEL_WIDTH}}what this machine had read of its result")
    if pair["state"] == INCOMPLETE:
        left = pluralize(sum(map(len, pair["left"].values())), "object")
        echo(f"  NOT COMPLETE, {left} left: {pair['problem']}")
        _print_keys(pair["left"])
    echo("")


def _print_keys(objects: Mapping[str, Sequence[str]]) -> None:
    for kind, keys in objects.items():
        singular, shows_keys = _KINDS[kind]
        summary = [f"{pluralize(len(keys), singular, _PLURALS.get(kind))}, see --json"]
        for index, text in enumerate(keys if shows_keys or not keys else summary):
            echo(f"  {'' if index else kind:<{_LABEL_WIDTH}}{text}")


@contextmanager
def _receipt(path: Path | None) -> Iterator[Any]:
    """Yield a function that writes the receipt; the file is opened before anything is deleted.

    Raises InvalidUsage if the file exists or cannot be written.
    """
    if path is None:
        yield lambda value: None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidUsage(f"--receipt {path}: {error.strerror}") from None
    written = False

    def write(value: Mapping[str, Any]) -> None:
        nonlocal written
        file.write(json.dumps(value, indent=2) + "\n")
        written = True

    try:
        with open(descriptor, "w", encoding="ascii") as file:
            yield write
    finally:
        if not written:
            path.unlink()


def _with_lines(update: ProgressCallback) -> ProgressCallback:
    """Also print a line about a wait: without a terminal the progress bars are not shown."""
    if sys.stderr.isatty():
        return update

    def with_lines(activity: str, done: int, total: int | None) -> None:
        if activity == "waiting" and done == 0 and total and total > _SILENT_SECONDS:
            echo(f"Waiting {total} s: an invocation may still be processing the pair", err=True)
        update(activity, done, total)

    return with_lines


def _forget_locally(target: Target, pair_id: str) -> str:
    """Remove the pair from this machine's local file of results."""
    try:
        return "removed" if local_index(target).forget(pair_id) else "absent"
    except (Busy, sqlite3.Error):
        return "failed"


def _confirm(pairs: Sequence[_Erased]) -> None:
    for pair in pairs:
        counts = [
            pluralize(len(items), _KINDS[kind][0], _PLURALS.get(kind))
            for kind, items in pair.found.by_kind.items()
            if items
        ]
        echo(f"{pair.pair_id}: {', '.join(counts) or 'nothing found'}", err=True)
    click.confirm("Delete permanently?", abort=True, err=True)
