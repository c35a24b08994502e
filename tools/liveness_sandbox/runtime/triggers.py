"""The triggers of a function."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..clock import iso_date
from ..cos.store import Bucket
from .aliases import DEFAULT

if TYPE_CHECKING:
    from .cron import Cron


@dataclass(frozen=True)
class CosTrigger:
    bucket: str | Bucket
    prefix: str = ""
    suffix: str = ""
    events: tuple[str, ...] = ("cos:ObjectCreated:*",)
    enabled: bool = True
    qualifier: str = DEFAULT
    """The version or the alias that gets the events."""
    description: str = ""
    changed: datetime | None = None
    """When it was created or changed through the API."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What stays the same when it is enabled or disabled."""
        return ("cos", self.bucket_name, self.prefix, self.suffix, *self.events, self.qualifier)

    @property
    def bucket_name(self) -> str:
        return self.bucket.name if isinstance(self.bucket, Bucket) else self.bucket

    def matches(self, bucket: Bucket, key: str, event_name: str) -> bool:
        return (
            self.enabled
            and bucket.name == self.bucket_name
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
            and any(fnmatch.fnmatchcase(event_name, pattern) for pattern in self.events)
        )


@dataclass(frozen=True)
class TimerTrigger:
    """Without a cron expression it fires only by `Function.fire_timer`."""

    name: str
    message: str = ""
    cron: str | None = None
    enabled: bool = True
    qualifier: str = DEFAULT
    description: str = ""
    changed: datetime | None = None
    """When it was created or changed through the API."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What stays the same when it is enabled or disabled."""
        return ("timer", self.name, self.qualifier)

    def __post_init__(self) -> None:
        self._schedule()  # report an invalid expression early

    def event(self, moment: datetime) -> dict[str, Any]:
        return {
            "Type": "Timer",
            "TriggerName": self.name,
            "Time": iso_date(moment),
            "Message": self.message,
        }

    def next(self, moment: float) -> float | None:
        """Return when it fires next after a moment, in seconds since 1970."""
        schedule = self._schedule()
        return None if schedule is None else schedule.after(moment)

    def _schedule(self) -> Cron | None:
        if self.cron is None:
            return None
        from .cron import Cron  # importing croniter takes longer than starting the sandbox

        return Cron(self.cron)


Trigger = CosTrigger | TimerTrigger
