"""Overview and threshold: the figures of the local file, drawn as plots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web

from liveness.errors import LivenessError
from liveness_cli.console import ignore_progress
from liveness_cli.errors import reason_of_error
from liveness_cli.operator.reader import Reader
from liveness_cli.operator.snapshot import Backlog

from . import charts
from .overview import Overview
from .rows import STATUSES, UNREADABLE
from .search import ResultFilter
from .server import Page, Problem, Route
from .texts import Texts
from .threshold import THRESHOLDS, ThresholdAnalysis, analyze

_HOUR, _DAY = 3600, 86400
# The choices of days, and the width of a bar in seconds.
_SPANS = {"1": (1, _HOUR), "7": (7, _HOUR), "30": (30, _DAY)}
_DEFAULT_SPAN = "7"
_ALL_STATUSES = (*STATUSES, UNREADABLE)


class Share(NamedTuple):
    """A part of a whole, for a bar."""

    name: str
    number: int
    percent: float


class FigureViews:
    """The views with figures."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def routes(self) -> list[Route]:
        return [
            Route("GET", "overview", self.overview),
            Route("GET", "threshold", self.threshold),
        ]

    async def overview(self, request: web.Request) -> web.Response:
        name = request.query.get("days", _DEFAULT_SPAN)
        if name not in _SPANS:
            raise Problem(400, "error_filter", name="filter_days", right=", ".join(_SPANS))
        days, width = _SPANS[name]
        # Whole bars, including the one that is not over yet.
        until = (self._page.target.store.now() // width + 1) * width
        since = until - days * _DAY
        index = self._page.results.index
        figures, backlog = await asyncio.gather(
            asyncio.to_thread(index.overview, since, until), asyncio.to_thread(self._backlog)
        )
        texts = self._page.texts(request)
        return self._page.render(
            request,
            "overview.html",
            tab="overview",
            days=name,
            spans=list(_SPANS),
            figures=figures,
            total=sum(figures.by_status.values()),
            statuses=[status for status in _ALL_STATUSES if figures.by_status.get(status)],
            plot=charts.results_over_time(
                _bars(figures, since, until, width), _ALL_STATUSES, texts("overview_hours")
            ),
            retakes=_shares(figures.retakes_by_reason),
            backlog=backlog if isinstance(backlog, Backlog) else None,
            backlog_problem="" if isinstance(backlog, Backlog) else backlog,
            read_at=index.results_read_at(),
            failure=self._page.results.failure,
        )

    def _backlog(self) -> Backlog | str:
        """Read the backlog; return why, if it cannot be read."""
        try:
            return Reader(self._page.target, ignore_progress).read_backlog()
        except LivenessError as error:
            return reason_of_error(error)

    async def threshold(self, request: web.Request) -> web.Response:
        current = self._page.target.settings.sim_threshold
        chosen = _chosen(request.query.get("at", ""), current)
        analysis = await asyncio.to_thread(self._analyze, sorted({*THRESHOLDS, current, chosen}))
        texts = self._page.texts(request)
        return self._page.render(
            request,
            "threshold.html",
            tab="threshold",
            analysis=analysis,
            current=current,
            chosen=chosen,
            row=next(row for row in analysis.rows if row.threshold == chosen),
            rate=partial(_rate_text, texts),
            histogram=charts.histogram(
                analysis.histogram, chosen, current, texts("threshold_histogram")
            ),
            rates=_rates_plot(analysis, chosen, texts),
            over_time=charts.quantiles_over_time(analysis.weeks, current, texts("threshold_time"))
            if analysis.weeks
            else None,
            read_at=self._page.results.index.results_read_at(),
            failure=self._page.results.failure,
        )

    def _analyze(self, thresholds: Sequence[float]) -> ThresholdAnalysis:
        index, everything = self._page.results.index, ResultFilter()
        return analyze(
            index.comparisons(everything), thresholds, unreadable=index.unreadable(everything)
        )


def _bars(
    figures: Overview, since: float, until: float, width: int
) -> list[tuple[float, dict[str, int]]]:
    """Group the hours into bars of equal width, including bars without results."""
    bars: dict[int, dict[str, int]] = {at: {} for at in range(int(since), int(until), width)}
    for hour in figures.hours:
        bar = bars[int(since + (hour.begins - since) // width * width)]
        for status, number in hour.by_status.items():
            bar[status] = bar.get(status, 0) + number
    return [(float(at), bar) for at, bar in bars.items()]


def _shares(numbers: dict[str, int]) -> list[Share]:
    total = sum(numbers.values())
    return [Share(name, number, 100 * number / total) for name, number in numbers.items()]


def _chosen(text: str, current: float) -> float:
    if not text:
        return current
    try:
        chosen = float(text)
    except ValueError:
        chosen = -1.0
    if not 0 <= chosen <= 100:
        raise Problem(400, "error_filter", name="filter_at", right="70")
    return chosen


def _rates_plot(analysis: ThresholdAnalysis, chosen: float, texts: Texts) -> Any:
    """Draw both error rates; None if nobody judged any comparison."""
    if not analysis.mated and not analysis.non_mated:
        return None
    curves: list[tuple[str, list[charts.RatePoint]]] = []
    get: Callable[[Any], Any]
    for name, get in (("FNMR", lambda row: row.fnmr), ("FMR", lambda row: row.fmr)):
        points = [
            charts.RatePoint(row.threshold, rate.rate, rate.interval[0], rate.interval[1])
            for row in analysis.rows
            if (rate := get(row)).rate is not None and rate.interval is not None
        ]
        if points:
            curves.append((name, points))
    return charts.error_rates(curves, chosen, texts("threshold_rates"))


def _rate_text(texts: Texts, rate: Any) -> str:
    """Describe an error rate with its interval and number; without data there is no figure."""
    if rate.rate is None or rate.interval is None:
        return texts("threshold_no_rate")
    low, high = (f"{100 * bound:.1f}" for bound in rate.interval)
    text = texts(
        "threshold_rate",
        rate=f"{100 * rate.rate:.1f}",
        low=low,
        high=high,
        errors=rate.errors,
        comparisons=rate.comparisons,
    )
    return text if rate.is_reliable else f"{text}{texts('threshold_unreliable')}"
