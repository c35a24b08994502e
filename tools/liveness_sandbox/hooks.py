"""Hooks, which may change the outcome of a request before or after it takes effect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from .requestlog import RequestRecord
from .wire import Reply

Phase = Literal["before", "after"]


@dataclass(frozen=True)
class Drop:
    """End the connection: before the request takes effect, or after it, so its reply is lost."""

    reset: bool = True
    """Whether to send a RST, as a broken connection does, or to close the connection in the orderly
    way, which a client sees as an end without a reply."""


@dataclass(frozen=True)
class Delay:
    seconds: float


@dataclass(frozen=True)
class Pause:
    """Wait until the event is set, so that a test can decide in which order requests continue."""

    event: threading.Event


Outcome = Reply | Drop
Hook = Callable[[RequestRecord, Phase], Reply | Drop | Delay | Pause | None]

_POLL_SECONDS = 0.002


async def run_hooks(hooks: Iterable[Hook], request: RequestRecord, phase: Phase) -> Outcome | None:
    """Call each hook in turn, until one returns a Reply or a Drop."""
    for hook in hooks:
        action = hook(request, phase)
        if isinstance(action, (Reply, Drop)):
            return action
        if isinstance(action, Delay):
            await asyncio.sleep(action.seconds)
        elif isinstance(action, Pause):
            # Polling needs no thread for each paused request, so it cannot run out of threads.
            while not action.event.is_set():
                await asyncio.sleep(_POLL_SECONDS)
    return None
