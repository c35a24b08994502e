"""Status codes of invocations (583/35311)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Status(IntEnum):
    SUCCESS = 200
    RESPONSE_TOO_LARGE = 407
    CODE_EXCEPTION = 430
    OVER_QUOTA = 432
    TIME_LIMIT = 433
    MEMORY_LIMIT = 434
    PROCESS_EXIT = 439
    LOAD_FAILURE = 443


def error(message: str, kind: str) -> dict[str, Any]:
    """Build an error that the platform itself reports, without a stack trace."""
    return {"errorMessage": message, "errorType": kind, "stackTrace": []}
