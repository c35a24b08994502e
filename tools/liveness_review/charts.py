"""The plots of the overview and of the threshold view. Pure."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from .plots import Drawing, nice_step
from .threshold import QUANTILES, Period

_WIDTH, _HEIGHT = 720.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 10.0, 12.0, 30.0
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
_BASE = _TOP + _PLOT_HEIGHT
_DAY = 86400
_MAX_LABELS = 8


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
    drawing, scale = _frame(title, largest, lambda value: f"{value:g}")
    slot = _PLOT_WIDTH / len(bars)
    width_seconds = bars[1][0] - bars[0][0] if len(bars) > 1 else _DAY
    spacing = max(1, math.ceil(len(bars) / _MAX_LABELS))
    if width_seconds < _DAY and len(bars) > 24:
        spacing = 24
    first = next((at for at, (begins, _) in enumerate(bars) if begins % _DAY == 0), 0)
    for number, (begins, bar) in enumerate(bars):
        x, y = _LEFT + number * slot, _BASE
        moment = time.gmtime(begins)
        label = time.strftime("%Y-%m-%d %H:%M", moment)
        for status in statuses:
            if count := bar.get(status, 0):
                height = count * scale
                y -= height
                drawing.rectangle(
                    x + slot * 0.08, y, slot * 0.84, height, status, f"{label}: {count} {status}"
                )
        if (number - first) % spacing == 0:
            form = "%H:%M" if len(bars) <= 24 else "%m-%d"
            drawing.text(x, _BASE + 18, time.strftime(form, moment), anchor="middle")
            drawing.line(x, _BASE, x, _BASE + 4, "axis")
    return drawing.render()


def histogram(counts: Sequence[int], chosen: float, current: float, title: str) -> Markup:
    """Draw how many comparisons have each similarity, with a line at the chosen threshold."""
    drawing, scale = _frame(title, max(counts, default=0), lambda value: f"{value:g}")
    slot = _PLOT_WIDTH / 100
    for number, count in enumerate(counts):
        css = "passes" if number >= chosen else "fails"
        drawing.rectangle(
            _similarity_x(number) + slot * 0.1,
            _BASE - count * scale,
            slot * 0.8,
            count * scale,
            f"histogram {css}",
            f"{number}–{number + 1}: {count}",
        )
    _similarity_axis(drawing)
    x = _similarity_x(current)
    drawing.line(x, _TOP, x, _BASE, "grid current")
    x = _similarity_x(chosen)
    drawing.line(x, _TOP - 6, x, _BASE + 4, "threshold line")
    return drawing.render()


def error_rates(
    curves: Sequence[tuple[str, Sequence[RatePoint]]], chosen: float, title: str
) -> Markup:
    """Draw error rates over the threshold with their confidence intervals."""
    drawing, scale = _frame(title, 1.0, lambda value: f"{100 * value:.0f} %")
    for number, (name, points) in enumerate(curves):
        css = "second" if name == "FMR" else "first"
        upper = [(_similarity_x(p.threshold), _BASE - p.high * scale) for p in points]
        lower = [(_similarity_x(p.threshold), _BASE - p.low * scale) for p in reversed(points)]
        drawing.area([*upper, *lower], f"band {css}")
        drawing.path(
            [(_similarity_x(p.threshold), _BASE - p.rate * scale) for p in points], f"curve {css}"
        )
        y = _TOP + 10 + 16 * number
        drawing.line(_LEFT + 8, y - 4, _LEFT + 30, y - 4, f"curve {css}")
        drawing.text(_LEFT + 36, y, name, anchor="start")
    _similarity_axis(drawing)
    x = _similarity_x(chosen)
    drawing.line(x, _TOP - 6, x, _BASE + 4, "threshold line")
    return drawing.render()


def quantiles_over_time(periods: Sequence[Period], threshold: float, title: str) -> Markup:
    """Draw the similarity's median and spread, week by week."""
    drawing, scale = _frame(title, 100.0, lambda value: f"{value:g}")
    middle = QUANTILES.index(50)
    slot = _PLOT_WIDTH / len(periods)
    spacing = max(1, math.ceil(len(periods) / _MAX_LABELS))
    points = []
    for number, period in enumerate(periods):
        x = _LEFT + (number + 0.5) * slot
        values = [_BASE - value * scale for value in period.quantiles]
        label = f"{period.begins}: {period.quantiles[middle]:.1f} ({period.comparisons})"
        width = min(slot * 0.5, 22.0)
        drawing.line(x, values[0], x, values[-1], "whisker")
        drawing.rectangle(x - width / 2, values[3], width, values[1] - values[3], "box", label)
        points.append((x, values[middle]))
        if number % spacing == 0:
            drawing.text(x, _BASE + 18, period.begins[5:], anchor="middle")
    drawing.path(points, "curve")
    for (x, y), period in zip(points, periods, strict=True):
        drawing.circle(x, y, 4, "dot", f"{period.begins}: {period.quantiles[middle]:.1f}")
    y = _BASE - threshold * scale
    drawing.line(_LEFT, y, _LEFT + _PLOT_WIDTH, y, "threshold")
    return drawing.render()


def _frame(title: str, largest: float, label: object) -> tuple[Drawing, float]:
    """Draw the vertical axis; return the drawing, and the height of one unit."""
    assert callable(label)
    drawing = Drawing(_WIDTH, _HEIGHT, title)
    step = nice_step(largest)
    if isinstance(largest, int):
        step = max(1.0, step)
    top = max(step, math.ceil(largest / step) * step)
    scale = _PLOT_HEIGHT / top
    for number in range(round(top / step) + 1):
        value = number * step
        y = _BASE - value * scale
        drawing.line(_LEFT, y, _LEFT + _PLOT_WIDTH, y, "axis" if number == 0 else "grid")
        drawing.text(_LEFT - 6, y + 4, label(value), anchor="end")
    return drawing, scale


def _similarity_x(similarity: float) -> float:
    return _LEFT + _PLOT_WIDTH * similarity / 100


def _similarity_axis(drawing: Drawing) -> None:
    for tick in range(0, 101, 10):
        x = _similarity_x(tick)
        drawing.line(x, _BASE, x, _BASE + 4, "axis")
        drawing.text(x, _BASE + 18, f"{tick}")
