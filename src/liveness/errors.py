"""Every error this function raises on purpose.

    LivenessError
    ├── ConfigurationError    an operator must change something before this can work
    │   └── SettingsError     LIVENESS_* or the region: all problems at once
    ├── EventError            the event as a whole is nothing we know
    ├── StoreUnavailable      COS did not do its part; the same again later may work
    ├── ObjectChanged         an input is not the one that was looked at
    ├── ObjectGone            an input is not there any more
    ├── LedgerDamaged         a ledger object is not as we wrote it
    └── PairsNotFinished      raised last of all, so that the platform tries the event again

Messages are written here, never taken from a library's exception: those quote URLs, and a
pre-signed URL is a secret.
"""

from __future__ import annotations

from collections.abc import Sequence


class LivenessError(Exception):
    """Base of all errors of this package; `parked`: a marker for the pair is written already."""

    parked = False


class ConfigurationError(LivenessError):
    """Something outside the code is set up wrong; the message says what would be right."""


class SettingsError(ConfigurationError):
    """One or more settings are missing or wrong; `problems` names each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("settings: " + "; ".join(self.problems))


class EventError(LivenessError):
    """The event is neither a COS message, a timer message nor a direct invocation."""


class StoreUnavailable(LivenessError):
    """COS could not be reached, answered 5xx, or answered what cannot be understood."""


class ObjectChanged(LivenessError):
    """The object's ETag is no longer the one that was looked at."""


class ObjectGone(LivenessError):
    """The object was there when it was looked at, and is not any more."""


class LedgerDamaged(LivenessError):
    """A ledger object was edited or cut: calling on would risk paying twice."""


class PairsNotFinished(LivenessError):
    """Some pairs of this event must be tried again; `failures` maps pair id to the reason."""

    def __init__(self, failures: dict[str, str]) -> None:
        self.failures = dict(failures)
        named = "; ".join(f"{pair_id!r}: {why}" for pair_id, why in failures.items())
        super().__init__(f"{len(failures)} pair(s) must be tried again: {named}")
