"""Turn `result.json` and `review-<n>.json` into rows. Pure.

Anybody with a key for the bucket can edit these objects, so nothing in them is trusted: an object
that is not a valid document of its schema, or that contradicts its own key or metadata, becomes a
row with a problem. The values in a row have the right type, are finite, and have a limited length.
"""

from __future__ import annotations

import calendar
import hashlib
import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any

from liveness.keys import FINGERPRINT_META, STATUS_META
from liveness.result import RESULT_SCHEMA
from liveness.verdicts import outcome_of

from .rows import DECISIONS, STATUSES, UNREADABLE, DecisionRow, ResultRow

MAX_DOCUMENT_BYTES = 256 * 1024
"""No document is larger: the longest texts in one are keys, of at most 850 bytes each."""
REVIEW_SCHEMA = "liveness-review/1"
_MAX_TEXT = 1000
_MAX_CALLS = 1_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})Z", re.ASCII)


class InvalidDocument(ValueError):
    """A document violates its schema; the text names the field and what it should be."""


def read_result(
    pair_id: str, body: bytes, metadata: Mapping[str, str], written_at: float
) -> ResultRow:
    """Read a `result.json`, of which at most `MAX_DOCUMENT_BYTES` + 1 bytes were fetched.

    Returns a row with status UNREADABLE, and the problem, if it is not valid.
    """
    digest = hashlib.sha256(body).hexdigest() if len(body) <= MAX_DOCUMENT_BYTES else ""
    try:
        return _result(pair_id, _parse(body), metadata)._replace(result_sha256=digest)
    except InvalidDocument as error:
        return unreadable_result(pair_id, written_at, str(error))._replace(result_sha256=digest)


def unreadable_result(pair_id: str, written_at: float, problem: str) -> ResultRow:
    return ResultRow(pair_id, written_at, UNREADABLE, problem=problem[:_MAX_TEXT])


def read_decision(pair_id: str, number: int, body: bytes, written_at: float) -> DecisionRow:
    """Read a `review-<number>.json`; returns a row with a problem if it is not valid."""
    try:
        return _decision(pair_id, number, _parse(body))
    except InvalidDocument as error:
        return unreadable_decision(pair_id, number, written_at, str(error))


def unreadable_decision(pair_id: str, number: int, written_at: float, problem: str) -> DecisionRow:
    return DecisionRow(pair_id, number, decided_at=written_at, problem=problem[:_MAX_TEXT])


def _result(pair_id: str, document: _Fields, metadata: Mapping[str, str]) -> ResultRow:
    document.expect("schema", RESULT_SCHEMA)
    document.expect("pair_id", pair_id)
    fingerprint = document.sha256("fingerprint")
    status = document.choice("status", STATUSES)
    for name, value in ((FINGERPRINT_META, fingerprint), (STATUS_META, status)):
        if metadata.get(name) != value:
            raise InvalidDocument(f"the object's metadata {name} is not what the document says")
    reason, times = document.fields("reason"), document.fields("times")
    similarity = document.number("similarity", 100, optional=True)
    threshold = document.number("threshold", 100)
    if status == "passed" and (similarity is None or similarity < threshold):
        raise InvalidDocument("status is passed, with a similarity below the threshold")
    api = document.fields("api") if document.get("api") is not None else None
    billed = api is not None and outcome_of(api.text("result"), api.text("description")).billed
    calls = document.whole("possibly_billed_calls", _MAX_CALLS)
    submission = document.optional_fields("submission")
    package = document.optional_fields("package")
    all_calls = submission.whole("possibly_billed_calls", _MAX_CALLS) if submission else calls
    frame = document.fields("best_frame")
    return ResultRow(
        pair_id=pair_id,
        at=times.time("published"),
        status=status,
        reason=reason.text("code"),
        category=reason.text("category"),
        similarity=similarity,
        threshold=threshold,
        completed_at=_completed_at(document),
        claimed_at=times.optional_time("claimed"),
        answered_at=times.optional_time("answered"),
        attempts=document.whole("attempts", _MAX_CALLS),
        billed_calls=int(billed),
        possibly_billed_calls=calls,
        earlier_calls=max(all_calls - calls, 0),
        submission=submission.optional_whole("number", _MAX_CALLS) if submission else None,
        submissions=submission.whole("count", _MAX_CALLS) if submission else None,
        is_package_reused=package.boolean("reused") if package else None,
        has_frame=frame.get("key") is not None,
        region=document.text("region"),
        version=document.text("version"),
        fingerprint=fingerprint,
    )


def _completed_at(document: _Fields) -> float | None:
    """Return when the later input was uploaded; None if COS did not describe one."""
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) < 2:
        raise InvalidDocument("inputs is not an array of at least two")
    times = [
        _Fields(item, f"inputs[{index}].").optional_time("last_modified")
        for index, item in enumerate(inputs[:100])
    ]
    known = [moment for moment in times if moment is not None]
    return max(known) if len(known) == len(times) else None


def _decision(pair_id: str, number: int, document: _Fields) -> DecisionRow:
    document.expect("schema", REVIEW_SCHEMA)
    document.expect("pair_id", pair_id)
    document.expect("number", number)
    reason, shown = document.fields("reason"), document.fields("shown")
    return DecisionRow(
        pair_id=pair_id,
        number=number,
        decision=document.choice("decision", DECISIONS),
        reason=reason.text("code"),
        note=reason.text("note"),
        reviewer=document.fields("reviewer").text("arn"),
        decided_at=document.time("decided"),
        fingerprint=shown.sha256("fingerprint"),
        result_sha256=shown.sha256("result_sha256"),
    )


def _parse(body: bytes) -> _Fields:
    if len(body) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument(f"it is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        document = json.loads(body, parse_constant=_reject_constant)
    except InvalidDocument:
        raise
    except (ValueError, RecursionError):
        raise InvalidDocument("it is not JSON") from None
    return _Fields(document, "")


def _reject_constant(name: str) -> None:
    raise InvalidDocument(f"it contains {name}, which JSON does not have")


class _Fields:
    """The fields of an object; every method raises an InvalidDocument that names the field."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise InvalidDocument(f"{path.rstrip('.') or 'the document'} is not an object")
        self._values: dict[str, Any] = value
        self._path = path

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def fields(self, name: str) -> _Fields:
        return _Fields(self.get(name), f"{self._path}{name}.")

    def optional_fields(self, name: str) -> _Fields | None:
        return None if self.get(name) is None else self.fields(name)

    def expect(self, name: str, value: object) -> None:
        found = self.get(name)
        if type(found) is not type(value) or found != value:
            raise self._invalid(name, f"not {value!r}"[:200])

    def text(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str):
            raise self._invalid(name, "not a string")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._invalid(name, "not valid Unicode") from None
        return value[:_MAX_TEXT]

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self._invalid(name, f"none of {', '.join(choices)}")
        return value

    def sha256(self, name: str) -> str:
        value = self.get(name)
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            raise self._invalid(name, "not a SHA-256 in hexadecimal")
        return value

    def boolean(self, name: str) -> bool:
        value = self.get(name)
        if not isinstance(value, bool):
            raise self._invalid(name, "neither true nor false")
        return value

    def number(self, name: str, highest: float, *, optional: bool = False) -> Any:
        """Return a float from 0 to `highest`, or None if that is allowed."""
        value = self.get(name)
        if value is None and optional:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._invalid(name, "not a number")
        if not 0 <= value <= highest or not math.isfinite(value):
            raise self._invalid(name, f"not from 0 to {highest:g}")
        return float(value)

    def whole(self, name: str, highest: int) -> int:
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= highest:
            raise self._invalid(name, f"not a whole number from 0 to {highest}")
        return value

    def optional_whole(self, name: str, highest: int) -> int | None:
        return None if self.get(name) is None else self.whole(name, highest)

    def time(self, name: str) -> float:
        value = self.get(name)
        match = _TIME.fullmatch(value) if isinstance(value, str) else None
        try:
            if match is None:
                raise ValueError
            seconds = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
        except ValueError:
            raise self._invalid(name, "not a time like 2026-11-18T11:06:40.125Z") from None
        return seconds + int(match[2]) / 1000

    def optional_time(self, name: str) -> float | None:
        return None if self.get(name) is None else self.time(name)

    def _invalid(self, name: str, problem: str) -> InvalidDocument:
        return InvalidDocument(f"{self._path}{name} is {problem}")
