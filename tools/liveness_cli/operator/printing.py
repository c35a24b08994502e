"""Tables for people, and progress while something is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..report import say
from .reading import Tell
from .wording import duration, number, visible

# Where no terminal tells its own.
_WIDTH = 100
_ROWS = 20
_GOOD, _BAD, _DIM = "green", "bold red", "dim"
_STYLES = {"passed": _GOOD, "failed": _BAD, "damaged": _BAD, "exhausted": _BAD, "unreadable": _BAD}


@contextmanager
def progress() -> Iterator[Tell]:
    """Bars on standard error where that is a terminal; one for each thing that is read."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description:<18}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total, told="")
            told = f"{done:,}" if total is None else f"{done:,} of {total:,}"
            bars.update(tasks[what], completed=done, total=total, told=told)

        yield tell


def print_json(value: object) -> None:
    """In ASCII, so that neither a terminal nor an encoding minds what a key holds."""
    click.echo(json.dumps(value, indent=2))


def print_status(value: Mapping[str, Any]) -> None:
    page = _Page()
    page.title(f"{value['bucket']} at {_time(value['at'])} UTC")
    page.facts(
        ("backlog", _backlog(value["backlog"])),
        ("oldest", _oldest(value["backlog"]["oldest"])),
        ("draining", _drainer(value["drain"])),
        ("reconcile", _reconciled(value["reconcile"]["last_finished_pass_began"])),
        ("results", _results(value["results"])),
        ("billed twice", _billed_twice(value["possibly_billed_twice"])),
    )
    page.table(
        "Why pairs are parked",
        ("Markers", "Oldest due", "Reason"),
        [
            (f"{row['markers']:,}", _time(row["oldest_due"]), row["reason"])
            for row in value["backlog"]["reasons"]
        ],
    )
    page.table(
        "Failed: an operator decides (liveness explain, liveness retry)",
        ("Pair", "Published", "Calls", "Why"),
        [
            (
                row["pair_id"],
                _time(row["published"]),
                str(row["possibly_billed_calls"]),
                ": ".join(filter(None, (row["code"], row["detail"]))),
            )
            for row in value["failed"]
        ],
    )
    page.table(
        "Possibly billed more than once",
        ("Pair", "Calls", "Answered"),
        [
            (row["pair_id"], str(row["calls"]), "yes" if row["answered"] else "no")
            for row in value["possibly_billed_twice"]
        ],
    )
    page.table(
        "Last errors",
        ("Last seen", "Times", "Last pair", "Why"),
        [
            (_time(row["at"]), f"{row['times']:,}", row["pair_id"], row["why"])
            for row in value["last_errors"]
        ],
    )
    page.remarks("Not looked at", value["not_looked_at"])
    page.print()


def print_explanation(value: Mapping[str, Any]) -> None:
    page = _Page()
    page.title(f"Pair {value['pair_id']} at {_time(value['at'])} UTC: {value['state']}")
    inputs = ", ".join(item["role"] for item in value["inputs"]) or "none"
    missing = f"; missing: {', '.join(value['missing'])}" if value["missing"] else ""
    facts = [("inputs", Text(visible(inputs + missing)))]
    if value["fingerprint"]:
        made = f"{number(len(value['attempts']), 'attempt')}, {value['attempts_allowed']} allowed"
        facts += [("fingerprint", Text(value["fingerprint"])), ("attempts", Text(made))]
    page.facts(*facts)
    page.table(
        "Timeline",
        ("UTC", "What", "Which"),
        [(_time(row["at"]), row["what"], row["text"]) for row in value["timeline"]],
        every=True,
    )
    page.facts(
        ("next", Text(visible(value["next"]["happens"]))),
        ("you can", Text(visible(value["next"]["you_can"]))),
    )
    page.print()


def print_retried(value: Mapping[str, Any]) -> None:
    page = _Page()
    table = [
        (
            row["pair_id"],
            row["before"],
            row["status"] or row["state"],
            row["why"] or "",
        )
        for row in value["pairs"]
    ]
    page.table("Retried", ("Pair", "Before", "Now", "Why"), table, every=True)
    page.print()


def print_reconciled(value: Mapping[str, Any]) -> None:
    page = _Page()
    done = "would be parked" if value["dry_run"] else "parked"
    page.title(
        f"{number(value['keys'], 'key')} listed, {number(value['looked_at'], 'pair')} looked at, "
        f"{value['parked']:,} {done}"
    )
    page.table(
        "Complete, without the current result", ("Pair",), [(name,) for name in value["pairs"]]
    )
    if value["parked"] and not value["dry_run"]:
        page.remarks("Next", ["the timer's drain works them off, within a minute"])
    page.print()


class _Page:
    """Collects what is to be printed; texts from outside are shown, never interpreted."""

    def __init__(self) -> None:
        out = Console(highlight=False, markup=False, emoji=False)
        width = out.width if out.is_terminal else _WIDTH
        self._console = Console(highlight=False, markup=False, emoji=False, width=width)
        self._parts: list[Any] = []

    def title(self, text: str) -> None:
        self._parts += [Text(visible(text), style="bold"), ""]

    def facts(self, *facts: tuple[str, Text]) -> None:
        table = Table.grid(padding=(0, 2))
        table.add_column(style=_DIM, no_wrap=True, min_width=len("billed twice"))
        table.add_column(overflow="fold")
        for label, text in facts:
            table.add_row(label, text)
        self._parts += [_indented(table), ""]

    def table(
        self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], every: bool = False
    ) -> None:
        if not rows:
            return
        shown = rows if every else rows[:_ROWS]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style=_DIM, pad_edge=False)
        for name in columns:
            table.add_column(name, overflow="fold")
        for row in shown:
            cells = (visible(cell) for cell in row)
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in cells))
        self._parts += [Text(title, style="bold"), _indented(table)]
        if len(shown) < len(rows):
            self._parts.append(f"  and {len(rows) - len(shown):,} more; --json has all")
        self._parts.append("")

    def remarks(self, title: str, remarks: Sequence[str]) -> None:
        self._parts.append(Text(title, style="bold"))
        self._parts += [Text(f"  {visible(remark)}", style=_DIM) for remark in remarks]
        self._parts.append("")

    def print(self) -> None:
        with self._console.capture() as captured:
            for part in self._parts:
                self._console.print(part)
        lines = (line.rstrip() for line in captured.get().rstrip().split("\n"))
        say("\n".join(lines))


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)


def _time(moment: str | None) -> str:
    """RFC 3339 without what every line would repeat."""
    return (moment or "unknown").replace("T", " ").rstrip("Z")


def _backlog(backlog: Mapping[str, Any]) -> Text:
    if not backlog["markers"]:
        return Text("empty", style=_GOOD)
    text = Text(
        f"{number(backlog['markers'], 'marker')} of {number(backlog['pairs'], 'pair')}, "
        f"{backlog['due']:,} due; {duration(backlog['seconds_of_calls'])} of calls at the set rate"
    )
    if backlog["damaged"]:
        text.append(f"; {backlog['damaged']:,} damaged", style=_BAD)
    if backlog["most_visits"] > 1:
        text.append(f"; one was visited {backlog['most_visits']} times in vain", style=_BAD)
    return text


def _oldest(oldest: Mapping[str, Any] | None) -> Text:
    if oldest is None:
        return Text("none")
    overdue = oldest["overdue_seconds"]
    since = f", {duration(overdue)} overdue" if overdue else ""
    pair = f": {oldest['pair_id']}" if oldest["pair_id"] else ""
    return Text(visible(f"due {_time(oldest['due'])}{since}{pair}"))


def _drainer(drain: Mapping[str, Any] | None) -> Text:
    if drain is None:
        return Text("nobody in this slot of 10 s")
    return Text(visible(f"invocation {drain['request_id'] or 'unknown'} of {drain['function']}"))


def _reconciled(began: str | None) -> Text:
    return Text(f"last finished pass began {_time(began)}" if began else "no pass has finished yet")


def _results(results: Mapping[str, Any]) -> Text:
    text = Text(f"{results['read']:,} of {results['listed']:,} read")
    for index, (status, count) in enumerate(results["by_status"].items()):
        text.append(": " if index == 0 else ", ")
        text.append(f"{visible(status)} {count:,}", style=_STYLES.get(status, ""))
    if results["passed_without_frame"]:
        text.append(f"; {results['passed_without_frame']:,} passed without a best frame")
    return text


def _billed_twice(rows: Sequence[Mapping[str, Any]]) -> Text:
    if not rows:
        return Text("none", style=_GOOD)
    calls = sum(row["calls"] - 1 for row in rows)
    return Text(f"{number(len(rows), 'pair')}, {number(calls, 'call')} too many", style=_BAD)
