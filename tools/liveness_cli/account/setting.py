"""One thing that `liveness configure` sets, and the request that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class Setting(NamedTuple):
    """One thing that is set: in MB, tries, s or days; None where there is none."""

    what: str
    unit: str
    before: int | None
    after: int | None
    before_known: bool = True

    @property
    def changes(self) -> bool:
        return not self.before_known or self.before != self.after


class Step(NamedTuple):
    """What one request sets; `kept` is how many rules of others it puts back as they were."""

    settings: Sequence[Setting]
    make: Callable[[], None]
    kept: int = 0

    @property
    def changes(self) -> bool:
        return any(setting.changes for setting in self.settings)
