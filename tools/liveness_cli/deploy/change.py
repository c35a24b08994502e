"""One change that a deployment would make."""

from __future__ import annotations

from typing import NamedTuple

from .actions import Action


class Change(NamedTuple):
    """A difference from the wanted state, and what would be done about it."""

    resource: str
    before: str
    after: str
    meaning: str
    action: Action | None
    """None if the action of the previous change makes this one, too."""
    risk: str = ""
    is_drift: bool = False
    """Whether it was changed by hand in the account, and is corrected only with --mend."""

    def to_json(self, state: str) -> dict[str, str]:
        return {
            "resource": self.resource,
            "before": self.before,
            "after": self.after,
            "meaning": self.meaning,
            "risk": self.risk,
            "state": state,
        }
