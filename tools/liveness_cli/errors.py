"""Errors that end a command before it does anything."""

from __future__ import annotations

import click


class InvalidUsage(click.ClickException):
    """An argument or the environment is wrong; exit status 2, as for click's own usage errors."""

    exit_code = 2
