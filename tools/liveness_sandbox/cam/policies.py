"""Named policies of the account, which are attached to roles."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..clock import Clock

Document = Mapping[str, Any]
_FIRST_ID = 17698703


@dataclass(frozen=True)
class Policy:
    id: int
    name: str
    document: Document
    added: datetime
    updated: datetime
    description: str = ""


class Policies:
    """Checks neither documents nor that names are unique: its callers do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._policies: dict[int, Policy] = {}
        self._ids = itertools.count(_FIRST_ID)

    def add(self, name: str, document: Document, description: str = "") -> Policy:
        now = self._clock.now()
        policy = Policy(next(self._ids), name, document, now, now, description)
        self._policies[policy.id] = policy
        return policy

    def change(self, policy: Policy, document: Document, description: str) -> None:
        self._policies[policy.id] = replace(
            policy, document=document, description=description, updated=self._clock.now()
        )

    def remove(self, id: int) -> None:
        self._policies.pop(id, None)

    def find(self, *, name: str | None = None, id: int | None = None) -> Policy | None:
        """Find a policy by its id, or else by its name."""
        if id is not None:
            return self._policies.get(id)
        return next((each for each in self._policies.values() if each.name == name), None)

    def __iter__(self) -> Iterator[Policy]:
        return iter(list(self._policies.values()))
