"""What happened in a run, step by step, for people to read."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """One thing that happened; `who` is an invocation, a customer or the platform."""

    at: float  # seconds since the run began
    who: str
    what: str
    key: str = ""
    note: str = ""


class Violation(BaseException):
    """An invariant of the design does not hold; `invariant` is its name there.

    No code under test may catch it.
    """

    def __init__(self, invariant: str, why: str) -> None:
        self.invariant = invariant
        super().__init__(f"{invariant}: {why}")
