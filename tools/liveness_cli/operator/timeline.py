"""The history of one pair: inputs, ledger, markers and result, in chronological order. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveness.records import Response
from liveness.verdicts import outcome_of_response

from ..text import format_time, redact
from .attempts import Attempt, LedgerView
from .sentences import Count, Seconds, Sentence, say
from .snapshot import LedgerRecord, Marker, Owner, PairSnapshot, Result

_NO_OWNER = Owner("", "", "")
_LAST = sys.maxsize


class Entry(NamedTuple):
    """An object that was written."""

    at: float
    rank: int
    """The order among entries of the same second."""
    kind: str
    text: Sequence[Sentence]


def timeline_of(snapshot: PairSnapshot, ledger: LedgerView) -> list[Entry]:
    """Return the entries in order.

    The store's times are whole seconds, so within a second the order is the one in which the
    function writes its objects.
    """
    return sorted(_entries(snapshot, ledger), key=lambda entry: (int(entry.at), entry.rank))


def _entries(snapshot: PairSnapshot, ledger: LedgerView) -> Iterable[Entry]:
    pair = snapshot.inspection.pair
    attempts = {attempt.record.number: attempt for attempt in ledger.attempts}
    for item in snapshot.inputs:
        size = Count(item.size, "byte")
        yield Entry(item.last_modified, 0, "input", [say("input", key=item.key, size=size)])
    for record in snapshot.records:
        is_current = pair is None or record.fingerprint == pair.fingerprint
        text = _record_text(record, attempts.get(record.number) if is_current else None)
        if not is_current:
            text.append(say("of-other-content"))
        yield Entry(record.written_at, _rank(record, snapshot.records), record.kind, text)
    for marker in snapshot.markers:
        at = marker.due if marker.parked_at is None else marker.parked_at
        yield Entry(at, _marker_rank(at, snapshot.records), "marker", [_marker_text(marker)])
    if (result := snapshot.result) is not None:
        rank = result.attempts * 10 + 6
        yield Entry(result.published_at, rank, "result", _result_text(snapshot, result))


def _rank(record: LedgerRecord, records: Sequence[LedgerRecord]) -> int:
    """Order claim, release, response and grant of one attempt before those of the next."""
    if record.kind == "grant":
        granted = (r for r in records if r.kind == "response" and r.number == record.number - 1)
        return max((_rank(response, ()) for response in granted), default=0) + 3
    attempt = record.response.attempt if record.response else record.number
    order = {"claim": 0, "released": 2, "response": 4, "late": 5}
    return attempt * 10 + order.get(record.kind, 9)


def _marker_rank(at: float, records: Sequence[LedgerRecord]) -> int:
    """Order a marker after all else in its second, but before a release that ends the second."""
    same_second = [record for record in records if int(record.written_at) == int(at)]
    latest = max(same_second, key=lambda record: _rank(record, records), default=None)
    if latest is not None and latest.kind == "released":
        return _rank(latest, records) - 1
    return _LAST


def _marker_text(marker: Marker) -> Sentence:
    failures = (
        [say("marker-failures", times=Count(marker.deliveries, "time"))]
        if marker.deliveries
        else []
    )
    reason: Sentence | str = say("marker-damaged")
    if marker.reason is not None:
        reason = say(f"parked-{marker.reason.code}")
    if marker.detail and marker.reason is not None and marker.reason.is_error:
        reason = say("marker-error", reason=reason, detail=marker.detail)
    elif marker.detail:
        reason = marker.detail
    due = (format_time(marker.due) or "").replace("T", " ").rstrip("Z")  # as in every other line
    return say("marker", due=due, failures=failures, reason=reason)


def _record_text(record: LedgerRecord, attempt: Attempt | None) -> list[Sentence]:
    owner = record.owner
    by = [say("by", owner=owner.request_id)] if owner != _NO_OWNER else []
    if record.kind == "claim":
        text = [say("claim", number=record.number, by=by)]
        if attempt and attempt.state == "running":
            text.append(say("claim-running", left=Seconds(attempt.lease_left)))
        elif attempt and attempt.state == "unanswered":
            text.append(say("claim-unanswered"))
        return text
    if record.kind == "released":
        return [say("released", number=record.number)]
    if record.kind == "grant":
        return [say("grant", by=by)]
    if record.kind in ("response", "late"):
        return [_response_text(record.response, is_late=record.kind == "late")]
    return [say("foreign", name=redact(record.name))]


def _response_text(response: Response | None, *, is_late: bool) -> Sentence:
    if response is None:
        return say("response-damaged")
    calls = Count(response.possibly_billed, "call")
    if response.refusal:
        return say("response-refused", code=redact(response.refusal))
    if response.answer is None:
        return say("response-given-up", attempt=response.attempt, calls=calls)
    outcome, answer = outcome_of_response(response), response.answer
    code = redact(answer.code) or say("no-code")
    similarity = (
        [say("similarity", value=f"{answer.similarity:g}")] if answer.similarity is not None else []
    )
    if is_late:
        return say("response-late", attempt=response.attempt, code=code, similarity=similarity)
    return say(
        "response",
        attempt=response.attempt,
        code=code,
        similarity=similarity,
        status=outcome.status or "",
        calls=calls,
    )


def _result_text(snapshot: PairSnapshot, result: Result) -> list[Sentence]:
    if result.frame_key is None:
        reason = result.frame_missing_because
        frame = say("no-frame-because", reason=reason) if reason else say("no-frame")
    else:
        frame = say("frame-exists" if snapshot.frame_exists else "frame-missing")
    text = [
        say(
            "result",
            status=result.status,
            code=result.code or say("no-reason"),
            detail=[say("detail", detail=result.detail)] if result.detail else [],
            frame=frame,
        )
    ]
    pair = snapshot.inspection.pair
    if pair is not None and result.fingerprint != pair.fingerprint:
        text.append(say("of-other-content"))
    return text
