"""The circuit breaker of the drain: no calls while the API does not answer, or refuses us.

It opens after several calls in a row without a reply, or after refusals of the account. While it is
open, one probe at a time is made at growing intervals, until one is answered. Its state is an
object in the ledger that successive drainers and events share; closing it deletes the object.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any, NamedTuple

from .keys import NEXT_PROBE_META, breaker_key
from .records import encode
from .settings import Settings
from .store import JSON, UNPARSABLE, ObjectHead, RetryingStore, wait_until

BREAKER_SCHEMA = "liveness-breaker/1"
# In a row: one call may be lost by chance, but an account is not refused by chance.
_MAX_UNANSWERED = 5
_MAX_REFUSED = 2
_FIRST_INTERVAL_SECONDS = 55.0  # less than a minute: the timer that probes fires every minute
_MAX_INTERVAL_SECONDS = 295.0
# No genuine wait is longer.
_MAX_WAIT_SECONDS = 2 * _MAX_INTERVAL_SECONDS
_MAX_DOUBLINGS = 8  # after which the longest interval is reached anyway
_MAX_STATE_BYTES = 16 * 1024


class CallOutcome(Enum):
    """What a call says about the service and the account."""

    VERDICT = "verdict"
    ANSWERED = "answered"  # without a verdict
    BAD_LINK = "bad-link"  # answered, but the service could not fetch the inputs intact
    THROTTLED = "throttled"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class BreakerState(NamedTuple):
    """The state of an open breaker; times by the store's clock."""

    cause: str  # the value of REFUSED or UNANSWERED
    since: float
    probes: int
    next_probe: float

    def wait(self, now: float) -> float:
        """Return the seconds until the next probe may be made."""
        return wait_until(self.next_probe, now, _MAX_WAIT_SECONDS)


class Breaker:
    """A circuit breaker around the calls of one drainer."""

    def __init__(
        self, settings: Settings, store: RetryingStore, lock: AbstractContextManager[Any]
    ) -> None:
        self._settings = settings
        self._store = store
        self._lock = lock
        self._state: BreakerState | None = None
        self._stored: BreakerState | None = None
        self._is_damaged = False  # the stored object; then it must be replaced or deleted
        self._failures: list[CallOutcome] = []  # in a row
        self._bad_links = 0  # in a row
        self.most_bad_links = 0
        """The longest row of calls for which the service could not fetch the inputs."""

    @property
    def state(self) -> BreakerState | None:
        """None while the breaker is closed."""
        return self._state

    @property
    def was_open(self) -> bool:
        """Whether the breaker was open when its state was read or written last."""
        return self._stored is not None

    @property
    def blocks(self) -> bool:
        """Whether no call may be made now, not even a probe."""
        return self._state is not None and self._store.now() < self._state.next_probe

    def load(self) -> None:
        """Read the state that earlier drainers left."""
        bucket, key = self._settings.ledger_bucket, breaker_key(self._settings)
        stored = self._store.get(bucket, key, _MAX_STATE_BYTES)
        self._state = self._stored = None if stored is None else read_state(stored.body)
        self._is_damaged = stored is not None and self._stored is None
        latest = self._store.now() + _MAX_WAIT_SECONDS
        if self._state and not self._state.next_probe <= latest:  # true for NaN, too
            self._state = self._state._replace(next_probe=0.0)

    def save(self) -> None:
        """Write the state, or delete it once the breaker is closed, if that changed."""
        state, bucket, key = self._state, self._settings.ledger_bucket, breaker_key(self._settings)
        if state == self._stored and not self._is_damaged:
            return
        if state is None:
            self._store.delete(bucket, key)
        else:
            record = {
                "schema": BREAKER_SCHEMA,
                "cause": state.cause,
                "since": state.since,
                "probes": state.probes,
                "next_probe": state.next_probe,
            }
            metadata = {NEXT_PROBE_META: f"{state.next_probe:.0f}"}
            self._store.put(bucket, key, encode(record), JSON, metadata)
        self._stored, self._is_damaged = state, False

    def observe(self, outcome: CallOutcome) -> None:
        """Record the outcome of a call."""
        with self._lock:
            self._bad_links = self._bad_links + 1 if outcome is CallOutcome.BAD_LINK else 0
            self.most_bad_links = max(self.most_bad_links, self._bad_links)
            if outcome in (CallOutcome.REFUSED, CallOutcome.UNANSWERED):
                self._failures.append(outcome)
                self._fail(outcome)
            else:
                self._failures.clear()
                self._state = None

    def open(self, outcome: CallOutcome) -> None:
        """Open the breaker for a failure that came before any call, or record a failed probe."""
        with self._lock:
            if self._state is None:
                self._open(outcome, self._store.now())
            else:
                self._fail(outcome)

    def _open(self, outcome: CallOutcome, now: float) -> None:
        self._state = BreakerState(outcome.value, now, 0, now + _FIRST_INTERVAL_SECONDS)

    def _fail(self, outcome: CallOutcome) -> None:
        now = self._store.now()
        if self._state is not None:
            if now >= self._state.next_probe:  # it was a probe, not a call from before
                probes = self._state.probes + 1
                doublings = min(probes, _MAX_DOUBLINGS)  # an outage may last for days
                interval = min(_FIRST_INTERVAL_SECONDS * 2.0**doublings, _MAX_INTERVAL_SECONDS)
                next_probe = now + interval
                self._state = self._state._replace(probes=probes, next_probe=next_probe)
        elif (
            self._failures.count(CallOutcome.REFUSED) >= _MAX_REFUSED
            or len(self._failures) >= _MAX_UNANSWERED
        ):
            self._open(outcome, now)


def read_state(body: bytes) -> BreakerState | None:
    """Parse a stored state; None, as if the breaker were closed, if it is not as we wrote it."""
    try:
        record = json.loads(body)
        return BreakerState(
            cause=str(record["cause"]),
            since=float(record["since"]),
            probes=max(0, int(record["probes"])),
            next_probe=float(record["next_probe"]),
        )
    except UNPARSABLE:
        return None


def open_until(head: ObjectHead | None, now: float) -> float | None:
    """Return when the next probe may be made, from the head of breaker.json; None if closed."""
    if head is None:
        return None
    try:
        next_probe = float(head.metadata[NEXT_PROBE_META])
    except (KeyError, ValueError):
        return now
    return now + wait_until(next_probe, now, _MAX_WAIT_SECONDS)
