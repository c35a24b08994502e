"""The work of the commands, up to the value that is printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from liveness_cli.errors import InvalidUsage
from liveness_cli.text import format_time

from .cost import Prices, cost
from .export import export
from .search import ResultFilter
from .session import current_results
from .threshold import THRESHOLDS, analyze

THRESHOLD_SCHEMA = "liveness-threshold/1"


def threshold_value(
    thresholds: Sequence[float], since: float | None, until: float | None, *, offline: bool
) -> dict[str, Any]:
    selection = _span(since, until)
    with current_results(offline=offline) as session:
        current = session.target.settings.sim_threshold
        analysis = analyze(
            session.index.comparisons(selection),
            sorted({*THRESHOLDS, current, *thresholds}),
            unreadable=session.index.unreadable(selection),
        )
        return {
            "schema": THRESHOLD_SCHEMA,
            "bucket": session.target.settings.result_bucket,
            "results_read": format_time(session.index.results_read_at()),
            "since": format_time(since),
            "until": format_time(until),
            "current_threshold": current,
            "asked_for": sorted(set(thresholds)),
            **analysis.to_json(),
        }


def export_value(
    directory: Path,
    file_format: str,
    statuses: Sequence[str],
    since: float | None,
    until: float | None,
    *,
    offline: bool,
) -> dict[str, Any]:
    selection = _span(since, until)._replace(statuses=tuple(dict.fromkeys(statuses)))
    with current_results(offline=offline) as session:
        return export(
            session.index,
            session.target.settings,
            directory,
            file_format,
            selection,
            session.target.clock.now(),
            session.progress,
        )


def cost_value(
    call_price: Decimal | None,
    write_price: Decimal | None,
    read_price: Decimal | None,
    since: float | None,
    until: float | None,
    *,
    offline: bool,
) -> dict[str, Any]:
    _span(since, until)
    with current_results(offline=offline) as session:
        value = cost(
            session.index.database,
            Prices(call_price, write_price, read_price),
            -math.inf if since is None else since,
            math.inf if until is None else until,
        )
        return {
            "schema": value.pop("schema"),
            "bucket": session.target.settings.result_bucket,
            "results_read": format_time(session.index.results_read_at()),
            "since": format_time(since),
            "until": format_time(until),
            **value,
        }


def _span(since: float | None, until: float | None) -> ResultFilter:
    """Return the filter; raises InvalidUsage if nothing could match it."""
    if since is not None and until is not None and since >= until:
        raise InvalidUsage(
            f"--since {format_time(since)} is not before --until {format_time(until)}"
        )
    return ResultFilter(since=since, until=until)
