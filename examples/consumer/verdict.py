"""Which verdict stands for a pair: the function's, or a person's about the same content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

# What a person's decision makes of a pair, in the words of `status`.
_DECIDED = {"approve": "passed", "reject": "rejected", "retake": "retake"}


class Verdict(NamedTuple):
    """What holds for a pair now."""

    pair_id: str
    status: str
    """passed, rejected, retake, invalid or failed."""
    reason: str
    decided_by: str
    """`function` or `reviewer`."""
    verdict_id: str
    """The same for repetitions: compare it with that of the verdict you hold for the pair."""
    message_id: str
    """The same only for copies of one message: it changes when anything is written again."""
    time: str
    """RFC 3339, UTC. An older message never replaces a newer one."""


def standing_verdict(result: bytes, reviews: Sequence[bytes]) -> Verdict:
    """Return the verdict of a `result.json` and of the decisions on its pair, oldest first.

    The last decision on the same content stands, over the function's; docs/reviewing.
    """
    fields = json.loads(result)
    reason, fingerprint = fields["reason"]["code"], fields["fingerprint"]
    status, decided_by, number = fields["status"], "function", 0
    # Not when it was stored: a write that takes effect late, over a newer one, must not win.
    time = fields["times"]["published"]
    for decision in map(json.loads, reviews):
        if decision["shown"]["fingerprint"] == fingerprint:
            status, reason = _DECIDED[decision["decision"]], decision["reason"]["code"]
            decided_by, number = "reviewer", decision["number"]
            time = max(time, decision["decided"])
    # Not the fingerprint alone: after an operator's retry, a `failed` and the `passed` that
    # replaces it have the same one.
    verdict_id = _digest(
        fingerprint, fields["status"], fields["reason"]["code"], fields["attempts"], number
    )
    message_id = "msg_" + _digest(_sha256(result), *map(_sha256, reviews))[:32]
    return Verdict(fields["pair_id"], status, reason, decided_by, verdict_id, message_id, time)


def _digest(*parts: str | int) -> str:
    return _sha256(json.dumps(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
