"""One pair's story: inputs, ledger, markers and result, by time. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from liveness.decision import outcome_of_response
from liveness.ledger import Response

from .attempts import Attempt, LedgerView
from .facts import Owner, Pair, Record, Result
from .wording import duration, harmless, moment, number


class Entry(NamedTuple):
    """Something that was written."""

    at: float
    rank: int  # among what happened in the same second
    what: str
    text: str


def timeline_of(read: Pair, ledger: LedgerView) -> list[Entry]:
    """The store tells whole seconds: within one, things stand in the order that they must have."""
    return sorted(_entries(read, ledger), key=lambda entry: (int(entry.at), entry.rank))


def _entries(read: Pair, ledger: LedgerView) -> Iterable[Entry]:
    work = read.look.work
    attempts = {attempt.record.number: attempt for attempt in ledger.attempts}
    for item in read.inputs:
        yield Entry(item.last_modified, 0, "input", f"{item.key}, {number(item.size, 'byte')}")
    for record in read.records:
        current = work is None or record.fingerprint == work.fingerprint
        text = _record_text(record, attempts.get(record.number) if current else None)
        text += "" if current else " (of other content)"
        yield Entry(record.written_at, _rank(record, read.records), record.kind, text)
    for marker in read.markers:
        visits = f", visited {number(marker.visits, 'time')} in vain" if marker.visits else ""
        text = f"due {moment(marker.due)}{visits}: {marker.reason or 'damaged'}"
        at = marker.due if marker.parked_at is None else marker.parked_at
        yield Entry(at, 10_000, "marker", text)
    if read.result is not None:
        rank = read.result.attempts * 10 + 6
        yield Entry(read.result.published_at, rank, "result", _result_text(read, read.result))


def _rank(record: Record, records: Sequence[Record]) -> int:
    """Claim, release, answer, grant of one attempt, then those of the next."""
    if record.kind == "grant":
        granted = (r for r in records if r.kind == "response" and r.number == record.number - 1)
        return max((_rank(response, ()) for response in granted), default=0) + 3
    attempt = record.response.attempt if record.response else record.number
    order = {"claim": 1, "released": 2, "response": 4, "late": 5}
    return attempt * 10 + order.get(record.kind, 9)


def _record_text(record: Record, attempt: Attempt | None) -> str:
    by = f" by invocation {record.owner.request_id}" if record.owner != Owner("", "", "") else ""
    if record.kind == "claim":
        text = f"attempt {record.number}{by}"
        if attempt and attempt.state == "running":
            text += f"; its lease runs {duration(attempt.lease_left)} more"
        elif attempt and attempt.state == "unanswered":
            text += "; no answer was written, the call may have been billed"
        return text
    if record.kind == "released":
        return f"attempt {record.number} given back, nothing was billed"
    if record.kind == "grant":
        return f"one more attempt allowed{by}"
    if record.kind in ("response", "late"):
        return _response_text(record.response, late=record.kind == "late")
    return f"{harmless(record.name)}: not of this function"


def _response_text(response: Response | None, *, late: bool) -> str:
    if response is None:
        return "damaged: not as the function wrote it"
    calls = f"{number(response.possibly_billed, 'call')} possibly billed"
    if response.answer is None:
        return f"given up after attempt {response.attempt}; {calls}"
    outcome, answer = outcome_of_response(response), response.answer
    said = f"attempt {response.attempt}: {harmless(answer.code) or 'no code'}"
    if answer.similarity is not None:
        said += f", similarity {answer.similarity:g}"
    if late:
        return f"{said}; came when another response stood"
    return f"{said}, so {outcome.status}; {calls}"


def _result_text(read: Pair, result: Result) -> str:
    text = f"{result.status}: {result.code or 'no reason'}"
    if result.detail:
        text += f" ({result.detail})"
    if result.frame_key is None:
        why = result.frame_missing_because
        text += f"; no best frame: {why}" if why else "; no best frame"
    else:
        text += "; best frame there" if read.frame_there else "; BEST FRAME NOT THERE"
    work = read.look.work
    if work is not None and result.fingerprint != work.fingerprint:
        text += " (of other content)"
    return text
