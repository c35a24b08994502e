"""`liveness forget`: asks, erases one pair, and tells what was removed and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..report import say
from .erasure import Erasure, Found
from .reach import reach
from .wording import number, visible
from .work import at_work, check

_SCHEMA = "liveness-forgotten/1"
_NOT_REACHED = (
    "what was copied elsewhere: by your next step, by an export, by whoever read it",
    "the function's log, which holds pair ids until its retention ends",
    "older versions and replicas, where a bucket keeps any",
    "parts of an upload that was never completed",
    "what FaceID itself keeps of a call; the best frame there is gone after two hours",
)
# How one of each kind is called, and whether people are shown its key.
_KINDS = {
    "inputs": ("input", True),
    "markers": ("marker", False),
    "results": ("result object", True),
    "ledger": ("ledger object", False),
}
_LABEL_WIDTH = len("markers") + 2


def forget_one(pair_id: str, *, ask: bool, dry_run: bool) -> dict[str, Any]:
    """Raises click.Abort where the answer is no."""
    at = reach()
    check(at, [pair_id])
    with at_work() as tell:
        found = Erasure(at, pair_id, tell, dry_run=True).find()
    objects = {kind: [item.key for item in items] for kind, items in found._asdict().items()}
    complete = True
    if not dry_run and found.everything:
        if ask:
            _confirm(pair_id, found)
        with at_work() as tell:
            erasure = Erasure(at, pair_id, tell, dry_run=False)
            complete = erasure.run(found)
            objects = erasure.removed
    return {
        "schema": _SCHEMA,
        "pair_id": pair_id,
        "dry_run": dry_run,
        "complete": complete,
        "objects": objects,
        "not_reached": list(_NOT_REACHED),
    }


def print_forgotten(value: Mapping[str, Any]) -> None:
    objects = value["objects"]
    count = number(sum(map(len, objects.values())), "object")
    done = "would be removed" if value["dry_run"] else "removed"
    say(visible(f"Pair {value['pair_id']}: {count} {done}"))
    for kind, keys in objects.items():
        singular, keys_shown = _KINDS[kind]
        told = keys if keys_shown or not keys else [f"{number(len(keys), singular)}, see --json"]
        for index, text in enumerate(told):
            say(visible(f"  {'' if index else kind:<{_LABEL_WIDTH}}{text}"))
    if not value["complete"]:
        say(
            "\nNOT COMPLETE: something of this pair is written again and again. See that nobody "
            "uploads it,\nthen run this again."
        )
    say("\nNot reached")
    for place in value["not_reached"]:
        say(f"  {place}")


def _confirm(pair_id: str, found: Found) -> None:
    told = [number(len(items), _KINDS[kind][0]) for kind, items in found._asdict().items() if items]
    click.echo(visible(f"{pair_id}: {', '.join(told)}"), err=True)
    click.confirm("Remove all of it for good?", abort=True, err=True)
