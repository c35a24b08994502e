"""Make Ctrl-C and SIGTERM end a command as an error does, so that it stops what it started."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(click.ClickException):
    """A signal ended the command; exit status 130, as in a shell."""

    exit_code = 130


_STOPPED = "stopped before the end; nothing that was started is left running"
UNFINISHED = "stopped before the end; running the command again goes on from here"


@contextmanager
def interruptible(message: str = _STOPPED) -> Iterator[None]:
    """Turn signals into `Interrupted`; use as the outermost `with` around what must be stopped."""
    previous = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(message) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Stopping takes a moment, and an impatient second Ctrl-C must not interrupt it. (Not SIG_IGN:
    # with it Python complains about a signal that arrived just before.)
    for signal_number in _SIGNALS:
        signal.signal(signal_number, lambda *_: None)
    raise KeyboardInterrupt
