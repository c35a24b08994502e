"""One thing that a deployment would change."""

from __future__ import annotations

from typing import NamedTuple

from .actions import Action


class Change(NamedTuple):
    """One thing that differs from what is wanted, and what would be done about it."""

    resource: str
    before: str
    after: str
    meaning: str
    action: Action | None
    """None for a part of the change before it, which is made together with it."""
    risk: str = ""
    is_drift: bool = False
    """Whether it was changed by hand in the account, and is mended only if that is wanted."""

    def to_json(self, state: str) -> dict[str, str]:
        return {
            "resource": self.resource,
            "before": self.before,
            "after": self.after,
            "meaning": self.meaning,
            "risk": self.risk,
            "state": state,
        }
