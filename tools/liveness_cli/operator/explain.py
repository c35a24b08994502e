"""The value of `liveness explain`, made from a snapshot of one pair. Pure."""

from __future__ import annotations

from typing import Any

from liveness.history import MAX_SETBACKS, History
from liveness.verdicts import outcome_of_response

from ..text import format_time, redact
from ..texts import ENGLISH
from .attempts import Attempt, LedgerView, ledger_of
from .listed_inputs import reason_of
from .outlook import outlook_of
from .sentences import render
from .snapshot import LedgerRecord, PairSnapshot
from .submissions import package_of, submissions_of
from .timeline import timeline_of

SCHEMA = "liveness-explanation/5"
# The states of a content that has no answer yet.
_UNJUDGED = ("ready", "running", "exhausted")


def explanation_of(snapshot: PairSnapshot, language: str = ENGLISH) -> dict[str, Any]:
    """Make the value that `--json` prints; all times are by the store's clock.

    The texts of the timeline, of stray keys and of what happens next are in this language.
    """
    pair = snapshot.inspection.pair
    ledger = ledger_of(snapshot)
    outlook = outlook_of(snapshot, ledger)
    return {
        "schema": SCHEMA,
        "at": format_time(snapshot.now),
        "pair_id": snapshot.pair_id,
        "state": outlook.state,
        "inputs": [
            {
                "role": item.role,
                "key": item.key,
                "size": item.size,
                "uploaded": format_time(item.last_modified),
            }
            for item in snapshot.inputs
        ],
        "missing": list(snapshot.inspection.missing),
        "strays": [
            {
                "key": stray.key,
                "reason": render(reason_of(snapshot.settings, stray), language),
                "written": format_time(stray.written_at),
            }
            for stray in snapshot.strays
        ],
        "fingerprint": pair.fingerprint if pair else None,
        "attempts": [_attempt(attempt, snapshot.now) for attempt in ledger.attempts],
        "attempts_allowed": ledger.attempts_allowed,
        "responses": [_response(record) for record in ledger.responses],
        "late_responses": [_response(record) for record in ledger.late_responses],
        "grants": ledger.grants,
        "submissions": submissions_of(snapshot),
        "package": package_of(snapshot),
        "parked": _parked(snapshot, ledger) if outlook.state in _UNJUDGED else None,
        "markers": [
            {
                "due": format_time(marker.due),
                "parked": format_time(marker.parked_at),
                "reason": marker.reason.code if marker.reason else None,
                "detail": marker.detail or (marker.reason.text if marker.reason else None),
                "deliveries": marker.deliveries,
            }
            for marker in snapshot.markers
        ],
        "result": _result(snapshot),
        "draining": snapshot.slot.owner.to_json() if snapshot.slot else None,
        "timeline": [
            {"at": format_time(entry.at), "kind": entry.kind, "text": render(entry.text, language)}
            for entry in timeline_of(snapshot, ledger)
        ],
        "next": {
            "outlook": render(outlook.description, language),
            "action": render(outlook.action, language),
            "max_calls": outlook.max_calls,
        },
    }


def _parked(snapshot: PairSnapshot, ledger: LedgerView) -> dict[str, Any] | None:
    """Explain, from its marker and history, why the current content has no result yet."""
    markers = sorted(snapshot.markers, key=lambda marker: marker.parked_at or marker.due)
    marker = markers[-1] if markers else None
    known = ledger.history
    if marker is None and known == History():
        return None
    due = min((item.due for item in markers), default=None)
    earliest = snapshot.now + known.wait(snapshot.now)
    return {
        "reason": marker.reason.code if marker and marker.reason else None,
        "text": (marker.text if marker else "") or None,
        "since": format_time(known.since or (marker.parked_at if marker else None)),
        "next_try": format_time(None if due is None else max(due, earliest)),
        "setbacks": known.setbacks,
        "max_setbacks": MAX_SETBACKS + ledger.grants,
        "unanswered_attempts": len(known.unanswered),
        "max_attempts": ledger.attempts_allowed,
    }


def _attempt(attempt: Attempt, now: float) -> dict[str, Any]:
    return {
        "number": attempt.record.number,
        "claimed": format_time(attempt.record.written_at),
        "age_seconds": round(now - attempt.record.written_at),
        "owner": attempt.record.owner.to_json(),
        "state": attempt.state,
        "lease_seconds_left": max(0, round(attempt.lease_left)),
    }


def _response(record: LedgerRecord) -> dict[str, Any]:
    """Select fields of the record: the whole record contains a live URL of the best frame."""
    value: dict[str, Any] = {
        "written": format_time(record.written_at),
        "damaged": record.response is None,
    }
    if record.response is None:
        return value
    answer, outcome = record.response.answer, outcome_of_response(record.response)
    return {
        **value,
        "attempt": record.response.attempt,
        "given_up": answer is None and not record.response.refusal,
        "refused": bool(record.response.refusal),
        "code": redact(answer.code) if answer else outcome.code,
        "api_request_id": redact(answer.request_id) if answer else None,
        "similarity": answer.similarity if answer else None,
        "status": outcome.status,
        "possibly_billed_calls": record.response.possibly_billed,
    }


def _result(snapshot: PairSnapshot) -> dict[str, Any] | None:
    result, pair = snapshot.result, snapshot.inspection.pair
    if result is None:
        return None
    return {
        "published": format_time(result.published_at),
        "status": result.status,
        "code": result.code,
        "detail": result.detail,
        "similarity": result.similarity,
        "possibly_billed_calls": result.calls,
        "of_current_inputs": pair is not None and result.fingerprint == pair.fingerprint,
        "best_frame": {
            "key": result.frame_key,
            "exists": snapshot.frame_exists,
            "missing_because": result.frame_missing_because,
        },
    }
