"""What a user, a role or a session may do: the evaluation of its policies (598/10607)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .policy import AccessRequest, Statement, parse_policy


class Permissions:
    """Policies that are evaluated together. They can be replaced while their keys are in use."""

    def __init__(self, policies: Iterable[Any]) -> None:
        """Compile the policies. Raise InvalidPolicy."""
        self._statements: tuple[Statement, ...] = ()
        self.replace(policies)

    def replace(self, policies: Iterable[Any]) -> None:
        self._statements = tuple(
            statement for policy in policies for statement in parse_policy(policy)
        )

    def allow(self, request: AccessRequest) -> bool:
        """Return whether a statement allows the request, and none denies it."""
        allowed = False
        for statement in self._statements:
            if statement.applies_to(request):
                if not statement.allows:
                    return False
                allowed = True
        return allowed
