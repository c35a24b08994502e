"""Plots the pairs finished over time after a burst of 1,000. Needs matplotlib."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from .burst import SEED, THOUSAND, Figures

# Legible on white and on black: the background is transparent.
_GREY = "#808890"
_COLOURS = {"ours": "#2f81f7", "naive": "#e5534b", "full jitter": "#bb8009"}
_LABELS = {
    "ours": "ours",
    "naive": "naive: the platform's retries",
    "full jitter": "waiting in place, full jitter",
}
_EVERY_SECONDS = 2


def available() -> bool:
    """Tell whether the plotting library is installed."""
    return find_spec("matplotlib") is not None


def draw(figures: Sequence[Figures], file: Path) -> None:
    """Write the SVG; equal figures make equal bytes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    shown = [one for one in figures if one.load == THOUSAND[0] and one.seed == SEED]
    pairs, rate = THOUSAND[0].burst.pairs, THOUSAND[0].rate
    ends = int(max(one.finished_at[-1] for one in shown)) + 2 * _EVERY_SECONDS
    moments = range(0, ends, _EVERY_SECONDS)
    style = {
        "svg.hashsalt": "liveness",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), _GREY),
        **dict.fromkeys(("xtick.color", "ytick.color"), _GREY),
    }
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(figsize=(7.2, 3.6), layout="constrained")
        axes.plot(
            [0, pairs / rate, ends],
            [0, pairs, pairs],
            color=_GREY,
            linestyle="--",
            linewidth=1,
            label=f"ideal: {rate:g} per second",
        )
        for one in shown:
            finished = [bisect_right(one.finished_at, moment) for moment in moments]
            label = (
                f"{_LABELS[one.handler]} ({one.finished} finished, {one.billed_twice} billed twice)"
            )
            axes.plot(moments, finished, color=_COLOURS[one.handler], linewidth=2, label=label)
        axes.set_xlim(0, ends)
        axes.set_ylim(-pairs * 0.02, pairs * 1.05)
        limiter = THOUSAND[0].limiter
        axes.set_xlabel(f"seconds after a burst of {pairs:,} pairs, limited by a {limiter}")
        axes.set_ylabel("pairs with a result")
        axes.grid(color=_GREY, alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center right", frameon=False, fontsize=9, bbox_to_anchor=(1.0, 0.24))
        figure.savefig(
            file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
        pyplot.close(figure)
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
