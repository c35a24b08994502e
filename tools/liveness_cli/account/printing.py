"""Tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..operator.wording import duration, number, visible
from ..report import say

# Where no terminal tells its own.
_WIDTH = 100
_GOOD, _BAD, _DIM = "green", "bold red", "dim"
_STYLES = {"ok": _GOOD, "set": _GOOD, "wrong": _BAD, "failed": _BAD, "not tried": _BAD}

_STOPPED = """
The function is stopped. What runs now ends by itself. Every event is refused with 432, tried again
each minute, and lost once it is too old; reconcile finds its pair when the function runs again."""


def print_configured(value: Mapping[str, Any]) -> None:
    say(f"Function {visible(value['function'])} in {value['region']}\n")
    _print_table(
        ("What", "Before", "After", ""),
        [
            (
                row["what"],
                _amount(row["before"], row["unit"]) if row["before_known"] else "unknown",
                _amount(row["after"], row["unit"]),
                row["state"],
            )
            for row in value["settings"]
        ],
    )
    if value["kept_rules"]:
        kept = number(
            value["kept_rules"], "other lifecycle rule stays", "other lifecycle rules stay"
        )
        say(f"\n{kept} as before.")
    if value["error"]:
        say(f"\nFailed: {visible(value['error'])}")
    if value["stopped"]:
        say(_STOPPED)
    if value["undo"] and not value["dry_run"]:
        say(f"\nTo undo: {value['undo']}")


def print_findings(value: Mapping[str, Any]) -> None:
    say(
        f"Function {visible(value['function'])} and bucket {value['bucket']} in {value['region']}\n"
    )
    rows = []
    for each in value["checks"]:
        rows.append((each["state"], each["check"], each["says"]))
        if each["mend"]:
            rows.append(("", "", f"Mend: {each['mend']}."))
    _print_table(("", "", ""), rows)
    told = f"{value['wrong']} wrong" if value["wrong"] else "Nothing is wrong"
    if value["not_checkable"]:
        told += f", {value['not_checkable']} could not be checked"
    say(f"\n{told}.")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Texts from outside are shown, never interpreted."""
    out = Console(highlight=False, markup=False, emoji=False)
    width = out.width if out.is_terminal else _WIDTH
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        header_style=_DIM,
        pad_edge=False,
        show_header=any(columns),
    )
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (visible(cell) for cell in row)
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
    with console.capture() as captured:
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
    say("\n".join(line.rstrip() for line in captured.get().rstrip().split("\n")))


def _amount(value: int | None, unit: str) -> str:
    if value is None:
        return "never" if unit == "days" else "none"
    if unit == "s":
        return duration(value)
    if unit == "days":
        return number(value, "day")
    return str(value) if unit == "tries" else f"{value:,} {unit}"
