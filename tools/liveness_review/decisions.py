"""Decisions by people: `<result prefix><pair id>/review-<n>.json`, schema liveness-review/1.

docs/liveness-review-1.schema.json describes the object. It is create-only, and never changes: a
second reviewer's decision gets the next number, and so does a change of mind.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from liveness import __version__
from liveness.errors import ConfigurationError, ObjectUnreadableError, UnreadableReplyError
from liveness.settings import Settings
from liveness.store import UNPARSABLE, RetryingStore
from liveness_cli.listing import list_objects

from .documents import (
    MAX_DOCUMENT_BYTES,
    REVIEW_SCHEMA,
    read_decision,
    unreadable_decision,
)
from .identity import Reviewer
from .refresh import key_of, parse_key
from .rows import DIFFERENT_PERSON, SAME_PERSON, DecisionRow

APPROVE, REJECT, RETAKE = "approve", "reject", "retake"
OTHER = "other"
# The reasons that can be given for each decision.
REASONS: Mapping[str, Sequence[str]] = {
    APPROVE: (SAME_PERSON, OTHER),
    REJECT: (DIFFERENT_PERSON, "not-live", "wrong-reference", OTHER),
    RETAKE: ("poor-picture", "face-covered", "wrong-reference", OTHER),
}
MAX_NOTE_CHARACTERS = 500
# A listing may not show the newest decisions yet; more than this many at once are not expected.
_MAX_TRIES = 50


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


def problem_of(decision: Decision, shown: Shown) -> str | None:
    """Return the key of the text that says why this cannot be decided; None if it can."""
    if decision.reason_code not in REASONS.get(decision.decision, ()):
        return "problem_reason"
    if decision.reason_code == OTHER and not decision.note:
        return "problem_note"
    if len(decision.note) > MAX_NOTE_CHARACTERS:
        return "problem_note_long"
    compares = decision.decision == APPROVE or decision.reason_code == DIFFERENT_PERSON
    if compares and (shown.reference is None or shown.best_frame is None):
        return "problem_unseen"
    return None


def clean_note(text: str) -> str:
    """Remove control characters, line ends and surrounding blanks."""
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
    """Build the object to store; `decided_at` is in seconds since 1970. Pure."""
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


def list_numbers(store: RetryingStore, settings: Settings, pair_id: str) -> list[int]:
    """List the numbers of the decisions on a pair; the listing may lack the newest."""
    prefix = f"{settings.result_prefix}{pair_id}/review-"
    listed = list_objects(store, settings.result_bucket, prefix)
    keys = (parse_key(settings, item.key) for item in listed)
    return sorted(key[1] for key in keys if key is not None and key[0] == pair_id)


def load_decision(
    store: RetryingStore, settings: Settings, pair_id: str, number: int
) -> DecisionRow | None:
    """Read one decision; None if it does not exist."""
    key = key_of(settings, pair_id, number)
    try:
        stored = store.get(settings.result_bucket, key, MAX_DOCUMENT_BYTES + 1)
    except (ObjectUnreadableError, UnreadableReplyError) as error:
        return unreadable_decision(pair_id, number, store.now(), str(error))
    if stored is None:
        return None
    return read_decision(pair_id, number, stored.body, stored.head.last_modified)


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

    A number that is taken is another reviewer's, unless the object has our nonce: then the reply to
    our own write was lost. No number is skipped, because consumers read them in sequence: an
    object with a far higher number must not hide later decisions.
    Raises ConfigurationError, StoreUnavailableError.
    """
    taken = set(list_numbers(store, settings, pair_id))
    free = (number for number in itertools.count(1) if number not in taken)
    for number in itertools.islice(free, _MAX_TRIES):
        key = key_of(settings, pair_id, number)
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
    stored = store.get(settings.result_bucket, key, MAX_DOCUMENT_BYTES)
    try:
        return stored is not None and bool(json.loads(stored.body)["nonce"] == nonce)
    except UNPARSABLE:
        return False


def _time(seconds: float) -> str:
    """Return RFC 3339, UTC, to the millisecond."""
    whole, millis = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
