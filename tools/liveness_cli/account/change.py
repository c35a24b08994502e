"""One request of `liveness configure` to the cloud, and the settings that it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """A setting before and after; the unit is MB, tries, s or days, None means no limit."""

    name: str
    unit: str
    before: int | None
    after: int | None
    before_unknown: bool = False

    @property
    def is_changed(self) -> bool:
        return self.before_unknown or self.before != self.after

    def to_json(self, state: str) -> dict[str, Any]:
        return {
            "setting": self.name,
            "unit": self.unit,
            "before": self.before,
            "after": self.after,
            "before_unknown": self.before_unknown,
            "state": state if self.is_changed else "unchanged",
        }


class Change(NamedTuple):
    """One request, and the settings that it applies."""

    settings: Sequence[Setting]
    apply: Callable[[], None]
    other_rules: int = 0
    """How many foreign lifecycle rules it puts back unchanged."""

    @property
    def is_needed(self) -> bool:
        return any(setting.is_changed for setting in self.settings)
