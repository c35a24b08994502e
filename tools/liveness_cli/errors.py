"""Errors of a command, and how those of the function are worded for the person who runs it."""

from __future__ import annotations

import click

from liveness.errors import LivenessError

_OF_FUNCTION = "check the execution role's policy"
_OF_PERSON = "check the policy of your key, see `liveness policies`"


class InvalidUsage(click.ClickException):
    """An argument or the environment is wrong; exit status 2, as for click's own usage errors."""

    exit_code = 2


def reason_of_error(error: LivenessError) -> str:
    """Return what was wrong. The function's errors speak of its own key; here it is a person's."""
    return str(error).replace(_OF_FUNCTION, _OF_PERSON)
