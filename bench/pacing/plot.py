"""The table and its plot in docs/benchmarks: goodput over calls, results over shares, waits."""

from __future__ import annotations

import math
from typing import Any

from .. import pages
from ..burst import RATE
from ..theme import Theme, draw
from .cases import possible
from .measuring import Comparison

Points = list[tuple[float, float]]


def write_docs(compared: Comparison) -> None:
    """Write the table into both pages, and docs/pacing-light.svg and -dark.svg."""
    pages.write("make bench", [compared.section])

    def plot(panels: list[Any], theme: Theme) -> None:
        goodput, kept, waits = panels
        _lines(goodput, theme, compared, "goodput", "calls", "goodput")
        goodput.set_xlabel(f"duration of a call, s (rate {RATE}/s)")
        goodput.set_ylabel("goodput / rate")
        goodput.set_ylim(0, 1.05)
        goodput.legend(loc="lower left")
        _lines(kept, theme, compared, "little CPU", "resources", "kept")
        kept.set_xscale("log")
        kept.xaxis.set_major_formatter("{x:g}")
        kept.set_xlabel("share of a core")
        kept.set_ylabel("results per second")
        kept.set_ylim(0, 5.25)
        _lines(waits, theme, compared, "steady", "load", "p99")
        best = _points(compared, "steady", "load", possible("p99"), is_ours=True)
        waits.plot(*zip(*best, strict=True), color=theme.text, linestyle="--", label="M/D/1")
        waits.set_yscale("log")
        waits.yaxis.set_major_formatter("{x:g}")
        waits.yaxis.set_minor_formatter("{x:g}")
        waits.set_xlabel("load / rate")
        waits.set_ylabel("p99 from upload to result, s")
        waits.legend(loc="upper left")

    draw("pacing", 3, (10.5, 3.4), plot)


def _lines(
    axes: Any, theme: Theme, compared: Comparison, group: str, over: str, figure: str
) -> None:
    for is_ours, label, colour in ((False, "before", theme.other), (True, "ours", theme.ours)):
        points = _points(compared, group, over, figure, is_ours)
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, marker="o", label=label)


def _points(compared: Comparison, group: str, over: str, figure: str, is_ours: bool) -> Points:
    """Return the figures of a group's cases over one of their arguments."""
    points: Points = []
    for case, ours, theirs in compared:
        measured = (ours if is_ours else theirs) or [None]
        if case.group != group or measured[0] is None:
            continue
        argument = case.arguments[over]
        if over == "resources":
            if argument.period:
                continue  # another way of sharing
            argument = argument.share
        elif over == "calls":
            argument = argument.mean
        if math.isfinite(measured[0][figure]):
            points.append((argument, measured[0][figure]))
    return sorted(points)
