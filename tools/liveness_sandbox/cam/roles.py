"""Roles, and the policies attached to them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..account import APPID, UIN
from ..clock import Clock
from ..credentials import Caller, Credentials, KeyRing
from .permissions import Permissions
from .policies import Document, Policies, Policy

_FIRST_ROLE_ID = 4611686018427387904
_SESSION_SECONDS = 43_200


@dataclass
class Role:
    id: str
    name: str
    trust: Document
    """The policy that defines who may assume the role."""
    added: datetime
    updated: datetime
    permissions: Permissions
    description: str = ""
    session_seconds: int = _SESSION_SECONDS
    tags: Mapping[str, str] = field(default_factory=dict)
    attached: dict[int, datetime] = field(default_factory=dict)
    """When each policy was attached, by its id."""


class Roles:
    def __init__(self, clock: Clock, keys: KeyRing) -> None:
        self.policies = Policies(clock)
        self._clock = clock
        self._keys = keys
        self._roles: dict[str, Role] = {}
        self._ids = itertools.count(_FIRST_ROLE_ID)

    def put(self, name: str, trust: Document, policies: Mapping[str, Document]) -> Role:
        """Create a role with these policies by name, or replace the role of that name.

        Keys of the replaced role have the new one's permissions. Raise InvalidPolicy.
        """
        Permissions(policies.values())  # raises before anything is changed
        previous = self._roles.get(name)
        role = self.add(name, trust)
        if previous is not None:
            role.permissions = previous.permissions
            for id in previous.attached:
                self.policies.remove(id)
        for policy_name, document in policies.items():
            role.attached[self.policies.add(policy_name, document).id] = role.added
        self._compile(role)
        return role

    def add(self, name: str, trust: Document) -> Role:
        """Create a role without policies."""
        now = self._clock.now()
        role = Role(str(next(self._ids)), name, trust, now, now, Permissions(()))
        self._roles[name] = role
        return role

    def change(
        self, role: Role, *, trust: Document | None = None, description: str | None = None
    ) -> None:
        role.trust = role.trust if trust is None else trust
        role.description = role.description if description is None else description
        role.updated = self._clock.now()

    def remove(self, role: Role) -> None:
        """Delete a role. Its keys lose all permissions."""
        del self._roles[role.name]
        role.permissions.replace(())

    def attach(self, role: Role, policy: Policy) -> None:
        role.attached.setdefault(policy.id, self._clock.now())
        self._compile(role)

    def detach(self, role: Role, policy: Policy) -> None:
        role.attached.pop(policy.id, None)
        self._compile(role)

    def attached(self, role: Role) -> list[Policy]:
        """Return the policies of a role, in the order in which they were attached."""
        found = (self.policies.find(id=id) for id in role.attached)
        return [policy for policy in found if policy is not None]

    def roles_of(self, policy: Policy) -> list[Role]:
        return [role for role in self if policy.id in role.attached]

    def change_policy(self, policy: Policy, document: Document, description: str) -> None:
        """Replace a policy, at once for every key of a role that has it. Raise InvalidPolicy."""
        Permissions([document])
        self.policies.change(policy, document, description)
        for role in self.roles_of(policy):
            self._compile(role)

    def remove_policy(self, policy: Policy) -> None:
        for role in self.roles_of(policy):
            self.detach(role, policy)
        self.policies.remove(policy.id)

    def assume(
        self,
        role: Role,
        session: str,
        lifetime_seconds: float,
        *,
        uin: str = UIN,
        further: tuple[Permissions, ...] = (),
    ) -> Credentials:
        """Issue temporary keys with the role's permissions, restricted by each of `further`.

        `uin` is the account that requests them.
        """
        caller = Caller(
            f"qcs::sts:{UIN}:assumed-role/{role.id}", f"{role.id}:{session}", uin, "CAMRole"
        )
        return self._keys.issue_temporary(
            APPID, lifetime_seconds, caller, (role.permissions, *further)
        )

    def __iter__(self) -> Iterator[Role]:
        return iter(list(self._roles.values()))

    def find(self, *, name: str | None = None, id: str | None = None) -> Role | None:
        """Find a role by its name or by its id."""
        matching = (role for role in self if role.name == name or role.id == id)
        return next(matching, None)

    def _compile(self, role: Role) -> None:
        role.permissions.replace([policy.document for policy in self.attached(role)])
