"""Read the lines of the function's log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def log_entries(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Parse the lines that the function wrote; skip the platform's own, and any that was cut."""
    return [entry for line in lines if (entry := log_entry(line)) is not None]


def log_entry(line: str) -> dict[str, Any] | None:
    """Parse a line; None if the function did not write it, or not all of it is there."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
