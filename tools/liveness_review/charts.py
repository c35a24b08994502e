"""The plots of the overview and of the threshold view. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from .plots import Drawing, nice_step
from .threshold import QUANTILES, Period

# The sizes of a plot across the page, and of one of two side by side: about their pixels, so that
# all texts have the same size.
_WIDE, _HALF = 1120.0, 540.0
_HEIGHT = 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 10.0, 12.0, 30.0
_PLOT_HEIGHT = _HEIGHT - _TOP - _BOTTOM
_BASE = _TOP + _PLOT_HEIGHT
_DAY = 86400
_MAX_LABELS = 8
_MEDIAN = QUANTILES.index(50)


class RatePoint(NamedTuple):
    """An error rate at a threshold, with its confidence interval; all but the first 0 to 1."""

    threshold: float
    rate: float
    low: float
    high: float


def results_over_time(
    bars: Sequence[tuple[float, dict[str, int]]], statuses: Sequence[str], title: str
) -> Markup:
    """Draw stacked bars of results by status; each bar begins at a time in seconds, UTC."""
    largest = max((sum(bar.values()) for _, bar in bars), default=0)
    plot = _plot(title, _WIDE, largest, lambda value: f"{value:g}")
    drawing, slot = plot.drawing, plot.width / len(bars)
    is_hourly = len(bars) > 1 and bars[1][0] - bars[0][0] < _DAY
    spacing = 24 if is_hourly and len(bars) > 24 else max(1, math.ceil(len(bars) / _MAX_LABELS))
    first = next((at for at, (begins, _) in enumerate(bars) if begins % _DAY == 0), 0)
    for number, (begins, bar) in enumerate(bars):
        x, below, moment = _LEFT + number * slot, 0, time.gmtime(begins)
        label = time.strftime("%Y-%m-%d %H:%M", moment)
        for status in statuses:
            if count := bar.get(status, 0):
                below += count
                drawing.rectangle(
                    x + slot * 0.08,
                    plot.y(below),
                    slot * 0.84,
                    count * plot.scale,
                    status,
                    f"{label}: {count} {status}",
                )
        if (number - first) % spacing == 0:
            form = "%H:%M" if len(bars) <= 24 else "%m-%d"
            drawing.text(x, _BASE + 18, time.strftime(form, moment))
            drawing.line(x, _BASE, x, _BASE + 4, "axis")
    return drawing.render()


def histogram(counts: Sequence[int], chosen: float, current: float, title: str) -> Markup:
    """Draw how many comparisons have each similarity, with a line at the chosen threshold."""
    plot = _plot(title, _WIDE, max(counts, default=0), lambda value: f"{value:g}")
    slot = plot.width / 100
    for number, count in enumerate(counts):
        plot.drawing.rectangle(
            plot.x(number) + slot * 0.1,
            plot.y(count),
            slot * 0.8,
            count * plot.scale,
            f"histogram {'passes' if number >= chosen else 'fails'}",
            f"{number}–{number + 1}: {count}",
        )
    _similarity_axis(plot)
    plot.drawing.line(plot.x(current), _TOP, plot.x(current), _BASE, "grid current")
    _threshold_line(plot, chosen)
    return plot.drawing.render()


def error_rates(
    curves: Sequence[tuple[str, Sequence[RatePoint]]], chosen: float, title: str
) -> Markup:
    """Draw error rates over the threshold with their confidence intervals."""
    plot = _plot(title, _HALF, 1.0, lambda value: f"{100 * value:.0f} %")
    drawing = plot.drawing
    for number, (name, points) in enumerate(curves):
        css = "second" if name == "FMR" else "first"
        upper = [(plot.x(point.threshold), plot.y(point.high)) for point in points]
        lower = [(plot.x(point.threshold), plot.y(point.low)) for point in reversed(points)]
        drawing.area([*upper, *lower], f"band {css}")
        line = [(plot.x(point.threshold), plot.y(point.rate)) for point in points]
        drawing.path(line, f"curve {css}")
        y = _TOP + 14 + 16 * number
        drawing.line(_LEFT + 8, y - 4, _LEFT + 30, y - 4, f"curve {css}")
        drawing.text(_LEFT + 36, y, name, anchor="start")
    _similarity_axis(plot)
    _threshold_line(plot, chosen)
    return drawing.render()


def quantiles_over_time(periods: Sequence[Period], threshold: float, title: str) -> Markup:
    """Draw the similarity's median and spread, week by week."""
    plot = _plot(title, _HALF, 100.0, lambda value: f"{value:g}")
    drawing, slot = plot.drawing, plot.width / len(periods)
    spacing = max(1, math.ceil(len(periods) / _MAX_LABELS))
    width = min(slot * 0.5, 22.0)
    medians = []
    for number, period in enumerate(periods):
        x = _LEFT + (number + 0.5) * slot
        lowest, low, median, high, highest = (plot.y(value) for value in period.quantiles)
        label = f"{period.begins}: {period.quantiles[_MEDIAN]:.1f} ({period.comparisons})"
        drawing.line(x, lowest, x, highest, "whisker")
        drawing.rectangle(x - width / 2, high, width, low - high, "box", label)
        drawing.circle(x, median, 4, "dot", label)
        medians.append((x, median))
        if number % spacing == 0:
            drawing.text(x, _BASE + 18, period.begins[5:])
    drawing.path(medians, "curve")
    y = plot.y(threshold)
    drawing.line(_LEFT, y, _LEFT + plot.width, y, "threshold")
    return drawing.render()


class _Plot(NamedTuple):
    """A drawing with its axes: how to place a value."""

    drawing: Drawing
    scale: float
    """Height of one unit."""
    width: float
    """Between the left and the right end of the horizontal axis."""

    def x(self, similarity: float) -> float:
        return _LEFT + self.width * similarity / 100

    def y(self, value: float) -> float:
        return _BASE - value * self.scale


def _plot(title: str, full_width: float, largest: float, label: Callable[[float], str]) -> _Plot:
    """Draw the vertical axis up to a round number."""
    drawing = Drawing(full_width, _HEIGHT, title, "wide" if full_width == _WIDE else "half")
    width = full_width - _LEFT - _RIGHT
    step = nice_step(largest)
    if isinstance(largest, int):
        step = max(1.0, step)
    top = max(step, math.ceil(largest / step) * step)
    scale = _PLOT_HEIGHT / top
    for number in range(round(top / step) + 1):
        value = number * step
        y = _BASE - value * scale
        drawing.line(_LEFT, y, _LEFT + width, y, "axis" if number == 0 else "grid")
        drawing.text(_LEFT - 6, y + 4, label(value), anchor="end")
    return _Plot(drawing, scale, width)


def _similarity_axis(plot: _Plot) -> None:
    for tick in range(0, 101, 10):
        x = plot.x(tick)
        plot.drawing.line(x, _BASE, x, _BASE + 4, "axis")
        plot.drawing.text(x, _BASE + 18, f"{tick}")


def _threshold_line(plot: _Plot, threshold: float) -> None:
    x = plot.x(threshold)
    plot.drawing.line(x, _TOP - 6, x, _BASE + 4, "threshold line")
