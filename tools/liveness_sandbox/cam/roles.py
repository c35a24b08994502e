"""Roles and the policies attached to them. They are returned by the API but not enforced."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clock import Clock

Document = Mapping[str, Any]
_FIRST_ROLE_ID = 4611686018427387904
_FIRST_POLICY_ID = 17698703


@dataclass(frozen=True)
class Policy:
    id: int
    name: str
    document: Document
    added: datetime


@dataclass(frozen=True)
class Role:
    id: str
    name: str
    trust: Document
    """The policy that defines who may assume the role."""
    added: datetime
    policies: tuple[Policy, ...]


class Roles:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._roles: dict[str, Role] = {}
        self._policies: dict[int, Policy] = {}
        self._role_ids = itertools.count(_FIRST_ROLE_ID)
        self._policy_ids = itertools.count(_FIRST_POLICY_ID)

    def put(self, name: str, trust: Document, policies: Mapping[str, Document]) -> Role:
        """Create a role with these policies by name, or replace the role of that name."""
        now = self._clock.now()
        attached = []
        for policy_name, document in policies.items():
            policy = Policy(next(self._policy_ids), policy_name, document, now)
            self._policies[policy.id] = policy
            attached.append(policy)
        role = Role(str(next(self._role_ids)), name, trust, now, tuple(attached))
        self._roles[name] = role
        return role

    def find(self, *, name: str | None = None, id: str | None = None) -> Role | None:
        """Find a role by its name or by its id."""
        matching = (role for role in self._roles.values() if role.name == name or role.id == id)
        return next(matching, None)

    def policy(self, id: int) -> Policy | None:
        return self._policies.get(id)
