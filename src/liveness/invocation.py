"""One invocation as the platform describes it: function, version, request and time limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import ConfigurationError
from .records import InvocationInfo
from .settings import Settings

# The shortest timeout in which a drain can begin, process a pair with one slow call, and end.
MIN_TIMEOUT_SECONDS = 60.0
# Assumed if the platform states no timeout: its own default would be too short for a call anyway.
_DEFAULT_TIMEOUT_SECONDS = 60.0
# What a drain needs besides the wait for its first permit: to start, process one pair, and end.
_DRAIN_SECONDS = 55.0
_MAX_TIMEOUT = 10**9  # no timeout is that long, in either unit
_MAX_NAME_CHARS = 128  # no name on the platform is longer


class Invocation(NamedTuple):
    """Which function is running, since when (monotonic), and its time limit."""

    info: InvocationInfo
    started: float
    timeout_seconds: float

    @property
    def deadline(self) -> float:
        """When the platform ends it (monotonic)."""
        return self.started + self.timeout_seconds

    def check_timeout(self, settings: Settings) -> None:
        """Raise ConfigurationError if the function's timeout is too short to work with.

        A drain that could not wait for its first permit would make no call at all.
        """
        if self.timeout_seconds < MIN_TIMEOUT_SECONDS:
            raise ConfigurationError(
                f"the function's timeout is {self.timeout_seconds:g} s, too short for a call and "
                f"its bookkeeping; set at least {MIN_TIMEOUT_SECONDS:g} s"
            )
        if self.timeout_seconds < _DRAIN_SECONDS + 1 / settings.rate_limit:
            raise ConfigurationError(
                f"LIVENESS_RATE_LIMIT is {settings.rate_limit:g}, one call in "
                f"{1 / settings.rate_limit:.1f} s, and the function's timeout is "
                f"{self.timeout_seconds:g} s: a drain would end before its first call; set a "
                f"timeout of at least {_DRAIN_SECONDS + 1 / settings.rate_limit:.0f} s, or a "
                "higher rate"
            )


def read_invocation(context: object, environ: Mapping[str, str], started: float) -> Invocation:
    """Read the platform's context, any part of which may be missing or malformed."""
    fields = context if isinstance(context, dict) else {}
    info = InvocationInfo(
        name=_name(fields.get("function_name")) or environ.get("SCF_FUNCTIONNAME", ""),
        version=_name(fields.get("function_version")) or environ.get("SCF_FUNCTIONVERSION", ""),
        request_id=_name(fields.get("request_id")),
    )
    return Invocation(info, started, _timeout_seconds(fields))


def _name(value: object) -> str:
    """Return a string that can be stored; empty for anything but a string."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode()[:_MAX_NAME_CHARS]


def _timeout_seconds(context: Mapping[str, Any]) -> float:
    """Return the invocation's time limit.

    The vendor's local runner puts seconds into `time_limit_in_ms`; no real limit is below 1,000 ms.
    """
    limit = context.get("time_limit_in_ms")
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        return _DEFAULT_TIMEOUT_SECONDS
    if not 0 < limit < _MAX_TIMEOUT:  # false for NaN, too
        return _DEFAULT_TIMEOUT_SECONDS
    return limit / 1000 if limit >= 1000 else float(limit)
