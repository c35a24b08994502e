"""What the ledger records about the current content of a pair. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveness.history import MAX_SETBACKS, History
from liveness.records import Claim
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
    max_attempts: int  # before grants
    history: History
    """What the next walk will know about the attempts that are over."""
    running: Attempt | None
    """The attempt that is not over yet, unless its invocation crashed."""

    @property
    def attempts_allowed(self) -> int:
        return self.max_attempts + self.grants

    def calls_left(self, history: History, extra_grants: int = 0) -> int:
        """Return how many calls may still be billed; 0 once the walk would give up."""
        if history.setbacks >= MAX_SETBACKS + self.grants + extra_grants:
            return 0
        return max(0, self.attempts_allowed + extra_grants - len(history.unanswered))

    def history_after(self, attempt: Attempt, now: float) -> History:
        """Return the history in case no response to a running attempt is ever recorded."""
        return self.history.extended([_claim(attempt, now)], now, self.attempts_allowed)

    @property
    def has_usable_late_response(self) -> bool:
        """Whether a response that came late would have been a verdict."""
        return any(
            record.response is not None and outcome_of_response(record.response).status != "failed"
            for record in self.late_responses
        )

    @property
    def next_late_responses(self) -> Sequence[LedgerRecord]:
        """The late responses that the next walk reads before it calls or gives up.

        They may be damaged. Failures that an operator's grant has superseded are left out.
        """
        return [
            record
            for record in self.late_responses
            if record.number in self.history.unanswered
            and (not self.grants or not _has_failed(record))
        ]

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
    grants = len(by_kind["grant"])
    known = _known_history(snapshot, by_kind["claim"], by_kind["released"])
    attempts = [_attempt(record, records, snapshot.now, known) for record in by_kind["claim"]]
    # Like Ledger.catch_up: the attempts after the latest release or marker, except a running one.
    later = [attempt for attempt in attempts if attempt.record.number > known.number]
    running = later.pop() if later and later[-1].state == "running" else None
    claims = [_claim(attempt, snapshot.now) for attempt in later]
    limit = snapshot.settings.max_attempts + grants
    return LedgerView(
        attempts=attempts,
        responses=by_kind["response"],
        grants=grants,
        late_responses=by_kind["late"],
        max_attempts=snapshot.settings.max_attempts,
        history=known.extended(claims, snapshot.now, limit),
        running=running,
    )


def _known_history(
    snapshot: PairSnapshot, claims: Iterable[LedgerRecord], releases: Iterable[LedgerRecord]
) -> History:
    """Return the history from markers and releases; the most complete one is the latest."""
    pair = snapshot.inspection.pair
    nonces = {claim.number: claim.nonce for claim in claims}
    histories = [
        marker.history
        for marker in snapshot.markers
        if pair is not None and marker.fingerprint == pair.fingerprint and marker.history
    ]
    histories += [
        release.history
        for release in releases
        if release.history is not None
        and release.history.number == release.number
        and release.nonce is not None
        and release.nonce == nonces.get(release.number)
    ]
    return max(
        histories,
        key=lambda known: (known.number, known.setbacks + len(known.unanswered)),
        default=History(),
    )


def _claim(attempt: Attempt, now: float) -> Claim:
    record = attempt.record
    return Claim(record.number, record.nonce, now - record.written_at)


def _has_failed(record: LedgerRecord) -> bool:
    response = record.response
    return response is not None and outcome_of_response(response).status == "failed"


def _attempt(
    claim: LedgerRecord, records: Iterable[LedgerRecord], now: float, known: History
) -> Attempt:
    left = claim.lease_left(now)
    # The owner may have noted in a marker that no reply came, and ended, before the lease does.
    is_over = left <= 0 or claim.number <= known.number
    state = "unanswered" if is_over else "running"
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
