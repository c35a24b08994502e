"""The list of results with its filters, and the pairs that wait."""

from __future__ import annotations

import asyncio
import calendar
import math
import time
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from liveness_cli.operator.listed_inputs import StrayKey, WaitingPair, reason_of
from liveness_cli.operator.sentences import render

from .refreshing import Results
from .rendering import query
from .rows import STATUSES, UNREADABLE, ResultRow
from .search import ResultFilter, ResultPage
from .server import Page, Problem, Route
from .state import ListedPairs

_PAGE_ROWS = 50
_MAX_WAITING = 500
_REFRESH_SECONDS = 10.0
_DECIDED = {"yes": True, "no": False}
_TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
_FIELDS = ("q", "status", "reason", "from", "until", "least", "most", "decided")


class _Read(NamedTuple):
    page: ResultPage
    total: int
    reasons: list[tuple[str, int]]
    read_at: float | None


class ListViews:
    """The views of the local file."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _results(self) -> Results:
        return self._page.results

    @property
    def routes(self) -> list[Route]:
        return [
            Route("GET", "", self.show),
            Route("GET", "waiting", self.waiting),
            Route("GET", "refresh", self.refresh),
        ]

    async def show(self, request: web.Request) -> web.Response:
        given = {name: request.query.get(name, "").strip() for name in _FIELDS}
        selection = filter_of(given)
        after = request.query.get("after") or None
        read = await asyncio.to_thread(self._read, selection, after)
        address_query = query({**given, "after": after})
        rows = [self._with_own_decision(row) for row in read.page.rows]
        listed = ListedPairs(
            address_query,
            [row.pair_id for row in rows],
            [row.pair_id for row in rows if not row.decision],
        )
        self._page.registry.add_list(listed)
        return self._page.render(
            request,
            "list.html",
            tab="list",
            given=given,
            rows=rows,
            count=read.total,
            reasons=read.reasons,
            statuses=(*STATUSES, UNREADABLE),
            read_at=read.read_at,
            failure=self._results.failure,
            is_filtered=any(given.values()),
            is_later_page=after is not None,
            first=query(given),
            older=query({**given, "after": read.page.next}) if read.page.next else "",
            listed=listed,
        )

    async def waiting(self, request: web.Request) -> web.Response:
        index = self._results.index

        def read() -> tuple[list[WaitingPair], list[StrayKey], int, float | None]:
            return (
                index.waiting(_MAX_WAITING),
                index.strays(_MAX_WAITING),
                index.stray_count(),
                index.inputs_read_at(),
            )

        settings, language = self._page.target.settings, self._page.texts(request).language
        waiting, strays, stray_count, read_at = await asyncio.to_thread(read)
        return self._page.render(
            request,
            "waiting.html",
            tab="waiting",
            waiting=waiting,
            strays=[(stray, render(reason_of(settings, stray), language)) for stray in strays],
            stray_count=stray_count,
            most=_MAX_WAITING,
            read_at=read_at,
            now=self._page.target.store.now(),
            failure=self._results.failure,
        )

    async def refresh(self, request: web.Request) -> web.Response:
        """Read new results, and return to where the reviewer was."""
        await self._results.refresh_now(_REFRESH_SECONDS)
        path = "waiting" if request.query.get("to") == "waiting" else ""
        given = {name: request.query.get(name, "") for name in _FIELDS}
        raise web.HTTPSeeOther(self._page.address(path, **given))

    def _read(self, selection: ResultFilter, after: str | None) -> _Read:
        index = self._results.index
        try:
            page = index.page(selection, limit=_PAGE_ROWS, after=after)
        except ValueError:
            raise Problem(400, "error_not_found") from None
        return _Read(page, index.count(selection), index.reasons(), index.results_read_at())

    def _with_own_decision(self, row: ResultRow) -> ResultRow:
        """Show decisions of this run before the file has them."""
        fingerprint, decision = self._page.registry.decided.get(row.pair_id, ("", ""))
        if row.decision or not decision or fingerprint != row.fingerprint:
            return row
        return row._replace(decision=decision)


def filter_of(given: Mapping[str, str]) -> ResultFilter:
    """Read the filter from the entered values. Raises a Problem that names the field."""
    decided = given["decided"]
    return ResultFilter(
        statuses=(given["status"],) if given["status"] else (),
        reasons=(given["reason"],) if given["reason"] else (),
        since=_time(given, "from"),
        until=_time(given, "until"),
        min_similarity=_similarity(given, "least"),
        max_similarity=_similarity(given, "most"),
        is_decided=_DECIDED.get(decided),
        is_disputed=True if decided == "disputed" else None,
        pair_id=given["q"],
    )


def _time(given: Mapping[str, str], name: str) -> float | None:
    """Read a date or a time, UTC; a date as `until` includes that day."""
    text = given[name]
    if not text:
        return None
    for form in _TIME_FORMATS:
        try:
            seconds = calendar.timegm(time.strptime(text, form))
        except ValueError:
            continue
        whole_day = name == "until" and form == _TIME_FORMATS[0]
        return float(seconds + (86400 if whole_day else 0))
    raise Problem(400, "error_filter", name=f"filter_{name}", right="2026-11-27T08:30")


def _similarity(given: Mapping[str, str], name: str) -> float | None:
    text = given[name]
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise Problem(400, "error_filter", name=f"filter_{name}", right="70")
    return value
