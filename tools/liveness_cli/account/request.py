"""The settings that `liveness configure` is to apply."""

from __future__ import annotations

from typing import Literal, NamedTuple

# The platform's values for a new function, and the maximum it allows.
RETRIES, MAX_EVENT_AGE_SECONDS = 2, 6 * 3600


class ConfigureRequest(NamedTuple):
    """The settings to apply; None leaves a setting as it is."""

    reserved_mb: int | Literal["none"] | None = None
    retries: int | None = None
    max_event_age_seconds: int | None = None
    ledger_rules: bool = False
    inputs_days: int | Literal["never"] | None = None
    frames_days: int | Literal["never"] | None = None
    results_days: int | Literal["never"] | None = None

    @property
    def is_stop(self) -> bool:
        """Whether this is an emergency stop."""
        return self.reserved_mb == 0


# The settings of a healthy installation.
DEFAULTS = ConfigureRequest(
    retries=RETRIES, max_event_age_seconds=MAX_EVENT_AGE_SECONDS, ledger_rules=True
)
