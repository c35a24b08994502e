"""Writes and reads markers: durable notes that a pair is due. To park a pair is to write one.

A marker's name begins with its due time, so a listing shows the oldest first. Due times are by the
store's clock, so instances agree on them even if their own clocks are minutes apart.
"""

from __future__ import annotations

import contextlib
import json
from enum import Enum
from typing import NamedTuple

from .context import Context
from .errors import LivenessError
from .history import History, read_history
from .keys import marker_key
from .records import encode
from .store import CLOCK_RESOLUTION_SECONDS, JSON, UNPARSABLE

MARKER_SCHEMA = "liveness-marker/3"
# The deliveries after which a poison message, one that ends every invocation, is given up.
MAX_DELIVERIES = 10
MAX_MARKER_BYTES = 16 * 1024
# A marker that is being processed is due again after this long, in case its instance dies.
REDELIVERY_SECONDS = 150.0
# A drain may list a marker this early: due times in names are whole seconds, and clocks differ.
DRAINED_EARLY_SECONDS = CLOCK_RESOLUTION_SECONDS + 1.0


class ParkReason(Enum):
    """Why a pair is parked: its code is what is stored and logged, its text is for people."""

    LEASE_HELD = "lease-held", "another invocation holds the lease"
    DRAIN_ACTIVE = "drain-active", "another instance is draining the backlog"
    TIME_EXHAUSTED = "time-exhausted", "too little of the invocation is left for a call"
    NO_CALL_SLOT = "no-call-slot", "no call slot is available before the invocation times out"
    DRAIN_ENDING = "drain-ending", "the drain ends before this call could start"
    ATTEMPTS_EXHAUSTED = "attempts-exhausted", "no attempts left; the last may still be answered"
    LATE_WRITE = "late-write", "an unacknowledged write may still take effect"
    RECONCILE = "reconcile", "reconcile found that no event finished the pair"
    INPUTS_UNSTABLE = "inputs-unstable", "the inputs kept changing while being processed"
    THROTTLED = "throttled", "the face API is over its request rate"
    BREAKER_OPEN = "breaker-open", "the breaker is open: no calls are made but probes"
    SPACED = "spaced", "the pause since the last set-back is not over"
    PACKAGE_IN_USE = "package-in-use", "another pair may be judged with the same package"
    UNREACHABLE = "unreachable", "the face API cannot be reached; no call was sent", True
    OUTCOME_UNKNOWN = "outcome-unknown", "a call got no reply; it may have been billed", True
    TRANSIENT = "transient", "the face API could not judge the inputs for now", True
    BAD_LINK = "bad-link", "the face API could not fetch the inputs intact", True
    MISCONFIGURED = "misconfigured", "the face API refuses; an operator must act", True
    PREPARATION_SLOW = "preparation-slow", "reading the inputs took too long", True
    PREPARATION_FAILED = "preparation-failed", "the call could not be prepared", True
    STORE_UNAVAILABLE = "store-unavailable", "COS could not be reached, or failed", True
    UNEXPECTED_ERROR = "unexpected-error", "processing the pair raised an error", True

    def __init__(self, code: str, text: str, is_error: bool = False) -> None:
        self.code = code
        self.text = text
        self.is_error = is_error
        """Whether an operator should see it as an error; otherwise the pair only waits."""

    @classmethod
    def from_code(cls, code: object) -> ParkReason | None:
        """Return the reason with that code, or None."""
        return next((reason for reason in cls if reason.code == code), None)


class Marker(NamedTuple):
    """A note that a pair is due."""

    pair_id: str
    reason: ParkReason
    detail: str = ""  # what the service said, or where an error was raised
    deliveries: int = 0  # how many drainers began to process it and did not finish
    fingerprint: str = ""  # of the content that `history` is about
    history: History = History()


def park(ctx: Context, marker: Marker, seconds: float) -> str:
    """Write a marker that is due after that many seconds; return its key."""
    now = ctx.store.now()
    due = now + seconds
    record = {
        "schema": MARKER_SCHEMA,
        "pair_id": marker.pair_id,
        "reason": marker.reason.code,
        "detail": marker.detail,
        "deliveries": marker.deliveries,
        "fingerprint": marker.fingerprint,
        "history": marker.history.to_record(),
        "due": due,
        "parked_at": now,
    }
    has_setbacks = bool(marker.history.setbacks or marker.history.unanswered)
    key = marker_key(ctx.settings, marker.pair_id, due, ctx.rng.token(), has_setbacks)
    body = encode(record)
    ctx.store.put(ctx.settings.ledger_bucket, key, body, JSON, {})
    return key


def try_park(ctx: Context, marker: Marker, seconds: float) -> bool:
    """Park, but raise no LivenessError, which would mask another; return whether it worked."""
    with contextlib.suppress(LivenessError):
        park(ctx, marker, seconds)
        return True
    return False


def read_marker(body: bytes) -> Marker | None:
    """Parse a marker; None if it is not as this function wrote it."""
    try:
        record = json.loads(body)
        reason = ParkReason.from_code(record["reason"])
        detail, deliveries = str(record["detail"]), int(record["deliveries"])
        pair_id, fingerprint = record["pair_id"], str(record["fingerprint"])
        history = read_history(record["history"])
    except UNPARSABLE:
        return None
    # Giving up may fail and be retried, but no genuine marker is delivered this often.
    if not isinstance(pair_id, str) or not 0 <= deliveries < 10 * MAX_DELIVERIES:
        return None
    if reason is None:
        return None
    return Marker(pair_id, reason, detail, deliveries, fingerprint, history)
