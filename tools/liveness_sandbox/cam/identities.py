"""Users and roles as data.

{
  "users": {"app": {"policies": {"upload": {"version": "2.0", "statement": [...]}}}},
  "roles": {"liveness-function": {"trust": {...}, "policies": {"liveness-function": {...}}}}
}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .invalid_policy import InvalidPolicy
from .policies import Document
from .policy import parse_policy, parse_trust


@dataclass(frozen=True)
class RoleDocument:
    """A role that a product of the cloud or an account may assume, and what it may then do."""

    trust: Document
    policies: Mapping[str, Document]


@dataclass(frozen=True)
class Identities:
    """Sub-accounts with their policies, and roles, each by its name."""

    users: Mapping[str, Mapping[str, Document]] = field(default_factory=dict)
    roles: Mapping[str, RoleDocument] = field(default_factory=dict)


def parse_identities(document: Any) -> Identities:
    """Check the document. Raise InvalidPolicy with the path of the problem."""
    fields = _object(document, "the document", ("users", "roles"))
    users = {
        name: _policies(user, ("policies",), f"users.{name}")
        for name, user in _entries(fields, "users")
    }
    roles = {}
    for name, role in _entries(fields, "roles"):
        where = f"roles.{name}"
        policies = _policies(role, ("trust", "policies"), where)
        trust = role.get("trust")
        _checked(parse_trust, trust, f"{where}.trust")
        roles[name] = RoleDocument(trust, policies)
    return Identities(users, roles)


def _entries(fields: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Any]]:
    return iter(_object(fields.get(kind, {}), kind).items())


def _policies(entry: Any, fields: Collection[str], where: str) -> Mapping[str, Document]:
    policies = _object(_object(entry, where, fields).get("policies", {}), f"{where}.policies")
    for name, policy in policies.items():
        _checked(parse_policy, policy, f"{where}.policies.{name}")
    return policies


def _object(value: Any, where: str, fields: Collection[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidPolicy(f"{where} must be an object")
    if fields is not None and (unknown := set(value) - set(fields)):
        raise InvalidPolicy(f"{where} has {', '.join(fields)}, not {min(unknown)!r}")
    return value


def _checked(parse: Any, document: Any, where: str) -> None:
    try:
        parse(document)
    except InvalidPolicy as error:
        raise InvalidPolicy(f"{where}: {error}") from None
