"""When the platform tries an asynchronous invocation again, and when it gives up (583/39851)."""

from __future__ import annotations

from dataclasses import dataclass

from .status import Status

MOST_RETRIES = 2
LEAST_AGE_S, MOST_AGE_S = 60, 6 * 3600
_PAUSE_S = 60


@dataclass(frozen=True)
class RetryRules:
    """What UpdateFunctionEventInvokeConfig sets: RetryNum and MsgTTL."""

    retries: int = MOST_RETRIES
    """Further tries after an error or a timeout."""
    oldest_s: float = MOST_AGE_S
    """A message older than this is not tried any more, whatever became of it."""

    def __post_init__(self) -> None:
        if not 0 <= self.retries <= MOST_RETRIES:
            raise ValueError(f"retries are 0 to {MOST_RETRIES}, not {self.retries}")
        if not LEAST_AGE_S <= self.oldest_s <= MOST_AGE_S:
            raise ValueError(
                f"a message waits {LEAST_AGE_S} to {MOST_AGE_S} seconds, not {self.oldest_s}"
            )

    def pause_after(self, status: Status, failures: int) -> float | None:
        """Seconds to the next try of an invocation that failed so many times by itself.

        Being over the quota is not its failure: that is tried until the message is too old.
        """
        if status is Status.OVER_QUOTA or failures <= self.retries:
            return _PAUSE_S
        return None
