"""The conditions of a statement: operators and condition keys of COS (436/46205, 598/10608).

Whatever these documents do not define is refused: a condition that is silently ignored, or guessed,
would make a policy look safer than it is.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .invalid_policy import InvalidPolicy

Matcher = Callable[[str], bool]

_IF_EXIST = "_if_exist"
# A request has at most one value for a key, so "any value" means the same as "the value".
_ANY_VALUE = "for_any_value:"
_KEYS = re.compile(
    r"qcs:ip"
    r"|cos:(?:secure-transport|content-length|content-type|prefix|versionid|response-content-type)"
    r"|cos:x-cos-(?:storage-class|acl|forbid-overwrite)"
    r"|cos:x-cos-grant-(?:read|write|read-acp|write-acp|full-control)"
    r"|cos:x-cos-server-side-encryption(?:-context|-cos-kms-key-id)?"
    r"|cos:x-cos-server-side-encryption-customer-(?:algorithm|key|key-md5)"
)

# The type that begins the names of a key's operators; for other keys it is "string".
_TYPES = {"cos:content-length": "numeric", "cos:secure-transport": "bool", "qcs:ip": "ip"}


@dataclass(frozen=True)
class Condition:
    """One condition key under one operator."""

    key: str
    matches: Matcher
    if_absent: bool
    """Whether the condition holds for a request that does not have the key."""

    def holds(self, context: Mapping[str, str]) -> bool:
        value = context.get(self.key)
        return self.if_absent if value is None else self.matches(value)


def parse_conditions(document: Any) -> tuple[Condition, ...]:
    """Compile the `condition` of a statement; all its keys must hold. Raise InvalidPolicy."""
    conditions = []
    for operator, keys in _object(document, "condition").items():
        name = operator.removeprefix(_ANY_VALUE).removesuffix(_IF_EXIST)
        if name not in _OPERATORS:
            raise InvalidPolicy(f"condition.{operator}: COS documents no such operator")
        for key, values in _object(keys, f"condition.{operator}").items():
            if not _KEYS.fullmatch(key):
                raise InvalidPolicy(f"condition.{operator}.{key}: there is no such condition key")
            where = f"condition.{operator}.{key}"
            if name.partition("_")[0] != _TYPES.get(key, "string"):
                raise InvalidPolicy(f"{where}: the operator does not suit the key's type")
            matcher = _OPERATORS[name](_operands(values, where), where)
            conditions.append(Condition(key, matcher, operator.endswith(_IF_EXIST)))
    return tuple(conditions)


def _object(document: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(document, dict) or not document:
        raise InvalidPolicy(f"{where} must be an object with at least one field")
    return document


def _operands(values: Any, where: str) -> list[str]:
    listed = values if isinstance(values, list) else [values]
    if not listed or not all(isinstance(each, (str, int, float)) for each in listed):
        raise InvalidPolicy(f"{where} must be a value or a list of values")
    return [
        str(each).lower() if isinstance(each, bool) else str(each)  # JSON's spelling of a bool
        for each in listed
    ]


# ---- operators: each compiles its operands, one of which must match


def _equal(operands: Sequence[str], where: str) -> Matcher:
    allowed = frozenset(operands)
    return lambda value: value in allowed


def _like(operands: Sequence[str], where: str) -> Matcher:
    for operand in operands:
        if "*" in operand[1:-1]:
            raise InvalidPolicy(f"{where}: a * may only be at the start or the end of {operand!r}")
    patterns = [wildcard(operand) for operand in operands]
    return lambda value: any(pattern.fullmatch(value) for pattern in patterns)


def _address(operands: Sequence[str], where: str) -> Matcher:
    try:
        # The document's examples have host bits: 10.217.182.3/24.
        networks = [ipaddress.ip_network(operand, strict=False) for operand in operands]
    except ValueError:
        raise InvalidPolicy(f"{where} must be addresses or networks (CIDR)") from None
    return lambda value: any(ipaddress.ip_address(value) in network for network in networks)


def _bool(operands: Sequence[str], where: str) -> Matcher:
    if not set(operands) <= {"true", "false"}:
        raise InvalidPolicy(f"{where} must be true or false")
    return _equal(operands, where)


def _numeric(compare: Callable[[float, float], bool]) -> Callable[[Sequence[str], str], Matcher]:
    def compiled(operands: Sequence[str], where: str) -> Matcher:
        try:
            numbers = [float(operand) for operand in operands]
        except ValueError:
            raise InvalidPolicy(f"{where} must be numbers") from None
        return lambda value: any(compare(float(value), number) for number in numbers)

    return compiled


def _negated(
    positive: Callable[[Sequence[str], str], Matcher],
) -> Callable[[Sequence[str], str], Matcher]:
    def compiled(operands: Sequence[str], where: str) -> Matcher:
        if len(operands) != 1:
            # By 598/10608 one match is enough, and any value differs from at least one of two.
            raise InvalidPolicy(
                f"{where}: give one value; of several, CAM needs only one to differ"
            )
        matches = positive(operands, where)
        return lambda value: not matches(value)

    return compiled


_OPERATORS: Mapping[str, Callable[[Sequence[str], str], Matcher]] = {
    "string_equal": _equal,
    "string_not_equal": _negated(_equal),
    "string_like": _like,
    "bool_equal": _bool,
    "ip_equal": _address,
    "ip_not_equal": _negated(_address),
    "numeric_equal": _numeric(lambda value, number: value == number),
    "numeric_not_equal": _negated(_numeric(lambda value, number: value == number)),
    "numeric_less_than": _numeric(lambda value, number: value < number),
    "numeric_less_than_equal": _numeric(lambda value, number: value <= number),
    "numeric_greater_than": _numeric(lambda value, number: value > number),
    "numeric_greater_than_equal": _numeric(lambda value, number: value >= number),
}


def wildcard(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which `*` stands for any text, even empty or with slashes.

    With many `*`, a plain `.*` for each would backtrack almost endlessly.
    """
    return re.compile(fnmatch.translate(re.sub(r"[\[?]", r"[\g<0>]", pattern)))
