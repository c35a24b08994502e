"""The platform's cron expressions (583/9708): seven fields, seconds first, year last."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from croniter import CroniterBadDateError, croniter

_FIELDS = 7
# Numbers, names and the four wildcards of the document; croniter supports more than the platform.
_FIELD = re.compile(r"(?:[0-9,*/-]|[A-Za-z]{3})+")
# Timers use the time of China in every region [obs].
_ZONE = timezone(timedelta(hours=8))


class Cron:
    """When a timer is due. If both day and weekday are given, either of them is sufficient."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) != _FIELDS or not all(map(_FIELD.fullmatch, fields)):
            raise ValueError(
                f"{expression!r} is not a cron expression of seven fields, seconds first"
            )
        try:
            croniter.expand(expression, second_at_beginning=True)
        except ValueError as error:
            raise ValueError(f"{expression!r} is not a cron expression: {error}") from None
        self._expression = expression

    def after(self, moment: float) -> float | None:
        """Return the next due time after a moment, in seconds since 1970, or None."""
        start = datetime.fromtimestamp(moment, _ZONE)
        times: Iterator[float] = croniter(self._expression, start, second_at_beginning=True)
        try:
            return next(times)
        except (CroniterBadDateError, StopIteration):
            return None
