"""Which verdict stands for a pair: the function's, or a person's about the same content. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
# The status that a person's decision gives a pair.
_DECIDED = {"approve": "passed", "reject": "rejected", "retake": "retake"}


class Verdict(NamedTuple):
    """The present verdict on a pair."""

    pair_id: str
    status: str
    """passed, rejected, retake, invalid or failed."""
    reason: str
    decided_by: str
    """`function` or `reviewer`."""
    verdict_id: str
    """Repetitions have the same one: compare it with that of the verdict that you hold."""
    message_id: str
    """Only copies of one message have the same one: it changes when anything is written again."""
    time: str
    """RFC 3339, UTC. An older message never replaces a newer one."""


def standing_verdict(result: bytes, reviews: Sequence[bytes]) -> Verdict:
    """Return the verdict of a `result.json` and of the decisions on its pair, from number 1 on.

    The last decision on the same content overrides the function's verdict; see docs/reviewing. One
    that is not a valid decision on this pair is skipped: it must not block a later one.
    """
    fields = json.loads(result)
    reason, fingerprint = fields["reason"]["code"], fields["fingerprint"]
    status, decided_by, number = fields["status"], "function", 0
    # Not the time of storage: a late write over a newer one must not win.
    time = fields["times"]["published"]
    for position, review in enumerate(reviews, 1):
        decision = _decision(review, fields["pair_id"], position)
        if decision is not None and decision["shown"]["fingerprint"] == fingerprint:
            status, reason = _DECIDED[decision["decision"]], decision["reason"]["code"]
            decided_by, number = "reviewer", position
            time = max(time, decision["decided"])
    # Not the fingerprint alone: after an operator's retry, a `failed` and the `passed` that
    # replaces it have the same one.
    verdict_id = _digest(
        fingerprint, fields["status"], fields["reason"]["code"], fields["attempts"], number
    )
    message_id = "msg_" + _digest(_sha256(result), *map(_sha256, reviews))[:32]
    return Verdict(fields["pair_id"], status, reason, decided_by, verdict_id, message_id, time)


def _decision(review: bytes, pair_id: str, number: int) -> dict[str, Any] | None:
    """Return the fields of a decision; None if it is not as docs/liveness-review-1.schema.json."""
    try:
        fields: dict[str, Any] = json.loads(review)
        named = (fields["schema"], fields["pair_id"], fields["number"])
        is_valid = (
            named == ("liveness-review/1", pair_id, number)
            and fields["decision"] in _DECIDED
            and isinstance(fields["reason"]["code"], str)
            and isinstance(fields["shown"]["fingerprint"], str)
            and _TIME.fullmatch(fields["decided"]) is not None
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return fields if is_valid else None


def _digest(*parts: str | int) -> str:
    return _sha256(json.dumps(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
