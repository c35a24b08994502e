"""Whether CAM policies allow a request: a small evaluator, strict about what it does not know.

Nothing is allowed unless a statement allows it, and a deny wins (436/71307). `*` stands for any
text. Of the conditions it knows the string operators. A condition on what the request does not
carry is not met, and met where the operator ends in `_if_exist` (436/71307).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .language import Policy, Statement

_IF_EXIST = "_if_exist"
_OPERATORS: Mapping[str, Callable[[str, list[str]], bool]] = {
    "string_equal": lambda value, wanted: value in wanted,
    "string_not_equal": lambda value, wanted: value not in wanted,
    "string_like": lambda value, wanted: any(_matches(item, value) for item in wanted),
    "string_not_like": lambda value, wanted: not any(_matches(item, value) for item in wanted),
}
_FIELDS = {"effect", "action", "resource", "condition"}


class Request(NamedTuple):
    """What somebody asks for; `context` has what conditions look at, by condition key."""

    action: str
    resource: str
    context: Mapping[str, str] = {}


class UnknownPolicy(Exception):
    """A policy that holds what this evaluator does not know; the text says what."""


def allows(policies: Iterable[Policy], request: Request) -> bool:
    """Whether somebody with all these policies may make the request. Raises UnknownPolicy."""
    effects = [
        _effect(statement)
        for policy in policies
        for statement in _statements(policy)
        if _applies(statement, request)
    ]
    return "allow" in effects and "deny" not in effects


def _statements(policy: Policy) -> list[Statement]:
    if policy.get("version") != "2.0":
        raise UnknownPolicy(f"version {policy.get('version')!r}")
    statements: list[Statement] = _several(policy.get("statement", []))
    return statements


def _effect(statement: Statement) -> str:
    effect = statement["effect"]
    if effect not in ("allow", "deny"):
        raise UnknownPolicy(f"effect {effect!r}")
    return str(effect)


def _applies(statement: Statement, request: Request) -> bool:
    if unknown := set(statement) - _FIELDS:
        raise UnknownPolicy(f"{', '.join(sorted(unknown))} in a statement")
    action = _plain(request.action)
    return (
        any(_matches(_plain(item), action) for item in _several(statement["action"]))
        and any(
            _matches(_own_account(item), request.resource)
            for item in _several(statement["resource"])
        )
        and _met(statement.get("condition", {}), request.context)
    )


def _met(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Every key of every operator; of several values one is enough."""
    # A list: an operator that is not known must be told even where another is not met.
    return all(
        [
            _holds(operator, context.get(name), [str(item) for item in _several(wanted)])
            for operator, keys in condition.items()
            for name, wanted in keys.items()
        ]
    )


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    name = operator.removesuffix(_IF_EXIST)
    if name not in _OPERATORS:
        raise UnknownPolicy(f"condition {operator!r}")
    if value is None:
        return name != operator
    return _OPERATORS[name](value, wanted)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _plain(action: str) -> str:
    """`name/cos:PutObject` and `cos:PutObject` are the same action."""
    return action.removeprefix("name/")


def _own_account(resource: str) -> str:
    """A resource that names no account is the policy's own account's (598/10606)."""
    parts = resource.split(":", 5)
    if len(parts) == 6 and parts[4] in ("", "uin/"):
        parts[4] = "*"
    return ":".join(parts)


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
