"""What is known of an invocation that has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .status import Status


@dataclass(frozen=True)
class Invocation:
    """One try: an event that is tried again leaves several, under one request id."""

    event: Any
    result: Any
    error: dict[str, Any] | None
    """errorMessage, errorType and stackTrace, or None."""
    status: Status
    logs: list[str]
    """Lines of stdout."""
    stderr: str
    duration_seconds: float
    cold: bool
    request_id: str
    max_rss_kb: int
    """The process's peak so far, not this invocation's."""
