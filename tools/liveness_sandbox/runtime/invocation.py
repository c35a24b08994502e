"""The record of a finished invocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .status import Status


@dataclass(frozen=True)
class Invocation:
    """One try. An event that is retried has several, with the same request id."""

    event: Any
    result: Any
    error: dict[str, Any] | None
    """errorMessage, errorType and stackTrace, or None."""
    status: Status
    logs: list[str]
    """The lines of stdout."""
    stderr: str
    duration_seconds: float
    cold: bool
    request_id: str
    max_rss_kb: int
    """The peak of the process so far, not of this invocation alone."""
    finished: datetime | None = None
    """By the sandbox's clock; the platform fills it in."""
