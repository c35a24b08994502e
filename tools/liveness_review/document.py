"""`result.json` of one pair, read with suspicion: it may have been edited.

Only fields that have the documented type and belong to this pair are used; see
docs/liveness-result-1.schema.json. Pure.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from liveness.keys import (
    FINGERPRINT_META,
    IMAGE,
    LIVE,
    InputKey,
    best_frame_key,
    read_input_key,
)
from liveness.result import RESULT_SCHEMA
from liveness.settings import Settings
from liveness.store import StoredObject
from liveness_cli.text import redact

MAX_RESULT_BYTES = 256 * 1024
STATUSES = ("passed", "rejected", "retake", "invalid", "failed")
_SHA256_LENGTH = 64
_MAX_EARLIER = 100


class JudgedInput(NamedTuple):
    """An input as the result names it; an empty ETag means that COS did not describe it."""

    role: str
    key: str
    etag: str
    size: int | None
    sha256: str | None
    last_modified: str | None


class EarlierSubmission(NamedTuple):
    """The outcome of another content of the same pair; both are None without an answer."""

    number: int
    status: str | None
    reason: str | None


class Submissions(NamedTuple):
    """How many contents were submitted for this pair so far, and how many may be."""

    number: int | None
    """None: it was one too many, and was not judged."""
    total: int
    limit: int
    possibly_billed_calls: int
    earlier: Sequence[EarlierSubmission]


class ResultDocument(NamedTuple):
    """A result of this pair; `sha256` is the digest of its bytes."""

    sha256: str
    fingerprint: str
    status: str
    code: str
    category: str
    detail: str
    hint_en: str
    hint_zh: str
    similarity: float | None
    threshold: float | None
    api_code: str
    api_description: str
    api_request_id: str
    inputs: Sequence[JudgedInput]
    frame_key: str | None
    frame_md5: str | None
    frame_missing_because: str
    attempts: int
    possibly_billed_calls: int
    claimed: str | None
    answered: str | None
    published: str | None
    submissions: Submissions | None
    package_reused: bool | None
    package_first_used: str | None
    version: str

    @property
    def reference(self) -> JudgedInput | None:
        """The reference image that was judged; None if there were several or none."""
        images = [item for item in self.inputs if item.role == IMAGE]
        return images[0] if len(images) == 1 else None


class UnreadableResult(NamedTuple):
    """A `result.json` that the function did not write in this form; nothing of it is shown."""

    reason: str


class _Wrong(Exception):
    """A field is not as documented; str() names it."""


def read_document(
    settings: Settings, pair_id: str, stored: StoredObject
) -> ResultDocument | UnreadableResult:
    """Read a result; if it is unreadable, the reason names the first wrong field."""
    if len(stored.body) > MAX_RESULT_BYTES:
        return UnreadableResult(f"it has more than {MAX_RESULT_BYTES:,} bytes")
    try:
        fields = json.loads(stored.body)
    except (ValueError, RecursionError):
        return UnreadableResult("it is not JSON")
    if not isinstance(fields, dict):
        return UnreadableResult("it is not a JSON object")
    try:
        document = _document(settings, pair_id, fields, hashlib.sha256(stored.body).hexdigest())
    except _Wrong as wrong:
        return UnreadableResult(f"its {wrong} is not as the function writes it")
    if stored.head.metadata.get(FINGERPRINT_META) != document.fingerprint:
        return UnreadableResult("its fingerprint is not the one in its metadata")
    return document


def _document(
    settings: Settings, pair_id: str, fields: Mapping[str, Any], sha256: str
) -> ResultDocument:
    _require(fields.get("schema") == RESULT_SCHEMA, "schema")
    _require(fields.get("pair_id") == pair_id, "pair_id")
    _require(fields.get("status") in STATUSES, "status")
    fingerprint = _text(fields, "fingerprint")
    _require(len(fingerprint) == _SHA256_LENGTH, "fingerprint")
    reason, times = _object(fields, "reason"), _object(fields, "times")
    hint, frame = _object(reason, "hint"), _object(fields, "best_frame")
    api: Mapping[str, Any] = {} if fields.get("api") is None else _object(fields, "api")
    package = fields.get("package")
    frame_md5 = _optional_text(frame, "md5")
    frame_key = _optional_text(frame, "key")
    if frame_key is not None:
        # No other key may be shown as this person's face.
        expected = best_frame_key(settings, pair_id, frame_md5 or "")
        _require(frame_key == expected, "best_frame.key")
    return ResultDocument(
        sha256=sha256,
        fingerprint=fingerprint,
        status=_text(fields, "status"),
        code=redact(_text(reason, "code")),
        category=_text(reason, "category"),
        detail=redact(_text(reason, "detail")),
        hint_en=redact(_text(hint, "en")),
        hint_zh=redact(_text(hint, "zh")),
        similarity=_percentage(fields, "similarity"),
        threshold=_percentage(fields, "threshold"),
        api_code=redact(api.get("result")),
        api_description=redact(api.get("description")),
        api_request_id=redact(api.get("request_id")),
        inputs=_inputs(settings, pair_id, fields),
        frame_key=frame_key,
        frame_md5=frame_md5,
        frame_missing_because=redact(frame.get("missing_because")),
        attempts=_count(fields, "attempts"),
        possibly_billed_calls=_count(fields, "possibly_billed_calls"),
        claimed=_optional_text(times, "claimed"),
        answered=_optional_text(times, "answered"),
        published=_optional_text(times, "published"),
        submissions=_submissions(fields.get("submission")),
        package_reused=package.get("reused") is True if isinstance(package, dict) else None,
        package_first_used=redact(package.get("first_used")) or None
        if isinstance(package, dict)
        else None,
        version=redact(fields.get("version")),
    )


def _inputs(settings: Settings, pair_id: str, fields: Mapping[str, Any]) -> Sequence[JudgedInput]:
    items = fields.get("inputs")
    _require(isinstance(items, list), "inputs")
    inputs = []
    for item in items or ():
        _require(isinstance(item, dict), "inputs")
        role, key = _text(item, "role"), _text(item, "key")
        _require(role in (LIVE, IMAGE), "inputs.role")
        # A result must not lead to another person's photo, or to any other object.
        _require(read_input_key(settings, key) == InputKey(key, pair_id, role), "inputs.key")
        inputs.append(
            JudgedInput(
                role=role,
                key=key,
                etag=_optional_text(item, "etag") or "",
                size=None if item.get("size") is None else _count(item, "size"),
                sha256=_optional_text(item, "sha256"),
                last_modified=_optional_text(item, "last_modified"),
            )
        )
    return inputs


def _submissions(fields: object) -> Submissions | None:
    if not isinstance(fields, dict):
        return None
    earlier = fields.get("earlier")
    _require(isinstance(earlier, list), "submission.earlier")
    return Submissions(
        number=None if fields.get("number") is None else _count(fields, "number"),
        total=_count(fields, "count"),
        limit=_count(fields, "limit"),
        possibly_billed_calls=_count(fields, "possibly_billed_calls"),
        earlier=[
            EarlierSubmission(
                _count(item, "number"),
                redact(item.get("status")) or None,
                redact(item.get("reason")) or None,
            )
            for item in (earlier or ())[:_MAX_EARLIER]
            if isinstance(item, dict)
        ],
    )


def _require(condition: bool, name: str) -> None:
    if not condition:
        raise _Wrong(name)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise _Wrong(name)
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _Wrong(name)
    return value


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _percentage(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(name)
    _require(math.isfinite(value) and 0 <= value <= 100, name)
    return float(value)


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _Wrong(name)
    return value
