"""The sandbox's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime


class Clock:
    """Real time plus an offset, which may begin below zero and never decreases.

    It governs what the sandbox itself issues: `Date`, `Last-Modified`, the lifetime of temporary
    credentials, of best frames and of upload links, the seconds of a rate limit, and how long a
    stale view lasts. Signatures are checked against real time, which the client's clock shows.
    """

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._offset = timedelta(seconds=offset_seconds)
        self._on_advance: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self._offset

    def monotonic(self) -> float:
        """Return seconds for measuring intervals, independent of changes to the machine's date.

        Only `advance` makes them jump.
        """
        return time.monotonic() + self._offset.total_seconds()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("the sandbox's clock never moves backwards")
        self._offset += timedelta(seconds=seconds)
        for listener in self._on_advance:
            listener()

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call the listener after each jump, so that a waiter can check its deadline again."""
        self._on_advance.append(listener)


def http_date(moment: datetime) -> str:
    """Format as `Sun, 06 Nov 1994 08:49:37 GMT`; HTTP dates have whole seconds only."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def iso_date(moment: datetime) -> str:
    """Format as `2018-11-12T00:00:00Z`, the form of listings and timer messages."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
