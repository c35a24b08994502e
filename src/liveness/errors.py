"""Every error this function raises on purpose.

    LivenessError
    ├── ConfigurationError        an operator must change something before this can work
    │   └── SettingsError         LIVENESS_* or the region: all problems at once
    ├── EventError                the event is not of any known type
    ├── StoreUnavailableError     COS failed; the same request may succeed later
    │   └── UnreadableReplyError  its reply cannot be understood, perhaps because of the object
    ├── ObjectChangedError        an input is not the one that was inspected
    ├── ObjectGoneError           an input no longer exists
    ├── ObjectUnreadableError     an object that no request of ours can read
    ├── LedgerDamagedError        a ledger object is not as this function wrote it
    ├── PairNotFinishedError      what a walk raises: one of the above, and whether it is parked
    └── PairsNotFinishedError     raised last of all, so that the platform retries the event

Messages are our own, never those of a library's exception: those quote URLs, and a pre-signed URL
is a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class LivenessError(Exception):
    """Base class of all errors of this package."""


class ConfigurationError(LivenessError):
    """Something outside the code is set up wrong; the message says what would be right."""


class SettingsError(ConfigurationError):
    """One or more settings are missing or wrong; `problems` names each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("settings: " + "; ".join(self.problems))


class EventError(LivenessError):
    """The event is neither a COS message, a timer message nor a direct invocation."""


class StoreUnavailableError(LivenessError):
    """COS could not be reached, answered 5xx, or sent a reply that cannot be understood."""


class UnreadableReplyError(StoreUnavailableError):
    """COS sent a reply that is not HTTP, or that lacks headers we need.

    An input's uploader chooses some of the headers, so this may happen at every request.
    """


class ObjectChangedError(LivenessError):
    """The object's ETag is no longer the one that was inspected."""


class ObjectGoneError(LivenessError):
    """The object existed when it was inspected, and no longer does."""


class ObjectUnreadableError(LivenessError):
    """COS refuses to read this one object; `reason` is a local outcome that says why."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class LedgerDamagedError(LivenessError):
    """A ledger object was edited or truncated: calling again would risk paying twice."""


class PairNotFinishedError(LivenessError):
    """A walk ended in `cause`; only walks raise this."""

    def __init__(self, cause: LivenessError, marker_written: bool) -> None:
        self.cause = cause
        self.marker_written = marker_written
        """Whether a marker for the pair exists already, so that the caller need not park it."""
        super().__init__(str(cause))


class PairsNotFinishedError(LivenessError):
    """Some pairs of this event must be tried again; `failures` maps pair id to the reason."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        self.failures = dict(failures)
        named = "; ".join(f"{pair_id!r}: {reason}" for pair_id, reason in failures.items())
        super().__init__(f"{len(failures)} pair(s) must be tried again: {named}")
