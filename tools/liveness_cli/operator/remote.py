"""Make the deployed function do all writes: an operator's key needs no permission to write.

The logs and errors of an invocation are shown as data: they quote keys that anybody may choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from liveness.errors import SettingsError

from ..account.errors import AccountError, RequestFailed, RequestRefused
from ..account.function import DeployedFunction, Invoked
from ..account.installation import deployed_function
from ..account.same_settings import different_settings
from ..environment import Target
from ..terminal import echo
from ..text import redact

# The prefixes of API 3.0's codes for a missing permission.
_NOT_ALLOWED = ("AuthFailure.Unauthorized", "UnauthorizedOperation")
_FAILURES = ("pair.failed", "invocation.failed")


def find_function(target: Target, name: str) -> DeployedFunction:
    """Return the function, if it works on the same objects as this command.

    Raises ClickException.
    """
    function, region = deployed_function(target, name), target.settings.region
    try:
        deployed = function.configuration()
        if deployed is None:
            raise click.ClickException(
                f"there is no function {name} in {region}, which would do this: deploy it, or give "
                "its name with --function-name; `liveness invoke` runs an event in this process"
            )
        different = different_settings(deployed, target.settings)
    except AccountError as error:
        raise click.ClickException(f"nothing was changed: {error}") from None
    except SettingsError as error:
        raise click.ClickException(
            f"the settings of the function {name} are invalid: {'; '.join(error.problems)}"
        ) from None
    if different:
        raise click.ClickException(
            f"the function {name} works on other objects than this command: they differ in "
            f"{', '.join(different)}; make them the same"
        )
    return function


def invoke(function: DeployedFunction, event: Mapping[str, Any], log: bool) -> Invoked:
    """Invoke the function, and show the end of its log if asked to. Raises AccountError."""
    try:
        invoked = function.invoke(event)
    except RequestFailed as error:
        raise RequestFailed(f"{error}; the function may still be running") from None
    except RequestRefused as error:
        if error.code.startswith(_NOT_ALLOWED):
            raise AccountError(f"{error}: your key needs the policy operator") from None
        raise
    if log:
        for line in invoked.log:
            echo(line, err=True)
    return invoked


def reason_of(invoked: Invoked) -> str:
    """Return why an invocation failed; its log says more than its exception."""
    for entry in reversed(invoked.entries):
        if entry.get("event") in _FAILURES and entry.get("reason"):
            reason = redact(entry["reason"])
            kind = redact(entry.get("error"))
            return reason if reason.startswith(kind) else f"{kind}: {reason}"
    return redact(invoked.error) or "unknown"
