"""The facts read from the bucket that `status` and `explain` work with, as values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from liveness.breaker import BreakerState
from liveness.history import History
from liveness.inspection import Input, Inspection
from liveness.markers import ParkReason
from liveness.records import LEASE_SECONDS, Response
from liveness.settings import Settings
from liveness.store import CLOCK_RESOLUTION_SECONDS

from .listed_inputs import ListedInputs, StrayKey


class Owner(NamedTuple):
    """The invocation that wrote an object."""

    function: str
    version: str
    request_id: str

    def to_json(self) -> dict[str, Any]:
        return {
            "function": self.function,
            "version": self.version,
            "request_id": self.request_id,
        }


class Marker(NamedTuple):
    """A marker; the fields of its body are None if the body was not read or is damaged."""

    pair_hash: str
    due: float
    pair_id: str | None = None
    reason: ParkReason | None = None
    detail: str = ""
    deliveries: int | None = None
    parked_at: float | None = None
    is_read: bool = False
    fingerprint: str = ""  # of the content that `history` is about
    history: History | None = None

    @property
    def text(self) -> str:
        """Why the pair is parked, for people; empty if unknown."""
        if self.reason is None or not self.detail:
            return self.detail or (self.reason.text if self.reason else "")
        return f"{self.reason.text}: {self.detail}" if self.reason.is_error else self.detail


class Slot(NamedTuple):
    """The current time slot, and the invocation that drains during it."""

    owner: Owner
    taken_at: float


class Result(NamedTuple):
    """A `result.json`; if it cannot be parsed, `status` is `unreadable`."""

    pair_id: str
    published_at: float
    status: str
    code: str = ""
    detail: str = ""
    calls: int = 0  # that may have been billed
    attempts: int = 0
    fingerprint: str = ""
    similarity: float | None = None
    frame_key: str | None = None
    frame_missing_because: str | None = None
    contents: int = 0  # of its pair that were admitted, this one included
    pair_calls: int = 0  # that may have been billed, for all of these
    package_md5: str | None = None


class RepeatedCalls(NamedTuple):
    """A fingerprint for which more than one call was made."""

    pair_id: str
    fingerprint: str
    calls: int  # that may have been billed
    answered: bool


class PairCalls(NamedTuple):
    """A pair with calls for more than one content."""

    pair_id: str
    contents: int
    calls: int  # that may have been billed, for all of them


class Listing(NamedTuple):
    """How many objects were listed, and whether the listing is complete."""

    listed: int
    complete: bool


class BucketSnapshot(NamedTuple):
    """What `status` reads. It also records what was not read."""

    settings: Settings
    now: float
    markers: Sequence[Marker]  # by due time
    markers_listed: Listing
    slot: Slot | None
    reconciled_at: float | None  # when the last finished pass began
    results: Sequence[Result]  # the latest first
    results_listed: Listing
    fingerprints_listed: Listing
    repeated_calls: Sequence[RepeatedCalls]
    several_contents: Sequence[PairCalls] = ()
    repeated_calls_unread: int = 0
    waiting: ListedInputs | None = None  # pairs without a result; None if not requested
    breaker: BreakerState | None = None  # None while it is closed


class Backlog(NamedTuple):
    """What waits for a drain, and which invocation drains, at one moment."""

    markers: Sequence[Marker]  # by due time; their bodies were not read
    slot: Slot | None
    breaker: BreakerState | None  # None while it is closed
    now: float

    @property
    def due_markers(self) -> int:
        return sum(marker.due <= self.now for marker in self.markers)

    @property
    def oldest_wait(self) -> float | None:
        """How many seconds the earliest marker has been due; None if none is."""
        due = min((marker.due for marker in self.markers), default=self.now)
        return self.now - due if due < self.now else None


class LedgerRecord(NamedTuple):
    """One object of the ledger below `claims/`; its nonce never leaves this process."""

    fingerprint: str
    kind: str
    """claim, released, response, grant, late, or unknown."""
    number: int
    """The number of the attempt or grant; for a response, how many grants preceded it."""
    name: str
    written_at: float
    owner: Owner
    nonce: str | None = None
    response: Response | None = None
    """Only for the kinds response and late; None if the object is damaged."""
    history: History | None = None
    """Only for the kind released: the outcomes of all attempts up to this one."""

    def lease_left(self, now: float) -> float:
        """Return how many more seconds this claim's lease protects it."""
        return LEASE_SECONDS + CLOCK_RESOLUTION_SECONDS - (now - self.written_at)


class Submission(NamedTuple):
    """One of the contents of a pair for which calls may be made, numbered from 1."""

    number: int
    fingerprint: str  # empty if the object is damaged
    written_at: float
    package_md5: str | None = None


class PackageUse(NamedTuple):
    """A content, of any pair, with a certain liveness package; numbered from 1."""

    number: int
    pair_id: str  # empty if the object is damaged
    fingerprint: str
    written_at: float


class PairSnapshot(NamedTuple):
    """What `explain` reads."""

    settings: Settings
    now: float
    pair_id: str
    inspection: Inspection
    records: Sequence[LedgerRecord]
    markers: Sequence[Marker]
    result: Result | None
    frame_exists: bool | None  # None if the result names no frame
    slot: Slot | None
    breaker: BreakerState | None = None  # None while it is closed
    submissions: Sequence[Submission] = ()
    package_md5: str | None = None  # of the current content, if it is known
    package_uses: Sequence[PackageUse] = ()
    strays: Sequence[StrayKey] = ()  # keys that begin like this pair's, but are not an input's

    @property
    def inputs(self) -> Sequence[Input]:
        return self.inspection.objects
