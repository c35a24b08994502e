"""The sandbox's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime


class Clock:
    """Real time plus an offset that only ever grows.

    It rules what the sandbox itself issues: `Date`, `Last-Modified`, the life of temporary
    credentials, of best frames and of upload links, the seconds of a rate limit, how long a stale
    view lasts. What a client signs is judged by real time, because the client's clock stays there.
    """

    def __init__(self) -> None:
        self._offset = timedelta()
        self._on_advance: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self._offset

    def monotonic(self) -> float:
        """Seconds for measuring: they pass at their own rate even where the machine's date is set.

        Only `advance` makes them jump.
        """
        return time.monotonic() + self._offset.total_seconds()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("the sandbox's clock never goes back")
        self._offset += timedelta(seconds=seconds)
        for listener in self._on_advance:
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call it after each jump: what waits by this clock has to look again."""
        self._on_advance.append(listener)


def http_date(moment: datetime) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`; whole seconds, as HTTP has no finer ones."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def iso_date(moment: datetime) -> str:
    """`2018-11-12T00:00:00Z`, as listings and timer messages write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
