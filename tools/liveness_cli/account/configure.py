"""What `liveness configure` does: read, compare, set, in this order; each setting for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from ..operator.reach import NotReady
from . import retention
from .access import Account, account
from .errors import AccountError
from .function import DEFAULT_FUNCTION, Retrying
from .setting import Setting, Step
from .wanted import Wanted

SCHEMA = "liveness-configured/1"


def configure(function: str, wanted: Wanted, *, dry_run: bool) -> dict[str, Any]:
    """Raises NotReady for what cannot be meant, ClickException where reading failed.

    A request that fails to set something is told in the value; those after it are not tried.
    """
    if wanted.is_stop and wanted != Wanted(quota=0):
        raise NotReady("--quota 0 stands alone: an emergency must not wait for other settings")
    at = account(function)
    try:
        steps = list(_steps(at, wanted))
    except AccountError as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    rows, why = [], None
    for step in steps:
        if why:
            state = "not tried"
        elif dry_run:
            state = "would be set"
        else:
            why = _make(step) if step.changes else None
            state = "failed" if why else "set"
        rows += [
            {**setting._asdict(), "state": state if setting.changes else "unchanged"}
            for setting in step.settings
        ]
    return {
        "schema": SCHEMA,
        "function": function,
        "region": at.settings.region,
        "dry_run": dry_run,
        "settings": rows,
        "kept_rules": sum(step.kept for step in steps),
        "error": why,
        "stopped": wanted.is_stop and not dry_run and why is None,
        "undo": _undo(function, steps) if wanted.is_stop else None,
    }


def _make(step: Step) -> str | None:
    """Why it failed, or None."""
    try:
        step.make()
    except AccountError as error:
        return str(error)
    return None


def _steps(at: Account, wanted: Wanted) -> Iterator[Step]:
    """Reads what there is. Raises AccountError, NotReady."""
    if wanted.quota is not None:
        yield _quota(at, wanted)
    if wanted.retries is not None or wanted.age_seconds is not None:
        yield _retrying(at, wanted)
    yield from retention.steps(at, wanted)


def _quota(at: Account, wanted: Wanted) -> Step:
    after = None if wanted.quota == "none" else wanted.quota
    before, known = None, False
    if wanted.is_stop:
        with suppress(AccountError):  # an emergency: what it was before must not be in its way
            before, known = at.function.reserved_mb(), True
    else:
        before, known = at.function.reserved_mb(), True
        if after is not None:
            _require_room(at, after)
    setting = Setting("reserved quota", "MB", before, after, known)
    return Step([setting], lambda: at.function.reserve(after))


def _require_room(at: Account, quota_mb: int) -> None:
    deployed = at.function.deployed()
    if deployed is not None and quota_mb < deployed.memory_mb:
        raise NotReady(
            f"--quota {quota_mb}: one instance needs {deployed.memory_mb} MB, so the function "
            f"could never run; give {deployed.memory_mb} or more, or 0 to stop it"
        )


def _retrying(at: Account, wanted: Wanted) -> Step:
    before = at.function.retrying()
    after = Retrying(
        before.retries if wanted.retries is None else wanted.retries,
        before.age_seconds if wanted.age_seconds is None else wanted.age_seconds,
    )
    settings = [
        Setting("further tries of an event that failed", "tries", before.retries, after.retries),
        Setting("age at which an event is given up", "s", before.age_seconds, after.age_seconds),
    ]
    return Step(settings, lambda: at.function.retry(after))


def _undo(function: str, steps: Sequence[Step]) -> str:
    quota = steps[0].settings[0]
    named = "" if function == DEFAULT_FUNCTION else f" --function {function}"
    if not quota.before_known or quota.before == 0:
        return f"liveness configure{named} --quota none, or --quota MB if there was one before"
    return f"liveness configure{named} --quota {quota.before or 'none'}"
