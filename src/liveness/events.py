"""Reads the event that triggered an invocation: a COS message, a timer or a direct invocation.

An event is only a wake-up call: it need only say which pairs to inspect. A key whose spelling is in
doubt names every pair it may mean; inspecting one too many costs a few HEADs and does no harm.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from .errors import EventError
from .keys import (
    IMAGE,
    InputKey,
    NotAnInput,
    is_spelled_as_configured,
    pair_id_problem,
    read_input_key,
)
from .settings import Settings

# What a direct invocation may ask for.
DIRECT_EVENTS = ("pairs", "retry", "reconcile", "drain", "check")


class SkippedRecord(NamedTuple):
    """A record that triggers nothing: `kind` is ignored, stray, rejected or malformed."""

    kind: str
    where: str
    reason: str

    def to_summary(self) -> dict[str, str]:
        return {"kind": self.kind, "where": self.where, "reason": self.reason}


class Trigger(NamedTuple):
    """What to do; `kind` is cos, pairs, retry, reconcile, drain or check."""

    kind: str
    pair_ids: tuple[str, ...] = ()
    skipped: tuple[SkippedRecord, ...] = ()
    in_other_case: frozenset[str] = frozenset()  # pairs with a key not spelled as configured
    prefix: str = ""  # for reconcile: only pair ids that begin with it
    uploads: tuple[InputKey, ...] = ()  # for cos: the uploaded inputs

    def is_image_alone(self, pair_id: str) -> bool:
        """Whether the event says only that a reference image of this pair was uploaded.

        False if the image's suffix is in another case: then the package's may be, too.
        """
        roles = [upload.role for upload in self.uploads if upload.pair_id == pair_id]
        return roles == [IMAGE] and pair_id not in self.in_other_case


def read_event(settings: Settings, event: object) -> Trigger:
    """Read an event. Raises EventError if it is not of any known type."""
    if not isinstance(event, dict):
        raise EventError(f"the event is {_describe(event)}; it must be a JSON object")
    if "Records" in event:
        return _read_records(settings, event["Records"])
    if event.get("Type") == "Timer":
        return _read_timer(event.get("Message"))
    kinds = [name for name in DIRECT_EVENTS if name in event]
    if len(kinds) != 1 or len(event) != 1:
        raise EventError(
            'the event has neither "Records" (COS) nor "Type": "Timer" nor exactly one of '
            + ", ".join(f'"{name}"' for name in DIRECT_EVENTS)
        )
    return _read_direct(settings, kinds[0], event[kinds[0]])


def _read_timer(message: object) -> Trigger:
    if message not in ("drain", "reconcile"):
        raise EventError('the timer\'s Message is neither "drain" nor "reconcile"')
    return Trigger(str(message))


def _read_direct(settings: Settings, kind: str, value: object) -> Trigger:
    if kind in ("drain", "reconcile", "check"):
        prefix = value.get("prefix", "") if isinstance(value, dict) else None
        if not isinstance(prefix, str):
            raise EventError(f'"{kind}" must hold an object, like {{}}')
        return Trigger(kind, prefix=prefix)
    if not isinstance(value, list) or not value:
        raise EventError(f'"{kind}" must hold a list of pair ids')
    pair_ids, skipped = [], []
    for index, pair_id in enumerate(value):
        where = f"{kind}[{index}]"
        if not isinstance(pair_id, str):
            skipped.append(
                SkippedRecord("malformed", where, f"is {_describe(pair_id)}; give a pair id")
            )
        elif problem := pair_id_problem(settings, pair_id):
            skipped.append(SkippedRecord("rejected", where, problem))
        else:
            pair_ids.append(pair_id)
    return Trigger(kind, _unique(pair_ids), tuple(skipped))


def _read_records(settings: Settings, records: object) -> Trigger:
    if not isinstance(records, list):
        raise EventError(f"Records is {_describe(records)}; it must be a list")
    uploads: list[InputKey] = []
    skipped: list[SkippedRecord] = []
    in_other_case: set[str] = set()
    for index, record in enumerate(records):
        where = f"Records[{index}]"
        try:
            keys = _keys_of(settings, record)
        except _RecordSkipped as skipped_record:
            skipped.append(SkippedRecord(skipped_record.kind, where, skipped_record.reason))
            continue
        for key in keys:
            read = read_input_key(settings, key)
            if isinstance(read, NotAnInput):
                kind = "stray" if read.is_stray else "ignored"
                skipped.append(SkippedRecord(kind, where, f"key {read.key!r:.900} {read.reason}"))
                continue
            uploads.append(read)
            if not is_spelled_as_configured(settings, read):
                in_other_case.add(read.pair_id)
    if not records:
        skipped.append(SkippedRecord("ignored", "Records", "is empty"))
    return Trigger(
        "cos",
        _unique([upload.pair_id for upload in uploads]),
        tuple(skipped),
        frozenset(in_other_case),
        uploads=tuple(dict.fromkeys(uploads)),
    )


class _RecordSkipped(Exception):
    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason


def _keys_of(settings: Settings, record: object) -> list[str]:
    """Return the object keys that one record may mean. Raises _RecordSkipped."""
    name = _text(record, "event", "eventName")
    # Samples show "cos: ObjectRemove:Delete", with a stray space.
    _, _, operation = name.replace(" ", "").partition(":")
    if not operation.startswith("ObjectCreated:"):
        raise _RecordSkipped("ignored", f"event {name!r:.80} creates no object")
    # The bucket's full name is unique, so the region, which has several spellings, is not checked.
    bucket = _text(record, "cos", "cosBucket", "name")
    appid = _text(record, "cos", "cosBucket", "appid", number=True)
    if f"{bucket}-{appid}" != settings.bucket:
        raise _RecordSkipped(
            "rejected",
            f"bucket {f'{bucket}-{appid}'!r:.100} is not LIVENESS_BUCKET ({settings.bucket!r})",
        )
    full_key = _text(record, "cos", "cosObject", "key")
    prefix = f"/{appid}/{bucket}/"
    if not full_key.startswith(prefix):
        raise _RecordSkipped("malformed", f"cos.cosObject.key does not begin with {prefix!r}")
    key = full_key[len(prefix) :]
    _check_unicode(key)
    url = _text(record, "cos", "cosObject", "url", default="")
    # The key is raw and the URL percent-encoded, but that is unconfirmed for space, "+", "%" and
    # non-ASCII characters. If the two leave doubt, all spellings are inspected.
    path_part = url.partition("://")[2].partition("/")[2].partition("?")[0]
    spellings = [key]
    if path_part and key not in (_decoded(path_part), unquote_plus(path_part)):
        spellings.append(_decoded(path_part) or key)
    if "+" in key and "+" in path_part:  # both may be form-encoded
        spellings.append(key.replace("+", " "))
    return list(dict.fromkeys(spellings))


def _decoded(path_part: str) -> str | None:
    try:
        return unquote(path_part, errors="strict")
    except UnicodeDecodeError:
        return None


def _check_unicode(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError:
        raise _RecordSkipped("malformed", "cos.cosObject.key is not valid Unicode") from None


def _text(record: object, *path: str, default: str | None = None, number: bool = False) -> str:
    """Return the string at a path inside a record. Raises _RecordSkipped if there is none."""
    value: Any = record
    for depth, name in enumerate(path):
        if not isinstance(value, dict):
            where = ".".join(path[:depth]) or "the record"
            raise _RecordSkipped(
                "malformed", f"{where} is {_describe(value)}; it must be an object"
            )
        value = value.get(name)
        if value is None and default is not None:
            return default
    if number and type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise _RecordSkipped(
            "malformed", f"{'.'.join(path)} is {_describe(value)}; it must be a string"
        )
    return value


def _describe(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    if value is None:
        return "missing or null"
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "not JSON")


def _unique(pair_ids: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pair_ids))
