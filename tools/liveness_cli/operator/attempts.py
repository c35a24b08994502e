"""What the ledger records about the current content of a pair. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveness.verdicts import outcome_of_response

from .snapshot import LedgerRecord, PairSnapshot


class Attempt(NamedTuple):
    """One attempt at the current content."""

    record: LedgerRecord
    state: str  # released, answered, late, running, unanswered
    lease_left: float


class LedgerView(NamedTuple):
    """The ledger's records of the current content."""

    attempts: Sequence[Attempt]
    responses: Sequence[LedgerRecord]
    grants: int
    late_responses: Sequence[LedgerRecord]

    @property
    def counted_attempts(self) -> int:
        """The number of attempts that count towards the limit."""
        return sum(attempt.state != "released" for attempt in self.attempts)

    @property
    def has_usable_late_response(self) -> bool:
        """Whether a response that came late would have been a verdict."""
        return any(
            record.response is not None and outcome_of_response(record.response).status != "failed"
            for record in self.late_responses
        )

    @property
    def current_response(self) -> LedgerRecord | None:
        """The response that no grant has superseded."""
        return next((record for record in self.responses if record.number == self.grants), None)


def ledger_of(snapshot: PairSnapshot) -> LedgerView:
    """Collect the ledger's records of the pair's current content."""
    pair = snapshot.inspection.pair
    records = [item for item in snapshot.records if pair and item.fingerprint == pair.fingerprint]
    by_kind = {
        kind: sorted((r for r in records if r.kind == kind), key=lambda record: record.number)
        for kind in ("claim", "released", "response", "grant", "late")
    }
    return LedgerView(
        attempts=[_attempt(record, records, snapshot.now) for record in by_kind["claim"]],
        responses=by_kind["response"],
        grants=len(by_kind["grant"]),
        late_responses=by_kind["late"],
    )


def _attempt(claim: LedgerRecord, records: Iterable[LedgerRecord], now: float) -> Attempt:
    left = claim.lease_left(now)
    state = "running" if left > 0 else "unanswered"
    for record in records:
        number = record.response.attempt if record.response else record.number
        if number != claim.number:
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
