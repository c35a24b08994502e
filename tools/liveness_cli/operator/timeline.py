"""The history of one pair: inputs, ledger, markers and result in order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveness.records import Response
from liveness.verdicts import outcome_of_response

from ..text import format_duration, format_time, pluralize, redact
from .attempts import Attempt, LedgerView
from .snapshot import LedgerRecord, Owner, PairSnapshot, Result

_NO_OWNER = Owner("", "", "")
# Markers sort behind everything else that was written in the same second.
_MARKER_RANK = 10_000


class Entry(NamedTuple):
    """An object that was written."""

    at: float
    rank: int
    """The order among the entries of one second."""
    kind: str
    text: str


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
        yield Entry(item.last_modified, 0, "input", f"{item.key}, {pluralize(item.size, 'byte')}")
    for record in snapshot.records:
        is_current = pair is None or record.fingerprint == pair.fingerprint
        text = _record_text(record, attempts.get(record.number) if is_current else None)
        text += "" if is_current else " (of other content)"
        yield Entry(record.written_at, _rank(record, snapshot.records), record.kind, text)
    for marker in snapshot.markers:
        failures = (
            f", processed {pluralize(marker.deliveries, 'time')} without success"
            if marker.deliveries
            else ""
        )
        text = f"due {format_time(marker.due)}{failures}: {marker.text or 'damaged'}"
        at = marker.due if marker.parked_at is None else marker.parked_at
        yield Entry(at, _MARKER_RANK, "marker", text)
    if (result := snapshot.result) is not None:
        rank = result.attempts * 10 + 6
        yield Entry(result.published_at, rank, "result", _result_text(snapshot, result))


def _rank(record: LedgerRecord, records: Sequence[LedgerRecord]) -> int:
    """Order claim, release, response and grant of one attempt before those of the next."""
    if record.kind == "grant":
        granted = (r for r in records if r.kind == "response" and r.number == record.number - 1)
        return max((_rank(response, ()) for response in granted), default=0) + 3
    attempt = record.response.attempt if record.response else record.number
    order = {"claim": 1, "released": 2, "response": 4, "late": 5}
    return attempt * 10 + order.get(record.kind, 9)


def _record_text(record: LedgerRecord, attempt: Attempt | None) -> str:
    by = f" by invocation {record.owner.request_id}" if record.owner != _NO_OWNER else ""
    if record.kind == "claim":
        text = f"attempt {record.number}{by}"
        if attempt and attempt.state == "running":
            text += f"; its lease expires in {format_duration(attempt.lease_left)}"
        elif attempt and attempt.state == "unanswered":
            text += "; no response was recorded, the call may have been billed"
        return text
    if record.kind == "released":
        return f"attempt {record.number} released, nothing was billed"
    if record.kind == "grant":
        return f"one more attempt granted{by}"
    if record.kind in ("response", "late"):
        return _response_text(record.response, is_late=record.kind == "late")
    return f"{redact(record.name)}: not written by this function"


def _response_text(response: Response | None, *, is_late: bool) -> str:
    if response is None:
        return "damaged: not as the function wrote it"
    calls = f"{pluralize(response.possibly_billed, 'call')} possibly billed"
    if response.refusal:
        return f"refused: {redact(response.refusal)}, no call was made"
    if response.answer is None:
        return f"given up after attempt {response.attempt}; {calls}"
    outcome, answer = outcome_of_response(response), response.answer
    text = f"attempt {response.attempt}: {redact(answer.code) or 'no code'}"
    if answer.similarity is not None:
        text += f", similarity {answer.similarity:g}"
    if is_late:
        return f"{text}; arrived after another response was recorded"
    return f"{text}, so {outcome.status}; {calls}"


def _result_text(snapshot: PairSnapshot, result: Result) -> str:
    text = f"{result.status}: {result.code or 'no reason'}"
    if result.detail:
        text += f" ({result.detail})"
    if result.frame_key is None:
        reason = result.frame_missing_because
        text += f"; no best frame: {reason}" if reason else "; no best frame"
    else:
        text += "; best frame exists" if snapshot.frame_exists else "; BEST FRAME IS MISSING"
    pair = snapshot.inspection.pair
    if pair is not None and result.fingerprint != pair.fingerprint:
        text += " (of other content)"
    return text
