"""What wakes a function."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clock import iso_date
from ..cos.store import Bucket


@dataclass(frozen=True)
class CosTrigger:
    bucket: str | Bucket
    prefix: str = ""
    suffix: str = ""
    events: tuple[str, ...] = ("cos:ObjectCreated:*",)

    @property
    def bucket_name(self) -> str:
        return self.bucket.name if isinstance(self.bucket, Bucket) else self.bucket

    def matches(self, bucket: Bucket, key: str, event_name: str) -> bool:
        return (
            bucket.name == self.bucket_name
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
            and any(fnmatch.fnmatchcase(event_name, pattern) for pattern in self.events)
        )


@dataclass(frozen=True)
class TimerTrigger:
    name: str
    message: str = ""

    def event(self, moment: datetime) -> dict[str, Any]:
        return {
            "Type": "Timer",
            "TriggerName": self.name,
            "Time": iso_date(moment),
            "Message": self.message,
        }


Trigger = CosTrigger | TimerTrigger
