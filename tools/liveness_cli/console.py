"""Print lines, JSON, tables and progress bars.

Imported only by what runs a command: the table library would slow down every --help.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .terminal import echo, echo_styled
from .text import printable

T = TypeVar("T")
# Called after every step with the activity, how much of it is done, and the total if known.
ProgressCallback = Callable[[str, int, int | None], None]

# The width if standard output is not a terminal.
_WIDTH = 100
_MAX_ROWS = 20
_LABEL_WIDTH = 12
GOOD, BAD, DIM = "green", "bold red", "dim"
# Cells whose whole text is one of these are colored.
STATE_STYLES = {
    "passed": GOOD,
    "set": GOOD,
    "failed": BAD,
    "not tried": BAD,
    "damaged": BAD,
    "exhausted": BAD,
    "unreadable": BAD,
}


def print_json(value: object) -> None:
    """Print JSON in ASCII, so that no terminal and no encoding can change a key."""
    echo(json.dumps(value, indent=2))


def output(value: T, *, as_json: bool, render: Callable[[T], None]) -> None:
    """Print a command's result, as JSON or with `render`, which prints it for people."""
    if as_json:
        print_json(value)
    else:
        render(value)


@contextmanager
def progress() -> Iterator[ProgressCallback]:
    """Show progress bars on standard error if it is a terminal, one bar per activity."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ignore_progress
        return
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def update(activity: str, done: int, total: int | None) -> None:
            if activity not in tasks:
                tasks[activity] = bars.add_task(activity, total=total, count="")
            count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
            bars.update(tasks[activity], completed=done, total=total, count=count)

        yield update


def ignore_progress(activity: str, done: int, total: int | None) -> None:
    """A `ProgressCallback` that shows nothing."""


class Page:
    """A page of titles, facts and tables; foreign texts are shown but never interpreted."""

    def __init__(self) -> None:
        console = Console(highlight=False, markup=False, emoji=False)
        width = console.width if console.is_terminal else _WIDTH
        self._console = Console(highlight=False, markup=False, emoji=False, width=width)
        self._parts: list[Any] = []

    def title(self, text: str) -> None:
        self._parts += [Text(printable(text), style="bold"), ""]

    def facts(self, *facts: tuple[str, Text]) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style=DIM, no_wrap=True, min_width=_LABEL_WIDTH)
        grid.add_column(overflow="fold")
        for label, text in facts:
            shown = printable(text.plain)
            grid.add_row(label, text if shown == text.plain else Text(shown))
        self._parts += [_indented(grid), ""]

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        all_rows: bool = False,
    ) -> None:
        """Add a table, or nothing if it has no rows; without `all_rows` long tables are cut."""
        if not rows:
            return
        if title:
            self._parts.append(Text(title, style="bold"))
        shown = rows if all_rows else rows[:_MAX_ROWS]
        self._parts.append(_indented(_table(columns, shown)))
        if len(shown) < len(rows):
            self._parts.append(f"  and {len(rows) - len(shown):,} more; --json has all")
        self._parts.append("")

    def remarks(self, title: str, remarks: Sequence[str]) -> None:
        self._parts.append(Text(title, style="bold"))
        self._parts += [Text(f"  {printable(remark)}", style=DIM) for remark in remarks]
        self._parts.append("")

    def print(self) -> None:
        with self._console.capture() as captured:
            for part in self._parts:
                self._console.print(part)
        echo_styled("\n".join(line.rstrip() for line in captured.get().rstrip().split("\n")))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        header_style=DIM,
        pad_edge=False,
        show_header=any(columns),
    )
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (printable(cell) for cell in row)
        table.add_row(*(Text(cell, style=STATE_STYLES.get(cell, "")) for cell in cells))
    return table


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)
