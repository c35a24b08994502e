"""What the operator's commands do, up to the value that is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from liveness.errors import LivenessError, PairsNotFinishedError
from liveness.handler import Function
from liveness.keys import pair_id_problem
from liveness.logs import Log
from liveness.reconcile import reconcile
from liveness.walk import Walk

from ..console import ProgressCallback, ignore_progress, progress
from ..environment import Target, invocation_context, load_target
from ..errors import InvalidUsage
from ..interrupts import interruptible
from ..text import pluralize, printable, redact
from .attempts import ledger_of
from .explain import explanation_of
from .outlook import Outlook, outlook_of
from .reader import Reader
from .status import status_of

_RETRIED_SCHEMA = "liveness-retried/2"
_RECONCILED_SCHEMA = "liveness-reconciled/2"


def bucket_status(limit: int | None) -> dict[str, Any]:
    target = load_target()
    with session() as update:
        return status_of(Reader(target, update).read_bucket(limit))


def explain_pair(pair_id: str) -> dict[str, Any]:
    target = load_target()
    validate_pair_ids(target, [pair_id])
    with session() as update:
        return explanation_of(Reader(target, update).read_pair(pair_id))


def retry_pairs(pair_ids: Sequence[str], *, ask: bool, log: bool) -> dict[str, Any]:
    """Walk each pair once, with one more attempt if it failed.

    Raises click.Abort if the user declines.
    """
    target, unique_ids = load_target(), list(dict.fromkeys(pair_ids))
    validate_pair_ids(target, unique_ids)
    outlooks: dict[str, Outlook] = {}
    with session() as update:
        for pair_id in unique_ids:
            snapshot = Reader(target, ignore_progress).read_pair(pair_id)
            outlooks[pair_id] = outlook_of(snapshot, ledger_of(snapshot))
            update("checking pairs", len(outlooks), len(unique_ids))
    if ask and any(outlook.max_calls for outlook in outlooks.values()):
        _confirm(outlooks)
    pairs: list[dict[str, Any]] = []
    with session() as update:
        for pair_id, outlook in outlooks.items():
            result = _retry(target, pair_id, log)
            pairs.append({"pair_id": pair_id, "before": outlook.state, **result})
            update("retrying", len(pairs), len(outlooks))
    return {"schema": _RETRIED_SCHEMA, "pairs": pairs}


def reconcile_pairs(prefix: str, *, dry_run: bool) -> dict[str, Any]:
    """Reconcile as the function does, but without its time limit."""
    target = load_target()
    ctx, log = target.context(dry_run=dry_run), Log(lambda line: None, {})
    checked: list[str] = []
    unfinished: set[str] = set()
    with session() as update:

        def needs_work(pair_id: str) -> bool:
            needs = Walk(ctx, pair_id, log).needs_work()
            checked.append(pair_id)
            if needs:
                unfinished.add(pair_id)
            update("checking pairs", len(checked), None)
            return needs

        update("checking pairs", 0, None)
        run = reconcile(ctx, log, prefix, needs_work)
    return {
        "schema": _RECONCILED_SCHEMA,
        "dry_run": dry_run,
        "prefix": prefix,
        "complete": run.complete,
        "keys": run.keys,
        "checked": run.checked,
        "parked": run.parked,
        "pairs": sorted(unfinished),
    }


@contextmanager
def session() -> Iterator[ProgressCallback]:
    """Show progress, and turn the function's own errors into those of the command line."""
    with interruptible(), progress() as update:
        try:
            yield update
        except LivenessError as error:
            raise click.ClickException(f"{type(error).__name__}: {error}") from None


def validate_pair_ids(target: Target, pair_ids: Sequence[str]) -> None:
    """Raise InvalidUsage for the first invalid pair id."""
    for pair_id in pair_ids:
        if problem := pair_id_problem(target.settings, pair_id):
            raise InvalidUsage(f"{pair_id!a} {problem}")


def _confirm(outlooks: Mapping[str, Outlook]) -> None:
    for pair_id, outlook in outlooks.items():
        calls = pluralize(outlook.max_calls, "call")
        click.echo(printable(f"{pair_id} ({outlook.state}): at most {calls}"), err=True)
    calls = pluralize(sum(outlook.max_calls for outlook in outlooks.values()), "call")
    click.confirm(f"Up to {calls} may be billed. Continue?", abort=True, err=True)


def _retry(target: Target, pair_id: str, log: bool) -> dict[str, Any]:
    """Run one invocation per pair, so that each has all the time that a call may need."""

    def write(line: str) -> None:
        if log:
            click.echo(line.encode("utf-8", "replace").decode(), err=True, nl=False)

    function = Function(environ=target.environ, write=write)
    try:
        (pair,) = function({"retry": [pair_id]}, invocation_context())["pairs"]
    except PairsNotFinishedError as error:
        return _retried("error", reason=redact(error.failures.get(pair_id)))
    except LivenessError as error:
        return _retried("error", reason=f"{type(error).__name__}: {error}")
    return _retried(pair["state"], pair.get("status"), pair.get("detail"))


def _retried(state: str, status: str | None = None, reason: str | None = None) -> dict[str, Any]:
    return {"state": state, "status": status, "reason": reason}
