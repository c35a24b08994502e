"""Which verdict stands for a pair: the function's, or a person's about the same content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

# What a person's decision makes of a pair, in the words of `status`.
_DECIDED = {"approve": "passed", "reject": "rejected", "retake": "retake"}


class StoredDocument(NamedTuple):
    """A JSON object as it was read, and when it was written, by the store's clock."""

    body: bytes
    modified: datetime

    def fields(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


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


def standing_verdict(result: StoredDocument, reviews: Sequence[StoredDocument]) -> Verdict:
    """Return the verdict of a result and of the decisions on its pair, oldest first.

    The last decision on the same content stands, over the function's. But approved is only what
    was shown to the last byte: an approval of an earlier `result.json` does not hold for this one.
    """
    fields = result.fields()
    reason, fingerprint = fields["reason"]["code"], fields["fingerprint"]
    status, decided_by, number = fields["status"], "function", 0
    for decision in (review.fields() for review in reviews):
        shown = decision["shown"]
        same_bytes = shown["result_sha256"] == _sha256(result.body)
        same_content = shown["fingerprint"] == fingerprint
        if same_content and (same_bytes or decision["decision"] != "approve"):
            status, reason = _DECIDED[decision["decision"]], decision["reason"]["code"]
            decided_by, number = "reviewer", decision["number"]
    # Not the fingerprint alone: after an operator's retry, a `failed` and the `passed` that
    # replaces it have the same one.
    verdict_id = _digest(
        fingerprint, fields["status"], fields["reason"]["code"], fields["attempts"], number
    )
    documents = (result, *reviews)
    message_id = _digest(*(_sha256(document.body) for document in documents))
    written = max(document.modified for document in documents)
    return Verdict(
        fields["pair_id"],
        status,
        reason,
        decided_by,
        verdict_id,
        f"msg_{message_id[:32]}",
        written.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _digest(*parts: str | int) -> str:
    return _sha256(json.dumps(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
