"""What was read from the bucket, as values: what `status` and `explain` conclude from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from liveness.ledger import LEASE_SECONDS, Response
from liveness.look import Input, Look
from liveness.settings import Settings
from liveness.store import CLOCK_GRAIN_SECONDS


class Owner(NamedTuple):
    """The invocation that wrote something."""

    function: str
    version: str
    request_id: str


class Marker(NamedTuple):
    """A marker; what stands in its body is None where that was not read, or is damaged."""

    pair_hash: str
    due: float
    pair_id: str | None = None
    reason: str | None = None
    visits: int | None = None
    parked_at: float | None = None
    read: bool = False


class Slot(NamedTuple):
    """The slot of time that is running, and who drains in it."""

    owner: Owner
    taken_at: float


class Result(NamedTuple):
    """A `result.json`; `status` is `unreadable` where it is none."""

    pair_id: str
    published_at: float
    status: str
    code: str = ""
    detail: str = ""
    calls: int = 0
    attempts: int = 0
    fingerprint: str = ""
    similarity: float | None = None
    frame_key: str | None = None
    frame_missing_because: str | None = None


class Repeated(NamedTuple):
    """One fingerprint for which more than one call was made."""

    pair_id: str
    fingerprint: str
    calls: int  # that may have been billed
    answered: bool


class Counted(NamedTuple):
    """How much of something there is, and whether that is all of it."""

    listed: int
    complete: bool


class Bucketful(NamedTuple):
    """What `status` reads. Whatever was not read is missing here, and said to be."""

    settings: Settings
    now: float
    markers: Sequence[Marker]  # by the time they are due
    markers_listed: Counted
    slot: Slot | None
    reconciled_at: float | None  # when the last finished pass began
    results: Sequence[Result]  # the latest first
    results_listed: Counted
    ledger_listed: Counted  # fingerprints
    repeated: Sequence[Repeated]
    repeated_unread: int = 0


class Record(NamedTuple):
    """One object of the ledger below `claims/`, by name; its nonce never leaves this process."""

    fingerprint: str
    name: str
    written_at: float
    owner: Owner
    nonce: str | None = None
    response: Response | None = None  # of responses and late answers; None: damaged

    @property
    def kind(self) -> str:
        """claim, released, response, grant, late, or unknown."""
        base, _, rest = self.name.partition(".")
        if rest:
            return rest if rest in ("claim", "released") and base.isdecimal() else "unknown"
        word, dash, index = base.partition("-")
        counted = dash and index.isdecimal()
        if word in ("grant", "late"):
            return word if counted else "unknown"
        return "response" if base == "response" or (word == "response" and counted) else "unknown"

    @property
    def number(self) -> int:
        """Of an attempt, a grant, or a response; the first response is 0."""
        digits = "".join(char for char in self.name if char.isdecimal())
        return int(digits) if digits else 0

    def lease_left(self, now: float) -> float:
        """Of a claim: seconds until others may pass over it."""
        return LEASE_SECONDS + CLOCK_GRAIN_SECONDS - (now - self.written_at)


class Pair(NamedTuple):
    """What `explain` reads."""

    settings: Settings
    now: float
    pair_id: str
    look: Look
    inputs: Sequence[Input]
    records: Sequence[Record]
    markers: Sequence[Marker]
    result: Result | None
    frame_there: bool | None  # None where the result names none
    slot: Slot | None
