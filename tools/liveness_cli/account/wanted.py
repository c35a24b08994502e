"""What `liveness configure` is asked for."""

from __future__ import annotations

from typing import Literal, NamedTuple

# What a healthy installation has, and what the platform gives a new function: an event that failed
# is tried twice more, and waits 6 hours over the quota. Both are the most there is.
RETRIES, AGE_SECONDS = 2, 6 * 3600


class Wanted(NamedTuple):
    """What is to be set; None: leave it as it is."""

    quota: int | Literal["none"] | None = None
    retries: int | None = None
    age_seconds: int | None = None
    ledger_rules: bool = False
    inputs_days: int | Literal["never"] | None = None
    results_days: int | Literal["never"] | None = None

    @property
    def is_stop(self) -> bool:
        return self.quota == 0


HEALTHY = Wanted(retries=RETRIES, age_seconds=AGE_SECONDS, ledger_rules=True)
