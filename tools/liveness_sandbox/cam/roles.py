"""Roles, and the policies attached to them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..account import APPID, UIN
from ..clock import Clock
from ..credentials import Caller, Credentials, KeyRing
from .permissions import Permissions

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
    permissions: Permissions


class Roles:
    def __init__(self, clock: Clock, keys: KeyRing) -> None:
        self._clock = clock
        self._keys = keys
        self._roles: dict[str, Role] = {}
        self._policies: dict[int, Policy] = {}
        self._role_ids = itertools.count(_FIRST_ROLE_ID)
        self._policy_ids = itertools.count(_FIRST_POLICY_ID)

    def put(self, name: str, trust: Document, policies: Mapping[str, Document]) -> Role:
        """Create a role with these policies by name, or replace the role of that name.

        Keys of the replaced role have the new one's permissions. Raise InvalidPolicy.
        """
        now = self._clock.now()
        previous = self._roles.get(name)
        permissions = Permissions(()) if previous is None else previous.permissions
        permissions.replace(policies.values())
        attached = []
        for policy_name, document in policies.items():
            policy = Policy(next(self._policy_ids), policy_name, document, now)
            self._policies[policy.id] = policy
            attached.append(policy)
        role = Role(str(next(self._role_ids)), name, trust, now, tuple(attached), permissions)
        self._roles[name] = role
        return role

    def assume(
        self,
        role: Role,
        session: str,
        lifetime_seconds: float,
        *,
        uin: str = UIN,
        further: tuple[Permissions, ...] = (),
    ) -> Credentials:
        """Issue temporary keys that have the role's permissions, and within `further` ones only.

        `uin` is the account that asks for them.
        """
        caller = Caller(
            f"qcs::sts:{UIN}:assumed-role/{role.id}", f"{role.id}:{session}", uin, "CAMRole"
        )
        return self._keys.issue_temporary(
            APPID, lifetime_seconds, caller, (role.permissions, *further)
        )

    def __iter__(self) -> Iterator[Role]:
        return iter(self._roles.values())

    def find(self, *, name: str | None = None, id: str | None = None) -> Role | None:
        """Find a role by its name or by its id."""
        matching = (role for role in self._roles.values() if role.name == name or role.id == id)
        return next(matching, None)

    def policy(self, id: int) -> Policy | None:
        return self._policies.get(id)
