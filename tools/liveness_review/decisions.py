"""Decisions by people: `<result prefix><pair id>/review-<n>.json`, schema liveness-review/1.

docs/liveness-review-1.schema.json describes the object. It is create-only, and never changes: a
second reviewer's decision gets the next number, and a changed mind is one more decision.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from liveness import __version__
from liveness.errors import ConfigurationError
from liveness.settings import Settings
from liveness.store import UNPARSABLE, RetryingStore

from .identity import Reviewer

REVIEW_SCHEMA = "liveness-review/1"
APPROVE, REJECT, RETAKE = "approve", "reject", "retake"
SAME_PERSON, DIFFERENT_PERSON, OTHER = "same-person", "different-person", "other"
# Which reasons can be given for which decision.
REASONS: Mapping[str, Sequence[str]] = {
    APPROVE: (SAME_PERSON, OTHER),
    REJECT: (DIFFERENT_PERSON, "not-live", "wrong-reference", OTHER),
    RETAKE: ("poor-picture", "face-covered", "wrong-reference", OTHER),
}
MAX_NOTE_CHARACTERS = 500
_MAX_REVIEW_BYTES = 64 * 1024
# A listing may not show the newest decisions yet; more than this many at once are not expected.
_MAX_TRIES = 50
_NAME = re.compile(r"review-([1-9]\d{0,5})\.json", re.ASCII)


class ShownPicture(NamedTuple):
    """A picture as it was sent to the reviewer's browser; `sha256` is of exactly those bytes."""

    key: str
    etag: str
    size: int
    sha256: str


class Shown(NamedTuple):
    """Exactly what a decision is about."""

    fingerprint: str
    result_sha256: str
    reference: ShownPicture | None
    best_frame: ShownPicture | None


class Decision(NamedTuple):
    """What the reviewer entered."""

    decision: str
    reason_code: str
    note: str


class Review(NamedTuple):
    """A stored decision; `body` is the whole object."""

    pair_id: str
    number: int
    decision: str
    reason_code: str
    note: str
    reviewer: str
    """The ARN of who decided."""
    decided: str
    fingerprint: str
    result_sha256: str


class DamagedReview(NamedTuple):
    """An object under a decision's key that is not one."""

    number: int


def review_prefix(settings: Settings, pair_id: str) -> str:
    """Return what the keys of all decisions on a pair begin with."""
    return f"{settings.result_prefix}{pair_id}/review-"


def review_key(settings: Settings, pair_id: str, number: int) -> str:
    return f"{review_prefix(settings, pair_id)}{number}.json"


def pair_of_review(settings: Settings, key: str) -> tuple[str, int] | None:
    """Return the pair id and the number in a decision's key; None for any other key."""
    folder, _, name = key.rpartition("/")
    found = _NAME.fullmatch(name)
    if found is None or not folder.startswith(settings.result_prefix):
        return None
    pair_id = folder[len(settings.result_prefix) :]
    return (pair_id, int(found[1])) if pair_id else None


def problem_of(decision: Decision, shown: Shown) -> str | None:
    """Return the key of the text that says why this cannot be decided; None if it can."""
    if decision.reason_code not in REASONS.get(decision.decision, ()):
        return "problem_reason"
    if decision.reason_code == OTHER and not decision.note:
        return "problem_note"
    if len(decision.note) > MAX_NOTE_CHARACTERS:
        return "problem_note_long"
    if decision.decision == APPROVE and (shown.reference is None or shown.best_frame is None):
        return "problem_unseen"
    return None


def clean_note(text: str) -> str:
    """Remove what is not text: control characters, line ends and surrounding blanks."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def build_review(
    pair_id: str,
    number: int,
    decision: Decision,
    shown: Shown,
    reviewer: Reviewer,
    decided_at: float,
    nonce: str,
) -> bytes:
    """Build the object to be stored; `decided_at` in seconds since 1970. Pure."""
    fields = {
        "schema": REVIEW_SCHEMA,
        "pair_id": pair_id,
        "number": number,
        "nonce": nonce,
        "decision": decision.decision,
        "reason": {"code": decision.reason_code, "note": decision.note},
        "reviewer": reviewer._asdict(),
        "decided": _time(decided_at),
        "shown": {
            "fingerprint": shown.fingerprint,
            "result_sha256": shown.result_sha256,
            "reference": shown.reference._asdict() if shown.reference else None,
            "best_frame": shown.best_frame._asdict() if shown.best_frame else None,
        },
        "version": __version__,
    }
    return json.dumps(fields, ensure_ascii=False, indent=2).encode() + b"\n"


def read_review(body: bytes, pair_id: str, number: int) -> Review | DamagedReview:
    """Read a stored decision of that pair and number. Pure."""
    try:
        fields: dict[str, Any] = json.loads(body)
        review = Review(
            pair_id=fields["pair_id"],
            number=fields["number"],
            decision=fields["decision"],
            reason_code=fields["reason"]["code"],
            note=fields["reason"]["note"],
            reviewer=fields["reviewer"]["arn"],
            decided=fields["decided"],
            fingerprint=fields["shown"]["fingerprint"],
            result_sha256=fields["shown"]["result_sha256"],
        )
    except UNPARSABLE:
        return DamagedReview(number)
    texts = [value for name, value in review._asdict().items() if name != "number"]
    is_intact = (
        fields.get("schema") == REVIEW_SCHEMA
        and all(isinstance(text, str) for text in texts)
        and (review.pair_id, review.number) == (pair_id, number)
        and review.decision in REASONS
    )
    return review if is_intact else DamagedReview(number)


def list_numbers(store: RetryingStore, settings: Settings, pair_id: str) -> list[int]:
    """List the numbers of the decisions on a pair, as far as the listing has them."""
    numbers: list[int] = []
    prefix, after = review_prefix(settings, pair_id), ""
    while True:
        page = store.list(settings.result_bucket, prefix, after)
        for item in page.items:
            if (found := pair_of_review(settings, item.key)) and found[0] == pair_id:
                numbers.append(found[1])
        if page.next_marker is None:
            return sorted(numbers)
        after = page.next_marker


def load_review(
    store: RetryingStore, settings: Settings, pair_id: str, number: int
) -> Review | DamagedReview | None:
    """Read one decision; None if it does not exist."""
    key = review_key(settings, pair_id, number)
    stored = store.get(settings.result_bucket, key, _MAX_REVIEW_BYTES)
    return read_review(stored.body, pair_id, number) if stored else None


def store_review(
    store: RetryingStore,
    settings: Settings,
    pair_id: str,
    decision: Decision,
    shown: Shown,
    reviewer: Reviewer,
    nonce: str,
) -> int:
    """Store a decision under the next free number, and return the number.

    A number that is taken is another reviewer's, unless the object carries our nonce: then the
    reply to our own write was lost. Raises ConfigurationError, StoreUnavailableError.
    """
    first = max(list_numbers(store, settings, pair_id), default=0) + 1
    for number in range(first, first + _MAX_TRIES):
        key = review_key(settings, pair_id, number)
        body = build_review(pair_id, number, decision, shown, reviewer, store.now(), nonce)
        result = store.create(settings.result_bucket, key, body)
        if result.versioned:
            raise ConfigurationError(
                f"the bucket {settings.result_bucket!r} keeps versions, so that a decision could "
                "be overwritten; use a bucket that never had versioning"
            )
        if result.created or _is_ours(store, settings, key, nonce):
            return number
    raise ConfigurationError(f"{pair_id!r} has too many decisions at once")


def _is_ours(store: RetryingStore, settings: Settings, key: str, nonce: str) -> bool:
    stored = store.get(settings.result_bucket, key, _MAX_REVIEW_BYTES)
    try:
        return stored is not None and bool(json.loads(stored.body)["nonce"] == nonce)
    except UNPARSABLE:
        return False


def _time(seconds: float) -> str:
    """Return RFC 3339, UTC, to the millisecond."""
    whole, millis = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
