"""Format times, counts and foreign texts for people and for JSON."""

from __future__ import annotations

import re
import time

from liveness.logs import escape_unprintable

_MAX_TEXT = 500
_MAX_CLEANED = 4 * _MAX_TEXT  # the time of cleaning grows faster than the text
# The service may quote its input, and a pre-signed URL is a secret.
_LINK = re.compile(r"\S*(://|q-sign|security-token)\S*", re.IGNORECASE)
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def redact(text: object) -> str:
    """Remove links from a text of another program, and cut it to a reasonable length."""
    if not isinstance(text, str):
        return ""
    if len(text) > _MAX_CLEANED:  # not within a word, which may be a link
        text = text[:_MAX_CLEANED].rpartition(" ")[0]
    return _LINK.sub("[link]", text)[:_MAX_TEXT]


def printable(text: str) -> str:
    """Escape what a terminal would interpret, as JSON does: \\u001b, and \\n for a line's end."""
    return escape_unprintable(text)


def printable_lines(text: str) -> str:
    """Escape what a terminal would interpret, but keep the ends of lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def format_time(seconds: float | None) -> str | None:
    """Format a time as RFC 3339 in UTC, to the second, which is the store's resolution."""
    if seconds is None:
        return None
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return None  # a damaged object may contain any number


def format_duration(seconds: float) -> str:
    """Format a duration with about two digits, such as `3 min`."""
    seconds = max(seconds, 0)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def pluralize(count: int, singular: str, plural: str | None = None) -> str:
    """Format a count with its noun, such as `1,000 calls`."""
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
