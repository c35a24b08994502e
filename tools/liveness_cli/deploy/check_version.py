"""Make a version of the function check itself before it gets traffic."""

from __future__ import annotations

from typing import NamedTuple

from liveness.runtime import Clock

from ..account.errors import AccountError, RequestRefused
from ..account.function import DeployedFunction
from ..operator.remote import reason_of

# A new role or policy takes a while to take effect everywhere.
_TRIES = 4
_PAUSE_SECONDS = 5.0


class Checked(NamedTuple):
    """The findings of a version that works."""

    cpu_share: float | None
    """The share of a core that its instance had during startup; None if the log lacks it."""

    def describe(self) -> str:
        share = "" if self.cpu_share is None else f", it has {self.cpu_share:g} of a core"
        return f"buckets and face API can be reached{share}"


def check_version(function: DeployedFunction, clock: Clock, version: str) -> Checked:
    """Invoke the version's self-check and return its findings.

    Raises AccountError if the version cannot be invoked, or if the check fails.
    """
    reason = ""
    for tried in range(_TRIES):
        if tried:
            clock.sleep(_PAUSE_SECONDS)
        try:
            invoked = function.invoke({"check": {}}, version)
        except RequestRefused as error:
            raise AccountError(f"it cannot be invoked: {error}") from None
        if invoked.error is not None:
            reason = reason_of(invoked)
            continue
        checked = invoked.returned.get("check") if isinstance(invoked.returned, dict) else None
        if isinstance(checked, dict):
            return Checked(invoked.cpu_share)
        raise AccountError("its code does not know the self-check")
    raise AccountError(reason)
