"""What may be done to a request from outside, before anything has happened or after it all has."""

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
    """End the connection: before, the request has no effect; after, its reply is lost."""

    reset: bool = True
    """With a RST, as a connection that breaks does; else with the polite end of a server that
    closes, which a client sees as an end without a reply."""


@dataclass(frozen=True)
class Delay:
    seconds: float


@dataclass(frozen=True)
class Pause:
    """Wait until the event is set: a test decides in which order requests go on."""

    event: threading.Event


Outcome = Reply | Drop
Hook = Callable[[RequestRecord, Phase], Reply | Drop | Delay | Pause | None]

_POLL_SECONDS = 0.002


async def run_hooks(hooks: Iterable[Hook], request: RequestRecord, phase: Phase) -> Outcome | None:
    """Ask each hook in turn; the first Reply or Drop decides."""
    for hook in hooks:
        action = hook(request, phase)
        if isinstance(action, (Reply, Drop)):
            return action
        if isinstance(action, Delay):
            await asyncio.sleep(action.seconds)
        elif isinstance(action, Pause):
            # A thread for each held request could run out of threads; looking again does not.
            while not action.event.is_set():
                await asyncio.sleep(_POLL_SECONDS)
    return None
