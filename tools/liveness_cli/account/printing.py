"""Print the results of configure and doctor for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..console import Page
from ..terminal import echo
from ..text import format_duration, pluralize

_STOPPED = """
The function is stopped. Running invocations finish. Every new event is refused with 432, retried
each minute, and lost once it is too old; reconcile finds its pair when the function runs again."""


def print_configured(value: Mapping[str, Any]) -> None:
    page = Page()
    page.title(f"Function {value['function']} in {value['region']}")
    rows = [
        (
            row["setting"],
            "unknown" if row["before_unknown"] else _amount(row["before"], row["unit"]),
            _amount(row["after"], row["unit"]),
            row["state"],
        )
        for row in value["settings"]
    ]
    page.table("", ("Setting", "Before", "After", ""), rows, all_rows=True)
    page.print()
    if value["other_rules"]:
        count = value["other_rules"]
        rules = pluralize(count, "other lifecycle rule stays", "other lifecycle rules stay")
        echo(f"\n{rules} as before.")
    if value["error"]:
        echo(f"\nFailed: {value['error']}")
    if value["stopped"]:
        echo(_STOPPED)
    if value["undo"] and not value["dry_run"]:
        echo(f"\nTo undo: {value['undo']}")


def print_findings(value: Mapping[str, Any]) -> None:
    page = Page()
    page.title(f"Function {value['function']} and bucket {value['bucket']} in {value['region']}")
    rows = []
    for each in value["checks"]:
        rows.append((each["state"], each["check"], each["message"]))
        if each["fix"]:
            rows.append(("", "", f"Fix: {each['fix']}."))
    page.table("", ("", "", ""), rows, all_rows=True)
    page.print()
    echo(f"\n{_summary(value['failed'], value['skipped'])}")


def _summary(failed: int, skipped: int) -> str:
    if not failed and not skipped:
        return "All checks passed."
    text = f"{failed} failed" if failed else "No check failed"
    if not skipped:
        return f"{text}."
    return f"{text}, but {pluralize(skipped, 'check')} could not look: nothing is known about that."


def _amount(value: int | None, unit: str) -> str:
    if value is None:
        return "never" if unit == "days" else "none"
    if unit == "s":
        return format_duration(value)
    if unit == "days":
        return pluralize(value, "day")
    return str(value) if unit == "tries" else f"{value:,} {unit}"
