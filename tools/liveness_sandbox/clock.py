"""The sandbox's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime


class Clock:
    """Real time plus an offset that only ever grows.

    It rules what the sandbox itself issues: `Date`, `Last-Modified`, the life of temporary
    credentials, of best frames and of upload links. What a client signs is judged by real time,
    because the client's clock stays there.
    """

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self._offset

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("the sandbox's clock never goes back")
        self._offset += timedelta(seconds=seconds)


def http_date(moment: datetime) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT`; whole seconds, as HTTP has no finer ones."""
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def iso_date(moment: datetime) -> str:
    """`2018-11-12T00:00:00Z`, as listings and timer messages write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
