"""When the platform retries an asynchronous invocation, and when it gives up (583/39851)."""

from __future__ import annotations

from dataclasses import dataclass

from .status import Status

MAX_RETRIES = 2
MIN_EVENT_AGE_SECONDS, MAX_EVENT_AGE_SECONDS = 60, 6 * 3600
"""The range of the setting `max_event_age_seconds`."""
_PAUSE_SECONDS = 60


@dataclass(frozen=True)
class RetryRules:
    """What UpdateFunctionEventInvokeConfig sets: RetryNum and MsgTTL."""

    retries: int = MAX_RETRIES
    """Further tries after an error or a timeout."""
    max_event_age_seconds: float = MAX_EVENT_AGE_SECONDS
    """An older event is given up, whatever the outcome of its tries."""

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= MAX_RETRIES:
            raise ValueError(f"retries must be 0 to {MAX_RETRIES}, not {self.retries}")
        if not MIN_EVENT_AGE_SECONDS <= self.max_event_age_seconds <= MAX_EVENT_AGE_SECONDS:
            raise ValueError(
                f"max_event_age_seconds must be {MIN_EVENT_AGE_SECONDS} to "
                f"{MAX_EVENT_AGE_SECONDS}, not {self.max_event_age_seconds}"
            )

    def pause_after(self, status: Status, failures: int) -> float | None:
        """Return the seconds until the next try, or None if there is none.

        `failures` does not include rejections for exceeding the quota: those are not failures of
        the function, and are retried until the event is too old.
        """
        if status is Status.OVER_QUOTA or failures <= self.retries:
            return _PAUSE_SECONDS
        return None
