"""What `liveness configure` does: read, compare, and apply each change on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from ..errors import InvalidUsage
from . import retention
from .change import Change, Setting
from .errors import AccountError
from .function import DEFAULT_FUNCTION_NAME, RetryConfig
from .installation import Installation, load_installation
from .request import ConfigureRequest

SCHEMA = "liveness-configured/2"


def configure(function_name: str, request: ConfigureRequest, *, dry_run: bool) -> dict[str, Any]:
    """Apply a request and report each setting before and after.

    If a change fails, the value says so, and the changes after it are not tried.

    Raises InvalidUsage for a request that makes no sense, ClickException if reading failed.
    """
    if request.is_stop and request != ConfigureRequest(reserved_mb=0):
        raise InvalidUsage(
            "--reserved-mb 0 cannot be combined: an emergency stop must not wait for other settings"
        )
    installation = load_installation(function_name)
    try:
        changes = list(_changes(installation, request))
    except AccountError as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    rows: list[dict[str, Any]] = []
    error_text = None
    for change in changes:
        if error_text:
            state = "not tried"
        elif dry_run:
            state = "would be set"
        else:
            error_text = _apply(change) if change.is_needed else None
            state = "failed" if error_text else "set"
        rows += [setting.to_json(state) for setting in change.settings]
    return {
        "schema": SCHEMA,
        "function": function_name,
        "region": installation.settings.region,
        "dry_run": dry_run,
        "settings": rows,
        "other_rules": sum(change.other_rules for change in changes),
        "error": error_text,
        "stopped": request.is_stop and not dry_run and error_text is None,
        "undo": _undo_command(function_name, changes) if request.is_stop else None,
    }


def _apply(change: Change) -> str | None:
    """Apply a change; returns the error text if it failed."""
    try:
        change.apply()
    except AccountError as error:
        return str(error)
    return None


def _changes(installation: Installation, request: ConfigureRequest) -> Iterator[Change]:
    """Read the current settings and compare. Raises AccountError, InvalidUsage."""
    if request.reserved_mb is not None:
        yield _reserve(installation, request)
    if request.retries is not None or request.max_event_age_seconds is not None:
        yield _retries(installation, request)
    yield from retention.changes(installation, request)


def _reserve(installation: Installation, request: ConfigureRequest) -> Change:
    after = None if request.reserved_mb == "none" else request.reserved_mb
    before, is_known = None, False
    if request.is_stop:
        # An emergency stop must not fail because the previous value cannot be read.
        with suppress(AccountError):
            before, is_known = installation.function.get_reserved_mb(), True
    else:
        before, is_known = installation.function.get_reserved_mb(), True
        if after is not None:
            _require_room(installation, after)
    setting = Setting("reserved quota", "MB", before, after, before_unknown=not is_known)
    return Change([setting], lambda: installation.function.set_reserved_mb(after))


def _require_room(installation: Installation, reserved_mb: int) -> None:
    deployed = installation.function.configuration()
    if deployed is not None and reserved_mb < deployed.memory_mb:
        raise InvalidUsage(
            f"--reserved-mb {reserved_mb}: one instance needs {deployed.memory_mb} MB, so the "
            f"function could never run; give {deployed.memory_mb} or more, or 0 to stop it"
        )


def _retries(installation: Installation, request: ConfigureRequest) -> Change:
    before = installation.function.get_retry_config()
    after = RetryConfig(
        before.retries if request.retries is None else request.retries,
        before.max_event_age_seconds
        if request.max_event_age_seconds is None
        else request.max_event_age_seconds,
    )
    settings = [
        Setting("retries of a failed event", "tries", before.retries, after.retries),
        Setting(
            "maximum age of an event",
            "s",
            before.max_event_age_seconds,
            after.max_event_age_seconds,
        ),
    ]
    return Change(settings, lambda: installation.function.set_retry_config(after))


def _undo_command(function_name: str, changes: Sequence[Change]) -> str:
    reserved = changes[0].settings[0]
    option = "" if function_name == DEFAULT_FUNCTION_NAME else f" --function-name {function_name}"
    command = f"liveness configure{option} --reserved-mb"
    if reserved.before_unknown or reserved.before == 0:
        return f"{command} none, or --reserved-mb MB if there was a quota before"
    return f"{command} {reserved.before or 'none'}"
