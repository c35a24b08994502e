"""Everything that is printed goes through here: nothing a terminal would interpret gets out.

Keys, pair ids and what others logged may contain anything, escape sequences and characters that
reorder a line included.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .text import printable_lines


def echo(text: str, *, err: bool = False) -> None:
    """Print lines, with everything escaped that is not printable."""
    echo_styled(printable_lines(text), err=err)


def echo_styled(text: str, *, err: bool = False) -> None:
    """Print lines that may contain colors, whose other texts must be printable already.

    A terminal without Chinese shows question marks instead of failing.
    """
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), err=err)


class Commands(click.Group):
    """A group of commands whose error messages are printable, whatever they quote."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _printable_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _printable_errors():
            return super().invoke(ctx)


@contextmanager
def _printable_errors() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        vars(error)["message"] = printable_lines(error.message + _hint(error))
        raise


def _hint(error: click.ClickException) -> str:
    """Say how an argument is given that looks like an option, as a pair id may."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    command = error.ctx.command
    if not any(isinstance(each, click.Argument) for each in command.params):
        return ""
    return f" Before an argument that begins with a dash write --: {error.ctx.command_path} -- …"
