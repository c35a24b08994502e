"""Evaluate whether CAM policies allow a request, and refuse policies that use anything else.

A request is denied unless a statement allows it, and a deny overrides an allow (436/71307). `*`
matches any text. It supports conditions on strings, numbers and truth values. A condition on a
key that the request lacks does not hold, unless its operator ends in `_if_exist` (436/71307).
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .language import Policy, Statement, as_list

_IF_EXIST = "_if_exist"
_NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "numeric_equal": operator.eq,
    "numeric_less_than": operator.lt,
    "numeric_less_than_equal": operator.le,
    "numeric_greater_than": operator.gt,
    "numeric_greater_than_equal": operator.ge,
}
_OPERATORS: Mapping[str, Callable[[str, list[str]], bool]] = {
    "bool_equal": lambda value, operands: value in operands,
    "string_equal": lambda value, operands: value in operands,
    "string_not_equal": lambda value, operands: value not in operands,
    "string_like": lambda value, operands: any(_matches(item, value) for item in operands),
    "string_not_like": lambda value, operands: not any(_matches(item, value) for item in operands),
}
_FIELDS = {"effect", "action", "resource", "condition"}


class Request(NamedTuple):
    """An action on a resource; `context` has the values of condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] = {}


class UnsupportedPolicy(Exception):
    """A policy uses something that this evaluator does not support; str() says what."""


def allows(policies: Iterable[Policy], request: Request) -> bool:
    """Whether a principal with all these policies may make the request.

    Raises UnsupportedPolicy.
    """
    effects = [
        _effect(statement)
        for policy in policies
        for statement in _statements(policy)
        if _applies(statement, request)
    ]
    return "allow" in effects and "deny" not in effects


def _statements(policy: Policy) -> list[Statement]:
    if policy.get("version") != "2.0":
        raise UnsupportedPolicy(f"version {policy.get('version')!r}")
    statements: list[Statement] = as_list(policy.get("statement", []))
    return statements


def _effect(statement: Statement) -> str:
    effect = statement["effect"]
    if effect not in ("allow", "deny"):
        raise UnsupportedPolicy(f"effect {effect!r}")
    return str(effect)


def _applies(statement: Statement, request: Request) -> bool:
    if unsupported := set(statement) - _FIELDS:
        raise UnsupportedPolicy(f"{', '.join(sorted(unsupported))} in a statement")
    action = _without_prefix(request.action)
    return (
        any(_matches(_without_prefix(item), action) for item in as_list(statement["action"]))
        and any(
            _matches(_with_any_account(item), request.resource)
            for item in as_list(statement["resource"])
        )
        and _conditions_hold(statement.get("condition", {}), request.context)
    )


def _conditions_hold(
    condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]
) -> bool:
    """Whether every key of every operator matches one of its values."""
    # A list, not a generator: an unsupported operator must be reported even if another condition
    # does not hold.
    return all(
        [
            _holds(suffixed, context.get(name), [str(item) for item in as_list(operands)])
            for suffixed, keys in condition.items()
            for name, operands in keys.items()
        ]
    )


def _holds(suffixed: str, value: str | None, operands: list[str]) -> bool:
    name = suffixed.removesuffix(_IF_EXIST)
    if name not in _OPERATORS and name not in _NUMERIC:
        raise UnsupportedPolicy(f"condition {suffixed!r}")
    if value is None:
        return name != suffixed
    if name in _NUMERIC:
        return any(_NUMERIC[name](float(value), float(operand)) for operand in operands)
    return _OPERATORS[name](value, operands)


def _matches(pattern: str, text: str) -> bool:
    # Only `*` is special here. A regular expression with many `.*` could backtrack endlessly.
    return fnmatch.fnmatchcase(text, re.sub(r"[\[?]", r"[\g<0>]", pattern))


def _without_prefix(action: str) -> str:
    """Normalize an action: `name/cos:PutObject` and `cos:PutObject` are the same."""
    return action.removeprefix("name/")


def _with_any_account(resource: str) -> str:
    """Normalize a resource without an account: it is in the policy's own account (598/10606)."""
    parts = resource.split(":", 5)
    if len(parts) == 6 and parts[4] in ("", "uin/"):
        parts[4] = "*"
    return ":".join(parts)
