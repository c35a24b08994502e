"""Times and texts, as people and machines get them."""

from __future__ import annotations

import re
import time

_MAX_TEXT = 500
# The service may quote what it was given, and a pre-signed URL is a secret.
_LINK = re.compile(r"\S*(://|q-sign|security-token)\S*", re.IGNORECASE)
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def harmless(text: object) -> str:
    """A text of which others chose the words: without links, and cut."""
    return _LINK.sub("[link]", text)[:_MAX_TEXT] if isinstance(text, str) else ""


def visible(text: str) -> str:
    """What a terminal may be given: a key may hold anything, escape sequences included."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def moment(seconds: float | None) -> str | None:
    """RFC 3339, UTC, as the store tells time: to the second."""
    if seconds is None:
        return None
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return None  # somebody wrote what is no time


def duration(seconds: float) -> str:
    """`3 min`, of about two digits."""
    seconds = max(seconds, 0)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def number(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
