"""The result of one of doctor's checks."""

from __future__ import annotations

from typing import Any, NamedTuple

from .facts import Unavailable

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Finding(NamedTuple):
    """A check that passed, failed, or was skipped because a fact is unavailable."""

    check: str
    state: str
    message: str
    fix: str = ""
    """What to do; only if the check failed."""

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "state": self.state,
            "message": self.message,
            "fix": self.fix,
        }


def passed(check: str, message: str) -> Finding:
    return Finding(check, PASSED, message)


def failed(check: str, message: str, fix: str) -> Finding:
    return Finding(check, FAILED, message, fix)


def skipped(check: str, reason: Unavailable | str) -> Finding:
    return Finding(check, SKIPPED, reason.reason if isinstance(reason, Unavailable) else reason)
