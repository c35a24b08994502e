"""Bring the local file up to date in the background while the page is open."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from liveness.errors import LivenessError
from liveness_cli.console import ProgressCallback, ignore_progress
from liveness_cli.environment import Target
from liveness_cli.errors import reason_of_error

from .database import Busy
from .index import ResultIndex
from .inputs import refresh_inputs
from .refresh import refresh

# The pause between two refreshes; longer if refreshing takes long.
_PAUSE_SECONDS = 30.0
_PAUSE_PER_SECOND = 20.0


class _Stopped(Exception):
    """The page ends, and the refresh with it."""


class Results:
    """The local file, and the task that refreshes it."""

    def __init__(self, target: Target, index: ResultIndex) -> None:
        self.index = index
        self.failure = ""
        """Why the last refresh failed; empty if it did not."""
        self._target = target
        self._wanted = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._is_stopping = False

    def read(self, progress: ProgressCallback = ignore_progress) -> None:
        """Refresh now, in this thread; a failure is recorded, not raised."""
        settings, store = self._target.settings, self._target.read_only_store

        def update(activity: str, done: int, total: int | None) -> None:
            if self._is_stopping:
                raise _Stopped
            progress(activity, done, total)

        try:
            refresh(self.index, settings, store, update)
            refresh_inputs(self.index, settings, store, update)
            self.failure = ""
        except (Busy, _Stopped):
            pass  # another process is refreshing, or the page ends
        except LivenessError as error:
            self.failure = reason_of_error(error)

    def stop(self) -> None:
        """End a refresh after its next step, and keep what it has read."""
        self._is_stopping = True

    def refresh_soon(self) -> None:
        """End the pause before the next refresh."""
        self._wanted.set()

    async def refresh_now(self, timeout_seconds: float) -> None:
        """Refresh, and wait for it up to a limit; it continues if it takes longer."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(asyncio.to_thread(self.read))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._running), timeout_seconds)

    async def keep_fresh(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Refresh until cancelled, with pauses that grow with the duration of a refresh."""
        pause = _PAUSE_SECONDS
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), pause)
            self._wanted.clear()
            began = monotonic()
            await self.refresh_now(timeout_seconds=3600)
            pause = max(_PAUSE_SECONDS, (monotonic() - began) * _PAUSE_PER_SECOND)
