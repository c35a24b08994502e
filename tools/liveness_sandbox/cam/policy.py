"""A policy, compiled for evaluation (syntax: 598/10604; resources: 598/10606).

The documents let a resource end in `*`, and do not say what one in the middle means. Here a `*`
stands for any text, wherever it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .conditions import Condition, parse_conditions, wildcard
from .invalid_policy import InvalidPolicy

_FIELDS = frozenset(("effect", "action", "resource", "condition", "sid"))
_TRUST_FIELDS = frozenset(("effect", "action", "principal", "sid"))
_SEGMENTS = 6


@dataclass(frozen=True)
class AccessRequest:
    """What CAM decides on: an action on a resource, with the values of condition keys."""

    action: str
    """Without the prefix `name/`: `cos:PutObject`."""
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Statement:
    allows: bool
    """Whether its effect is `allow` rather than `deny`."""
    actions: tuple[re.Pattern[str], ...]
    resources: tuple[re.Pattern[str], ...]
    conditions: tuple[Condition, ...]

    def applies_to(self, request: AccessRequest) -> bool:
        return (
            any(action.fullmatch(request.action) for action in self.actions)
            and any(resource.fullmatch(request.resource) for resource in self.resources)
            and all(condition.holds(request.context) for condition in self.conditions)
        )


def parse_policy(document: Any) -> tuple[Statement, ...]:
    """Compile the policy of a user, a role or a session. Raise InvalidPolicy."""
    return tuple(
        Statement(
            allows=_effect(statement) == "allow",
            actions=_patterns(statement, "action", action_pattern),
            resources=_patterns(statement, "resource", _resource_pattern),
            conditions=parse_conditions(statement["condition"]) if "condition" in statement else (),
        )
        for statement in _statements(document, _FIELDS)
    )


def parse_trust(document: Any) -> tuple[Mapping[str, Any], ...]:
    """Return the statements of a role's trust policy, checked. Raise InvalidPolicy."""
    statements = _statements(document, _TRUST_FIELDS)
    for statement in statements:
        _effect(statement)
        principal = statement.get("principal")
        if not isinstance(principal, dict) or not principal:
            raise InvalidPolicy("a statement of a trust policy must have a principal")
        if unknown := set(principal) - {"qcs", "service"}:
            raise InvalidPolicy(f"principal.{min(unknown)}: the sandbox knows qcs and service")
    return tuple(statements)


def action_pattern(action: str) -> re.Pattern[str]:
    """Compile an action; `name/cos:PutObject` and `cos:PutObject` are the same."""
    return wildcard(action.removeprefix("name/"))


def texts(value: Any, where: str) -> list[str]:
    """Return a list of texts; the policy language also allows a single text instead of a list."""
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(each, str) and each for each in listed):
        raise InvalidPolicy(f"{where} must be a text, or a list of texts")
    return listed


def _statements(document: Any, fields: frozenset[str]) -> list[Mapping[str, Any]]:
    if not isinstance(document, dict):
        raise InvalidPolicy("a policy must be an object")
    if unknown := set(document) - {"version", "statement"}:
        raise InvalidPolicy(f"{min(unknown)!r} is not a field of a policy (they are in lower case)")
    if document.get("version") != "2.0":
        raise InvalidPolicy(f"version must be '2.0', not {document.get('version')!r}")
    statements = document.get("statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    if not statements:
        raise InvalidPolicy("a policy must have a statement")
    for statement in statements:
        if not isinstance(statement, dict):
            raise InvalidPolicy("a statement must be an object")
        if unknown := set(statement) - fields:
            raise InvalidPolicy(f"{min(unknown)!r} is not a field of a statement of this policy")
    return statements


def _effect(statement: Mapping[str, Any]) -> str:
    effect = statement.get("effect")
    if effect not in ("allow", "deny"):
        raise InvalidPolicy(f"effect must be 'allow' or 'deny', not {effect!r}")
    return str(effect)


def _patterns(
    statement: Mapping[str, Any], name: str, compiled: Any
) -> tuple[re.Pattern[str], ...]:
    return tuple(compiled(text) for text in texts(statement.get(name), name))


def _resource_pattern(resource: str) -> re.Pattern[str]:
    """Compile `qcs::<service>:<region>:<account>:<name>`, or `*`.

    An empty region means every region. An empty account means the policy's own, which is the only
    one that the sandbox has.
    """
    if resource == "*":
        return wildcard(resource)
    segments = resource.split(":", _SEGMENTS - 1)
    if len(segments) != _SEGMENTS or segments[0] != "qcs" or not segments[2] or not segments[5]:
        raise InvalidPolicy(f"the resource {resource!r} does not have six segments")
    segments[3] = segments[3] or "*"
    if segments[4] in ("", "uin/", "uid/"):
        segments[4] = "*"
    return wildcard(":".join(segments))
