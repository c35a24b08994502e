"""Print all output, with everything escaped that a terminal would interpret.

Keys, pair ids and foreign logs may contain anything, including escape sequences and characters that
reorder a line.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .interrupts import Interrupted
from .text import printable_lines

_OUTPUT_ERRORS = (errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT)
# The error that ended standard output, unless the reader closed it.
_lost: list[OSError] = []


def echo(text: str, *, err: bool = False) -> None:
    """Print lines, with everything escaped that is not printable."""
    echo_styled(printable_lines(text), err=err)


def echo_styled(text: str, *, err: bool = False) -> None:
    """Print lines that may contain colors; all other text must be printable already.

    If the terminal cannot show Chinese, it gets question marks, and nothing fails.
    """
    encoding = (sys.stderr if err else sys.stdout).encoding or "utf-8"
    try:
        click.echo(text.encode(encoding, "replace").decode(encoding), err=err)
    except OSError as error:
        if err:
            _discard(2)  # nobody is left to be informed
        else:
            _give_up_output(error)


class Commands(click.Group):
    """A group of commands whose error messages are printable, whatever they quote.

    Output that cannot be printed does not end the work: a command whose standard output is full
    finishes, says so and exits with 1. Without standard output, or if its reader has left, it works
    silently. A question that nobody can answer is an error.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in _OUTPUT_ERRORS or error.filename is not None:
                raise
            _give_up_output(error, "standard output, or a file")  # the error does not say which
            sys.exit(1)
        except SystemExit as end:
            if _lost and not end.code:
                sys.exit(1)
            raise

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _printable_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _printable_errors():
            return super().invoke(ctx)


def _give_up_output(error: OSError, what: str = "standard output") -> None:
    """Discard the rest of standard output, and say so once unless its reader has left."""
    _discard(1)
    if error.errno != errno.EPIPE and not _lost:
        _lost.append(error)
        echo(f"Error: cannot write to {what}: {error.strerror}", err=True)


def _discard(descriptor: int) -> None:
    """Discard everything that is printed from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Make error messages printable, and turn Ctrl-C into one."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped before the end") from None
    except click.ClickException as error:
        vars(error)["message"] = printable_lines(error.message + _hint(error))
        raise
    except click.Abort as abort:
        if abort.__context__ is None:
            raise
        click.echo(err=True)  # after the question
        if isinstance(abort.__context__, EOFError):
            raise click.ClickException("nobody can answer here: --yes does not ask") from None
        raise Interrupted("stopped at the question") from None


def _hint(error: click.ClickException) -> str:
    """Say how to give an argument that looks like an option, as a pair id may."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    command = error.ctx.command
    if not any(isinstance(each, click.Argument) for each in command.params):
        return ""
    return f" Before an argument that begins with a dash write --: {error.ctx.command_path} -- …"
