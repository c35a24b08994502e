"""`liveness forget`: ask, erase one pair, and report what was erased and what cannot be."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import click

from liveness_review.database import Busy
from liveness_review.session import local_index

from ..environment import Target, load_target
from ..terminal import echo
from ..text import pluralize
from .actions import session, validate_pair_ids
from .erasure import Erasure, PairObjects

_SCHEMA = "liveness-forgotten/4"
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


def forget_pair(pair_id: str, *, ask: bool, dry_run: bool) -> dict[str, Any]:
    """Erase a pair. Raises click.Abort if the user declines."""
    target = load_target()
    validate_pair_ids(target, [pair_id])
    with session() as update:
        objects = Erasure(target, pair_id, update, dry_run=True).find()
    keys = {kind: [item.key for item in items] for kind, items in objects.by_kind.items()}
    complete = True
    if not dry_run and objects.all:
        if ask:
            _confirm(pair_id, objects)
        with session() as update:
            erasure = Erasure(target, pair_id, update, dry_run=False)
            complete = erasure.run(objects)
            keys = erasure.removed
    # Last, so that no reading of the bucket that is under way can bring the pair back.
    local_file = "unchanged" if dry_run else _forget_locally(target, pair_id)
    return {
        "schema": _SCHEMA,
        "pair_id": pair_id,
        "dry_run": dry_run,
        "complete": complete and local_file != "failed",
        "objects": keys,
        "local_file": local_file,
        "not_erased": list(_NOT_ERASED),
    }


def print_forgotten(value: Mapping[str, Any]) -> None:
    objects = value["objects"]
    count = pluralize(sum(map(len, objects.values())), "object")
    verb = "would be removed" if value["dry_run"] else "removed"
    echo(f"Pair {value['pair_id']}: {count} {verb}")
    for kind, keys in objects.items():
        singular, shows_keys = _KINDS[kind]
        summary = [f"{pluralize(len(keys), singular, _PLURALS.get(kind))}, see --json"]
        for index, text in enumerate(keys if shows_keys or not keys else summary):
            echo(f"  {'' if index else kind:<{_LABEL_WIDTH}}{text}")
    if value["local_file"] == "removed":
        echo(f"  {'locally':<{_LABEL_WIDTH}}what this machine had read of its result")
    if value["local_file"] == "failed":
        echo(
            "\nNOT COMPLETE: another command uses the local file of results, or it cannot be "
            "written.\nRun this command again, or delete the file."
        )
    elif not value["complete"]:
        echo(
            "\nNOT COMPLETE: objects of this pair keep appearing. Make sure that nothing uploads "
            "it,\nthen run this command again."
        )
    echo("\nNot erased")
    for place in value["not_erased"]:
        echo(f"  {place}")


def _forget_locally(target: Target, pair_id: str) -> str:
    """Remove the pair from the file in which this machine keeps what it read of results."""
    try:
        return "removed" if local_index(target).forget(pair_id) else "absent"
    except (Busy, sqlite3.Error):
        return "failed"


def _confirm(pair_id: str, objects: PairObjects) -> None:
    counts = [
        pluralize(len(items), _KINDS[kind][0], _PLURALS.get(kind))
        for kind, items in objects.by_kind.items()
        if items
    ]
    echo(f"{pair_id}: {', '.join(counts)}", err=True)
    click.confirm("Delete permanently?", abort=True, err=True)
