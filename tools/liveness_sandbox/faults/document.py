"""Faults as JSON, for scenario files and for the sandbox's API.

An error names the path of the problem in the document.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .fault import STALE_KINDS, Fault, FaultAction, InvalidFault, Match

_NUMBERS = ("delay", *STALE_KINDS, "probability")
# datetime cannot represent a time that is many more seconds away.
_MAX_NUMBER = 1_000_000_000
_INTEGERS = ("status", "times", "seed")


def parse_fault(document: Any, path: str = "") -> Fault:
    """Parse `{"match": {...}, "do": {...}}`. Raise InvalidFault if it is not a fault."""
    parts = checked_object(document, path, ("match", "do", "comment"))
    try:
        match = Match(**_fields(parts.get("match", {}), "match", Match))
        return Fault(FaultAction(**_fields(parts.get("do", {}), "do", FaultAction)), match)
    except InvalidFault as error:
        raise InvalidFault(f"{path}.{error}" if path else str(error)) from None


def fault_document(fault: Fault) -> dict[str, Any]:
    """Return the document that `parse_fault` reads, without the fields that have their default."""
    return {"match": _non_default(fault.match), "do": _non_default(fault.action)}


def checked_object(document: Any, path: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the document if it is an object without unknown fields: a misspelled field must not be
    ignored."""
    if not isinstance(document, dict):
        raise InvalidFault(f"{path or 'this'} must be an object, not {shown(document)}")
    for name in document:
        if name not in names:
            where = f"{path}.{name}" if path else name
            raise InvalidFault(f"{where} is not a known field; known fields: {', '.join(names)}")
    return document


def checked_number(value: Any, path: str) -> float:
    # In Python bool is a subclass of int, and the JSON parser accepts NaN.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        raise InvalidFault(f"{path} must be a number, not {shown(value)}")
    if abs(value) > _MAX_NUMBER:
        raise InvalidFault(f"{path} must be at most {_MAX_NUMBER:,}, not {shown(value)}")
    return value


def shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]


def _fields(document: Any, path: str, kind: type[Match] | type[FaultAction]) -> dict[str, Any]:
    names = tuple(field.name for field in fields(kind))
    values = checked_object(document, path, names)
    return {name: _checked(value, name, f"{path}.{name}") for name, value in values.items()}


def _checked(value: Any, name: str, path: str) -> Any:
    if name in _NUMBERS:
        return checked_number(value, path)
    if name in _INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidFault(f"{path} must be an integer, not {shown(value)}")
    elif not isinstance(value, str):
        raise InvalidFault(f"{path} must be a string, not {shown(value)}")
    return value


def _non_default(value: Match | FaultAction) -> dict[str, Any]:
    return {
        field.name: getattr(value, field.name)
        for field in fields(value)
        if getattr(value, field.name) != field.default
    }
