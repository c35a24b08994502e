"""What the ledger says of the current content of a pair. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveness.decision import outcome_of_response

from .facts import Pair, Record


class Attempt(NamedTuple):
    """One attempt at the current content."""

    record: Record
    state: str  # released, answered, late, running, unanswered
    lease_left: float


class LedgerView(NamedTuple):
    """The ledger's view of the current content."""

    attempts: Sequence[Attempt]
    responses: Sequence[Record]
    grants: int
    late_answers: Sequence[Record]

    @property
    def spent(self) -> int:
        """Attempts that count against the limit."""
        return sum(attempt.state != "released" for attempt in self.attempts)

    @property
    def late(self) -> bool:
        """Whether an answer came late that would have been final."""
        return any(
            item.response is not None and outcome_of_response(item.response).status != "failed"
            for item in self.late_answers
        )

    @property
    def standing(self) -> Record | None:
        """The response that no grant has passed over."""
        return next((item for item in self.responses if item.number == self.grants), None)


def ledger_of(read: Pair) -> LedgerView:
    """What the ledger says of the current content."""
    work = read.look.work
    records = [item for item in read.records if work and item.fingerprint == work.fingerprint]
    of_kind = {
        kind: sorted((r for r in records if r.kind == kind), key=lambda record: record.number)
        for kind in ("claim", "released", "response", "grant", "late")
    }
    return LedgerView(
        attempts=[_attempt(record, records, read.now) for record in of_kind["claim"]],
        responses=of_kind["response"],
        grants=len(of_kind["grant"]),
        late_answers=of_kind["late"],
    )


def _attempt(claim: Record, records: Iterable[Record], now: float) -> Attempt:
    left = claim.lease_left(now)
    state = "running" if left > 0 else "unanswered"
    for record in records:
        about = record.response.attempt if record.response else record.number
        if about != claim.number:
            continue
        if record.kind == "released" and record.nonce == claim.nonce and claim.nonce is not None:
            return Attempt(claim, "released", 0)
        if record.response is None or record.response.answer is None:
            continue
        if record.kind == "response":
            return Attempt(claim, "answered", 0)
        if record.kind == "late":
            state, left = "late", 0
    return Attempt(claim, state, left)
