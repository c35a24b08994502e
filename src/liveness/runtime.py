"""What the core needs from its runtime: time, randomness and concurrency, as Protocols.

The core starts no thread, reads no clock and draws no random number except through these, so that
a deterministic simulation can decide every interleaving. cloud/system.py implements them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Clock(Protocol):
    """Wall-clock time for what people read, monotonic time for every decision about durations."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary fixed moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class Random(Protocol):
    """Randomness, for tokens and for jitter."""

    def token(self) -> str:
        """Return a token that is globally unique: 24 hexadecimal digits."""

    def uniform(self, limit: float) -> float:
        """Return a number between 0 and `limit`, evenly distributed."""


class Concurrency(Protocol):
    """Ways of doing several things at once."""

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
        """Run all tasks concurrently and return their results in order.

        All tasks have ended on return. If any of them raised, one of the errors is raised.
        """

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        """Run tasks, at most `workers` at once; a free worker draws the next one.

        All tasks have ended on return. If one raised, no more are drawn and its error is raised.
        """

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        """Run a task and return its result; raise TimeoutError if it takes longer.

        The task itself cannot be stopped: it goes on in the background, and `on_late` gets its
        result there.
        """

    def lock(self) -> AbstractContextManager[Any]:
        """Return a new mutual-exclusion lock."""
