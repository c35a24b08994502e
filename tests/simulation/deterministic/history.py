"""The steps of a run, for people to read, and the violation that may end it."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One step; `actor` is an invocation, a customer or the platform."""

    at: float  # seconds since the run began
    actor: str
    action: str
    key: str = ""
    note: str = ""


class Violation(BaseException):
    """An invariant does not hold; `invariant` is its number in docs/design.md, such as "I3".

    It is a BaseException so that no code under test catches it.
    """

    def __init__(self, invariant: str, reason: str) -> None:
        self.invariant = invariant
        super().__init__(f"{invariant}: {reason}")
