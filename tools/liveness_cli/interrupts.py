"""Ctrl-C and SIGTERM end a command the way an error does: everything it started is stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(click.ClickException):
    """Exit status 130, as a shell has it."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("stopped before the end; nothing that was started is left running")


@contextmanager
def interruptible() -> Iterator[None]:
    """To be the outermost `with`, around what has to be stopped."""
    previous = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Stopping takes a moment; an impatient second Ctrl-C must not leave half of it undone. (A
    # handler that does nothing: with SIG_IGN Python complains of a signal that came just before.)
    for signal_number in _SIGNALS:
        signal.signal(signal_number, lambda *_: None)
    raise KeyboardInterrupt
