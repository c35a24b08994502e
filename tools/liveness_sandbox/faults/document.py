"""Faults as JSON, for files and for calls: whatever is wrong is told by its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .fault import STALE_KINDS, Fault, FaultAction, InvalidFault, Match

_NUMBERS = ("delay", *STALE_KINDS, "probability")
# More seconds than that a calendar cannot take.
_MOST = 1_000_000_000
_INTEGERS = ("status", "times", "seed")


def parse_fault(document: Any, place: str = "") -> Fault:
    """`{"match": {...}, "do": {...}}`; raises InvalidFault."""
    given = checked_object(document, place, ("match", "do", "comment"))
    try:
        match = Match(**_fields(given.get("match", {}), "match", Match))
        return Fault(FaultAction(**_fields(given.get("do", {}), "do", FaultAction)), match)
    except InvalidFault as error:
        raise InvalidFault(f"{place}.{error}" if place else str(error)) from None


def fault_document(fault: Fault) -> dict[str, Any]:
    """What `parse_fault` would read back, without what is at its default."""
    return {"match": _given(fault.match), "do": _given(fault.action)}


def checked_object(document: Any, place: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """A field that is nearly right must not be passed over."""
    if not isinstance(document, dict):
        raise InvalidFault(f"{place or 'this'} is an object, not {shown(document)}")
    for name in document:
        if name not in names:
            where = f"{place}.{name}" if place else name
            raise InvalidFault(f"{where} is no field; there are {', '.join(names)}")
    return document


def checked_number(value: Any, place: str) -> float:
    # bool is an int to Python, and NaN is JSON to Python's reader.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise InvalidFault(f"{place} is a number, not {shown(value)}")
    if abs(value) > _MOST:
        raise InvalidFault(f"{place} is at most {_MOST:,}, not {shown(value)}")
    return value


def shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]


def _fields(document: Any, place: str, kind: type[Match] | type[FaultAction]) -> dict[str, Any]:
    names = tuple(field.name for field in fields(kind))
    given = checked_object(document, place, names)
    return {name: _checked(value, name, f"{place}.{name}") for name, value in given.items()}


def _checked(value: Any, name: str, place: str) -> Any:
    if name in _NUMBERS:
        return checked_number(value, place)
    if name in _INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidFault(f"{place} is a whole number, not {shown(value)}")
    elif not isinstance(value, str):
        raise InvalidFault(f"{place} is a text, not {shown(value)}")
    return value


def _given(value: Match | FaultAction) -> dict[str, Any]:
    return {
        field.name: getattr(value, field.name)
        for field in fields(value)
        if getattr(value, field.name) != field.default
    }
