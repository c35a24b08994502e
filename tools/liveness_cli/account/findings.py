"""What doctor says of one thing."""

from __future__ import annotations

from typing import NamedTuple

from .facts import Unread

OK, WRONG, NOT_CHECKABLE = "ok", "wrong", "not checkable"


class Finding(NamedTuple):
    check: str
    state: str
    says: str
    mend: str = ""
    """What to do; only of what is wrong."""


def ok(check: str, says: str) -> Finding:
    return Finding(check, OK, says)


def wrong(check: str, says: str, mend: str) -> Finding:
    return Finding(check, WRONG, says, mend)


def not_checkable(check: str, why: Unread | str) -> Finding:
    return Finding(check, NOT_CHECKABLE, why.why if isinstance(why, Unread) else why)
