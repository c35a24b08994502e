"""The contents submitted for one pair, and other pairs that used its package. Pure."""

from __future__ import annotations

from typing import Any

from liveness.verdicts import outcome_of_response

from ..text import format_time
from .snapshot import PairSnapshot


def submissions_of(snapshot: PairSnapshot) -> dict[str, Any] | None:
    """Make the value that counts a pair's contents; None if none was admitted.

    The calls include those for contents from before the count began.
    """
    if not snapshot.submissions:
        return None
    pair = snapshot.inspection.pair
    current = pair.fingerprint if pair else None
    return {
        "count": len(snapshot.submissions),
        "limit": snapshot.settings.max_submissions,
        "possibly_billed_calls": sum(
            _calls(snapshot, fingerprint)
            for fingerprint in {record.fingerprint for record in snapshot.records}
        ),
        "contents": [
            {
                "number": item.number,
                "submitted": format_time(item.written_at),
                "fingerprint": item.fingerprint,
                "is_current": item.fingerprint == current,
                **_answer(snapshot, item.fingerprint),
                "possibly_billed_calls": _calls(snapshot, item.fingerprint),
            }
            for item in snapshot.submissions
        ],
    }


def package_of(snapshot: PairSnapshot) -> dict[str, Any] | None:
    """Make the value that names every pair with the current package; None if that is unknown."""
    if snapshot.package_md5 is None:
        return None
    uses = snapshot.package_uses
    return {
        "md5": snapshot.package_md5,
        "reused": any(use.pair_id != snapshot.pair_id for use in uses),
        "uses": [
            {
                "number": use.number,
                "pair_id": use.pair_id,
                "fingerprint": use.fingerprint,
                "used": format_time(use.written_at),
            }
            for use in uses
        ],
    }


def _answer(snapshot: PairSnapshot, fingerprint: str) -> dict[str, str | None]:
    """Return status and code of a content; null if no answer is in force."""
    records = [record for record in snapshot.records if record.fingerprint == fingerprint]
    grants = sum(record.kind == "grant" for record in records)
    for record in records:
        if record.kind == "response" and record.number == grants and record.response is not None:
            outcome = outcome_of_response(record.response)
            return {"status": outcome.status, "reason": outcome.code}
    return {"status": None, "reason": None}


def _calls(snapshot: PairSnapshot, fingerprint: str) -> int:
    """Count the calls for a content that may have been billed.

    A response counts those before it; later attempts count unless they were released.
    """
    records = [record for record in snapshot.records if record.fingerprint == fingerprint]
    released = {record.number for record in records if record.kind == "released"}
    attempts = {record.number for record in records if record.kind == "claim"} - released
    responses = [record.response for record in records if record.kind == "response"]
    answered = [response for response in responses if response is not None]
    latest = max(answered, key=lambda response: response.attempt, default=None)
    if latest is None:
        return len(attempts)
    return latest.possibly_billed + sum(number > latest.attempt for number in attempts)
