"""What woke us: COS messages, timers and direct invocations, read into one value.

An event is only a wake-up call: all it has to tell is whom to look at. So a key whose spelling is
in doubt names every pair it may mean; looking at one too many costs a few HEADs and harms nobody.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from .errors import EventError
from .keys import NotAnInput, pair_id_problem, read_input_key
from .settings import Settings

# What a person's session may ask for in one direct invocation.
_DIRECT = ("pairs", "retry", "reconcile", "drain")


class Remark(NamedTuple):
    """A record that wakes nobody: `kind` is ignored, refused or malformed."""

    kind: str
    where: str
    why: str


class Wakeup(NamedTuple):
    """Whom to look at; `kind` is cos, pairs, retry, reconcile or drain."""

    kind: str
    pair_ids: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    prefix: str = ""


def read_event(settings: Settings, event: object) -> Wakeup:
    """Raises EventError when the event as a whole is nothing we know."""
    if not isinstance(event, dict):
        raise EventError(f"the event is {_kind(event)}; it must be a JSON object")
    if "Records" in event:
        return _read_records(settings, event["Records"])
    if event.get("Type") == "Timer":
        return _read_timer(event.get("Message"))
    named = [name for name in _DIRECT if name in event]
    if len(named) != 1 or len(event) != 1:
        raise EventError(
            'the event has neither "Records" (COS) nor "Type": "Timer" nor exactly one of '
            + ", ".join(f'"{name}"' for name in _DIRECT)
        )
    return _read_direct(settings, named[0], event[named[0]])


def _read_timer(message: object) -> Wakeup:
    if message not in ("drain", "reconcile"):
        raise EventError('the timer\'s Message is neither "drain" nor "reconcile"')
    return Wakeup(str(message))


def _read_direct(settings: Settings, kind: str, value: object) -> Wakeup:
    if kind in ("drain", "reconcile"):
        prefix = value.get("prefix", "") if isinstance(value, dict) else None
        if not isinstance(prefix, str):
            raise EventError(f'"{kind}" must hold an object, like {{}}')
        return Wakeup(kind, prefix=prefix)
    if not isinstance(value, list) or not value:
        raise EventError(f'"{kind}" must hold a list of pair ids')
    pair_ids, remarks = [], []
    for index, pair_id in enumerate(value):
        where = f"{kind}[{index}]"
        if not isinstance(pair_id, str):
            remarks.append(Remark("malformed", where, f"is {_kind(pair_id)}; give a pair id"))
        elif problem := pair_id_problem(settings, pair_id):
            remarks.append(Remark("refused", where, problem))
        else:
            pair_ids.append(pair_id)
    return Wakeup(kind, _unique(pair_ids), tuple(remarks))


def _read_records(settings: Settings, records: object) -> Wakeup:
    if not isinstance(records, list):
        raise EventError(f"Records is {_kind(records)}; it must be a list")
    pair_ids: list[str] = []
    remarks: list[Remark] = []
    for index, record in enumerate(records):
        where = f"Records[{index}]"
        try:
            keys = _keys_of(settings, record)
        except _NotOurs as not_ours:
            remarks.append(Remark(not_ours.kind, where, not_ours.why))
            continue
        for key in keys:
            read = read_input_key(settings, key)
            if isinstance(read, NotAnInput):
                remarks.append(Remark("ignored", where, f"key {read.key!r:.900} {read.why}"))
            else:
                pair_ids.append(read.pair_id)
    if not records:
        remarks.append(Remark("ignored", "Records", "is empty"))
    return Wakeup("cos", _unique(pair_ids), tuple(remarks))


class _NotOurs(Exception):
    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        self.why = why


def _keys_of(settings: Settings, record: object) -> list[str]:
    """The object keys that one record may mean. Raises _NotOurs."""
    name = _text(record, "event", "eventName")
    # Samples show "cos: ObjectRemove:Delete", with a stray space.
    _, _, what = name.replace(" ", "").partition(":")
    if not what.startswith("ObjectCreated:"):
        raise _NotOurs("ignored", f"event {name!r:.80} creates no object")
    # The full name is unique; the region is spelt in several ways and needs no check beside it.
    bucket = _text(record, "cos", "cosBucket", "name")
    appid = _text(record, "cos", "cosBucket", "appid", number=True)
    if f"{bucket}-{appid}" != settings.bucket:
        raise _NotOurs(
            "refused",
            f"bucket {f'{bucket}-{appid}'!r:.100} is not LIVENESS_BUCKET ({settings.bucket!r})",
        )
    whole = _text(record, "cos", "cosObject", "key")
    front = f"/{appid}/{bucket}/"
    if not whole.startswith(front):
        raise _NotOurs("malformed", f"cos.cosObject.key does not begin with {front!r}")
    key = whole[len(front) :]
    _check_unicode(key)
    url = _text(record, "cos", "cosObject", "url", default="")
    # The key stands raw, the URL percent-encoded; for space, "+", "%" and what is not ASCII nobody
    # could confirm it. Where the two disagree, both spellings are looked at.
    path_part = url.partition("://")[2].partition("/")[2].partition("?")[0]
    if not path_part or key in (_decoded(path_part), unquote_plus(path_part)):
        return [key]
    return [key, *([decoded] if (decoded := _decoded(path_part)) else [])]


def _decoded(path_part: str) -> str | None:
    try:
        return unquote(path_part, errors="strict")
    except UnicodeDecodeError:
        return None


def _check_unicode(key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError:
        raise _NotOurs("malformed", "cos.cosObject.key is not valid Unicode") from None


def _text(record: object, *path: str, default: str | None = None, number: bool = False) -> str:
    """The string at a path inside a record; where something else is, a clear complaint."""
    value: Any = record
    for depth, name in enumerate(path):
        if not isinstance(value, dict):
            where = ".".join(path[:depth]) or "the record"
            raise _NotOurs("malformed", f"{where} is {_kind(value)}; it must be an object")
        value = value.get(name)
        if value is None and default is not None:
            return default
    if number and type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise _NotOurs("malformed", f"{'.'.join(path)} is {_kind(value)}; it must be a string")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    if value is None:
        return "missing or null"
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "no JSON")


def _unique(pair_ids: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pair_ids))
