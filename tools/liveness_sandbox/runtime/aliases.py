"""Aliases: names for versions, which may share the traffic of one between two (583/36149)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DEFAULT = "$DEFAULT"
"""The alias that every function has. It points to $LATEST until it is changed."""
LATEST = "$LATEST"


@dataclass(frozen=True)
class Alias:
    name: str
    version: str
    added: datetime
    modified: datetime
    description: str = ""
    additional: tuple[str, float] | None = None
    """A second version, and the share of the traffic that it gets, from 0 to 1."""

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.version,) if self.additional is None else (self.version, self.additional[0])

    def choose(self, number: float) -> str:
        """Return the version for one event; `number` is drawn from 0 (inclusive) to 1."""
        if self.additional is not None and number < self.additional[1]:
            return self.additional[0]
        return self.version
