"""What the operator's commands do, up to the value that is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from liveness.errors import LivenessError
from liveness.keys import pair_id_problem
from liveness.logs import Log
from liveness.reconcile import reconcile
from liveness.walk import Walk

from ..account.errors import AccountError
from ..account.function import DeployedFunction
from ..console import ProgressCallback, ignore_progress, progress
from ..environment import Target, load_target
from ..errors import InvalidUsage, reason_of_error
from ..interrupts import interruptible
from ..terminal import echo
from ..text import pluralize
from .attempts import ledger_of
from .explain import explanation_of
from .outlook import Outlook, outlook_of
from .reader import Reader
from .remote import find_function, invoke, reason_of
from .sentences import render
from .status import status_of

_RETRIED_SCHEMA = "liveness-retried/2"
_UNKNOWN = "there is no such pair: no input, no result and no ledger entry has this id"
_RECONCILED_SCHEMA = "liveness-reconciled/3"


def bucket_status(limit: int | None, waiting_minutes: int | None) -> dict[str, Any]:
    """Make the value of `status`; `waiting_minutes` adds the pairs that have waited for so long."""
    target = load_target()
    with session() as update:
        snapshot = Reader(target, update).read_bucket(limit, waiting_minutes is not None)
        return status_of(snapshot, waiting_minutes or 0)


def explain_pair(pair_id: str) -> dict[str, Any]:
    target = load_target()
    validate_pair_ids(target, [pair_id])
    with session() as update:
        return explanation_of(Reader(target, update).read_pair(pair_id))


def retry_pairs(
    pair_ids: Sequence[str], *, ask: bool, log: bool, function_name: str
) -> dict[str, Any]:
    """Make the function walk each pair once, with one more attempt if it failed.

    Raises click.Abort if the user declines.
    """
    target, unique_ids = load_target(), list(dict.fromkeys(pair_ids))
    validate_pair_ids(target, unique_ids)
    function = find_function(target, function_name)
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
            if outlook.state == "unknown":
                result = _retried("error", reason=_UNKNOWN)
            else:
                result = _retry(function, pair_id, log)
            if result["reason"] is None and result["status"] == outlook.state != "failed":
                result["reason"] = render(outlook.action)  # there was nothing to retry
            pairs.append({"pair_id": pair_id, "before": outlook.state, **result})
            update("retrying", len(pairs), len(outlooks))
    return {"schema": _RETRIED_SCHEMA, "pairs": pairs}


def unfinished_pairs(prefix: str) -> dict[str, Any]:
    """Reconcile as the function does, but only to find what it would park."""
    target = load_target()
    ctx, log = target.context(dry_run=True), Log(lambda line: None, {})
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
    return _reconciled(prefix, run.to_summary(), sorted(unfinished))


def reconcile_pairs(prefix: str, *, function_name: str) -> dict[str, Any]:
    """Make the function reconcile; without a prefix, until it has finished its pass.

    Raises ClickException.
    """
    target = load_target()
    function = find_function(target, function_name)
    total = {"keys": 0, "checked": 0, "parked": 0}
    with session() as update:
        while True:
            update("checking pairs", total["checked"], None)
            run = _reconcile(function, prefix)
            total = {name: count + int(run[name]) for name, count in total.items()}
            # With a prefix, or if it made no progress, another run would start from the beginning.
            if run["complete"] or prefix or not run["keys"]:
                return _reconciled(prefix, {**total, "complete": run["complete"]}, None)


def _reconcile(function: DeployedFunction, prefix: str) -> Mapping[str, Any]:
    try:
        invoked = invoke(function, {"reconcile": {"prefix": prefix}}, log=False)
    except AccountError as error:
        raise click.ClickException(str(error)) from None
    if invoked.error is not None:
        raise click.ClickException(f"the function failed: {reason_of(invoked)}")
    try:
        summary = invoked.returned["reconcile"]
        return {name: summary[name] for name in ("complete", "keys", "checked", "parked")}
    except (KeyError, TypeError):
        raise click.ClickException(
            "the function returned no summary: is another version deployed?"
        ) from None


def _reconciled(
    prefix: str, summary: Mapping[str, Any], pairs: Sequence[str] | None
) -> dict[str, Any]:
    """Make the value; `pairs` are known only in a dry run, which does not park them."""
    return {
        "schema": _RECONCILED_SCHEMA,
        "dry_run": pairs is not None,
        "prefix": prefix,
        "complete": summary["complete"],
        "keys": summary["keys"],
        "checked": summary["checked"],
        "parked": summary["parked"],
        "pairs": pairs,
    }


@contextmanager
def session() -> Iterator[ProgressCallback]:
    """Show progress, and turn the function's own errors into those of the command line."""
    with interruptible(), progress() as update:
        try:
            yield update
        except LivenessError as error:
            text = f"{type(error).__name__}: {reason_of_error(error)}"
            raise click.ClickException(text) from None


def validate_pair_ids(target: Target, pair_ids: Sequence[str]) -> None:
    """Raise InvalidUsage for the first invalid pair id."""
    for pair_id in pair_ids:
        if problem := pair_id_problem(target.settings, pair_id):
            raise InvalidUsage(f"{pair_id!a} {problem}")


def _confirm(outlooks: Mapping[str, Outlook]) -> None:
    for pair_id, outlook in outlooks.items():
        calls = pluralize(outlook.max_calls, "call")
        echo(f"{pair_id} ({outlook.state}): at most {calls}", err=True)
    calls = pluralize(sum(outlook.max_calls for outlook in outlooks.values()), "call")
    click.confirm(f"Up to {calls} may be billed. Continue?", abort=True, err=True)


def _retry(function: DeployedFunction, pair_id: str, log: bool) -> dict[str, Any]:
    """Make one invocation per pair, so that each has all the time that a call may need."""
    try:
        invoked = invoke(function, {"retry": [pair_id]}, log)
    except AccountError as error:
        return _retried("error", reason=str(error))
    if invoked.error is not None:
        return _retried("error", reason=reason_of(invoked))
    try:
        (pair,) = invoked.returned["pairs"]
        return _retried(str(pair["state"]), pair.get("status"), pair.get("detail"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return _retried("error", reason="the function returned no summary")


def _retried(state: str, status: str | None = None, reason: str | None = None) -> dict[str, Any]:
    return {"state": state, "status": status, "reason": reason}
