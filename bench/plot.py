"""Plots the pairs finished over time after a burst of 1,000."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from .burst import SEED, THOUSAND, Figures
from .theme import Theme, draw

_LABELS = {
    "ours": "ours",
    "naive": "naive: the platform's retries",
    "full jitter": "waiting in place, full jitter",
}
_EVERY_SECONDS = 2


def draw_burst(figures: Sequence[Figures]) -> None:
    """Write docs/burst-light.svg and -dark.svg."""
    shown = [one for one in figures if one.load == THOUSAND[0] and one.seed == SEED]
    pairs, rate = THOUSAND[0].burst.pairs, THOUSAND[0].rate
    ends = int(max(one.finished_at[-1] for one in shown)) + 2 * _EVERY_SECONDS
    moments = range(0, ends, _EVERY_SECONDS)

    def plot(panels: list[Any], theme: Theme) -> None:
        (axes,) = panels
        colours = {"ours": theme.ours, "naive": theme.naive, "full jitter": theme.other}
        axes.plot(
            [0, pairs / rate, ends],
            [0, pairs, pairs],
            color=theme.text,
            linestyle="--",
            linewidth=1,
            label=f"ideal: {rate:g} per second",
        )
        for one in shown:
            finished = [bisect_right(one.finished_at, moment) for moment in moments]
            label = (
                f"{_LABELS[one.handler]} ({one.finished} finished, {one.billed_twice} billed twice)"
            )
            axes.plot(moments, finished, color=colours[one.handler], linewidth=2, label=label)
        axes.set_xlim(0, ends)
        axes.set_ylim(-pairs * 0.02, pairs * 1.05)
        limiter = THOUSAND[0].limiter
        axes.set_xlabel(f"seconds after a burst of {pairs:,} pairs, limited by a {limiter}")
        axes.set_ylabel("pairs with a result")
        axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.24))

    draw("burst", 1, (7.2, 3.6), plot)
