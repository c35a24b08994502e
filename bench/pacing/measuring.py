"""Runs cases beside the baseline, and compares their figures with the targets."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from ..pages import Section, Text
from ..table import Row
from .baseline import NoHistory
from .cases import TOTALS, Case, Figures, Target, possible

# The figures of one case for each seed, of the baseline for the first; None if the run failed.
Measured = list[Figures | None]


def choose(all_cases: Iterable[Case], only: Sequence[str] | None) -> list[Case]:
    """Return the cases whose group or condition contains one of the texts; without texts, all."""
    return [
        case
        for case in all_cases
        if not only or any(text in f"{case.group}: {case.condition.en}" for text in only)
    ]


class Comparison:
    """Cases, with the figures of this function and, if there are any, of the baseline."""

    def __init__(
        self, chosen: Sequence[Case], ours: Sequence[Measured], theirs: Sequence[Measured | None]
    ) -> None:
        self._cases = list(zip(chosen, ours, theirs, strict=True))
        self.rows: list[Row] = []
        lines: list[tuple[Text, ...]] = []
        for case, our, their in self._cases:
            for target in case.targets:
                best = _worst(target._replace(figure=possible(target.figure)), our)
                row = _row(case.condition, target, our, their)
                self.rows.append(row)
                lines.append(_line(case.condition, target, row, best))
        for target in TOTALS:
            our, before = _with_figure(target, ours), _with_figure(target, theirs)
            if our:
                row = _row(_EVERYTHING, target, our, before)
                self.rows.append(row)
                lines.append(_line(_EVERYTHING, target, row, None))
        self.section = Section(_HEADINGS, lines)

    def __iter__(self) -> Iterator[tuple[Case, Measured, Measured | None]]:
        return iter(self._cases)


def compare(
    chosen: Sequence[Case], jobs: int, measure_baseline: Callable[[], Sequence[Measured]] | None
) -> Comparison:
    """Measure the baseline, if there is one, and then the cases, `jobs` runs at a time.

    Raises RunFailed if an existing baseline cannot be measured.
    """
    theirs: Sequence[Measured | None] = [None] * len(chosen)
    if measure_baseline:
        try:
            theirs = measure_baseline()
        except NoHistory as error:
            print(f"No baseline: {error}.", file=sys.stderr)
    return Comparison(chosen, measure(chosen, jobs), theirs)


def measure(chosen: Sequence[Case], jobs: int) -> list[Measured]:
    """Run every case with each of its seeds, `jobs` runs at a time."""
    runs = [(case, seed) for case in chosen for seed in case.seeds]
    began = time.monotonic()
    measured: list[Figures | None] = []
    if jobs == 1:
        results: Iterable[Figures | None] = map(_run, *zip(*runs, strict=True))
        pool = None
    else:
        # The sandbox of another measurement has threads, which a fork would not copy.
        pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
        results = pool.map(_run, *zip(*runs, strict=True))
    for (case, seed), figures in zip(runs, results, strict=True):
        measured.append(figures)
        seconds = f"{time.monotonic() - began:.0f} s"
        print(f"{seconds}: {case.group}, {case.condition.en}, {seed}", file=sys.stderr, flush=True)
    if pool:
        pool.shutdown()
    remaining = iter(measured)
    return [[next(remaining) for _ in case.seeds] for case in chosen]


def _run(case: Case, seed: int) -> Figures | None:
    try:
        return case.measure(seed, **case.arguments)
    except Exception as error:  # whatever it is, the other cases continue
        print(f"{case.condition.en}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


_EVERYTHING = Text("all of these", "以上全部")
_HEADINGS = (
    Text("condition", "情形"),
    Text("figure", "指标"),
    Text("target", "目标"),
    Text("reached", "达到"),
    Text("before", "此前"),
    Text("possible", "可能达到"),
    Text("", ""),
)


def _line(condition: Text, target: Target, row: Row, best: float | None) -> tuple[Text, ...]:
    verdict = Text("", "")
    if row.failed:
        verdict = Text("FAILED", "测量失败")
    elif row.met is False:
        verdict = Text("not met", "未达到")
    cells = (row.target, row.ours, row.baseline, "" if best is None else _format(best, target))
    return condition, target.label, *(Text(cell, cell) for cell in cells), verdict


def _with_figure(target: Target, measured: Sequence[Measured | None]) -> Measured:
    """Return the figures of all runs that have this one; failed runs have their own rows."""
    runs = [figures for one in measured for figures in one or () if figures is not None]
    return [figures for figures in runs if target.figure in figures]


def _row(condition: Text, target: Target, our: Measured, their: Measured | None) -> Row:
    name = f"{condition.en}: {target.label.en}"
    value, before = _worst(target, our), _worst(target, their or [None])
    sign = "<=" if target.at_most else ">="
    limit = "" if target.limit is None else f"{sign} {target.limit:g}"
    shown = "" if before is None else _format(before, target)
    if value is None:
        return Row(name, "", shown, limit, failed=True)
    numbers = {"ours": our, "before": their}
    return Row(name, _format(value, target), shown, limit, target.met(value), numbers=numbers)


def _format(value: float, target: Target) -> str:
    return format(int(value) if target.form == "d" else value, target.form)


def _worst(target: Target, measured: Measured) -> float | None:
    runs = [figures for figures in measured if figures is not None]
    values = [figures[target.figure] for figures in runs if target.figure in figures]
    return target.worst(values) if values and len(values) == len(measured) else None
