"""What `liveness explain` says: from what was read of one pair to one value. No I/O here."""

from __future__ import annotations

from typing import Any

from liveness.decision import outcome_of_response
from liveness.look import Waiting

from .attempts import ledger_of
from .facts import Pair, Record
from .future import next_of
from .timeline import timeline_of
from .wording import harmless, moment

SCHEMA = "liveness-explanation/1"


def explanation_of(read: Pair) -> dict[str, Any]:
    """The value that `--json` prints; all times are by the store's clock."""
    work = read.look.work
    ledger = ledger_of(read)
    after = next_of(read, ledger)
    found = read.look.found
    return {
        "schema": SCHEMA,
        "at": moment(read.now),
        "pair_id": read.pair_id,
        "state": after.state,
        "inputs": [
            {
                "role": item.role,
                "key": item.key,
                "size": item.size,
                "uploaded": moment(item.last_modified),
            }
            for item in read.inputs
        ],
        "missing": list(found.missing) if isinstance(found, Waiting) else [],
        "fingerprint": work.fingerprint if work else None,
        "attempts": [
            {
                "number": attempt.record.number,
                "claimed": moment(attempt.record.written_at),
                "age_seconds": round(read.now - attempt.record.written_at),
                "owner": attempt.record.owner._asdict(),
                "state": attempt.state,
                "lease_seconds_left": max(0, round(attempt.lease_left)),
            }
            for attempt in ledger.attempts
        ],
        "attempts_allowed": read.settings.max_attempts + ledger.grants,
        "responses": [_response(record) for record in ledger.responses],
        "late_answers": [_response(record) for record in ledger.late_answers],
        "grants": ledger.grants,
        "markers": [
            {
                "due": moment(marker.due),
                "parked": moment(marker.parked_at),
                "reason": marker.reason,
                "visits": marker.visits,
            }
            for marker in read.markers
        ],
        "result": _result(read),
        "draining": read.slot.owner._asdict() if read.slot else None,
        "timeline": [
            {"at": moment(entry.at), "what": entry.what, "text": entry.text}
            for entry in timeline_of(read, ledger)
        ],
        "next": {
            "happens": after.happens,
            "you_can": after.you_can,
            "calls_at_most": after.most_calls,
        },
    }


def _response(record: Record) -> dict[str, Any]:
    """Never the record itself: it holds a live URL of the best frame."""
    told: dict[str, Any] = {
        "written": moment(record.written_at),
        "damaged": record.response is None,
    }
    if record.response is None:
        return told
    answer, outcome = record.response.answer, outcome_of_response(record.response)
    return {
        **told,
        "attempt": record.response.attempt,
        "given_up": answer is None,
        "code": harmless(answer.code) if answer else outcome.code,
        "api_request_id": harmless(answer.request_id) if answer else None,
        "similarity": answer.similarity if answer else None,
        "status": outcome.status,
        "possibly_billed_calls": record.response.possibly_billed,
    }


def _result(read: Pair) -> dict[str, Any] | None:
    result, work = read.result, read.look.work
    if result is None:
        return None
    return {
        "published": moment(result.published_at),
        "status": result.status,
        "code": result.code,
        "detail": result.detail,
        "similarity": result.similarity,
        "possibly_billed_calls": result.calls,
        "of_current_inputs": work is not None and result.fingerprint == work.fingerprint,
        "best_frame": {
            "key": result.frame_key,
            "there": read.frame_there,
            "missing_because": result.frame_missing_because,
        },
    }
