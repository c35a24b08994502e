"""What the core takes from outside besides its two remotes: time, chance, concurrency.

The core starts no thread, reads no clock and draws no number but through these, so that a
simulation can decide every interleaving.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError  # 3.10: not the builtin
from typing import Any, Protocol


class Clock(Protocol):
    """Wall time for what people read, monotonic time for every decision about durations."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class Chance(Protocol):
    """Randomness."""

    def nonce(self) -> str:
        """A token that nobody else ever draws."""

    def up_to(self, limit: float) -> float:
        """A number from 0 to `limit`, evenly distributed."""


class Concurrency(Protocol):
    """Doing several things at once."""

    def together(self, *tasks: Callable[[], Any]) -> list[Any]:
        """Run all tasks in one round trip and return their results in order.

        All have ended on return. If any raised, one of the errors is raised.
        """

    def crew(self, size: int, tasks: Iterator[Callable[[], Any]]) -> None:
        """Run tasks, at most `size` at once; the next is drawn when somebody is free for it.

        All have ended on return. If one raised, no more are drawn, and its error is raised.
        """

    def within(self, seconds: float, task: Callable[[], Any]) -> Any:
        """Run a task, but raise TimeoutError when it has not ended after that many seconds.

        The task itself cannot be stopped: what it does later is its own.
        """


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemChance:
    """The operating system's randomness for tokens, Python's for jitter."""

    def nonce(self) -> str:
        return os.urandom(12).hex()

    def up_to(self, limit: float) -> float:
        return random.uniform(0, limit)


class Threads:
    """Concurrency by a pool that lives as long as the instance.

    A crew has threads of its own: its tasks use the pool, and must not fill it.
    """

    def __init__(self, size: int = 32) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="liveness")

    def together(self, *tasks: Callable[[], Any]) -> list[Any]:
        # The last one runs here: one hand-over less, and a single task needs no thread at all.
        futures = [self._pool.submit(task) for task in tasks[:-1]]
        try:
            last = tasks[-1]()
        finally:
            for future in futures:
                future.exception()  # waits: nothing of this round trip outlives it
        return [future.result() for future in futures] + [last]

    def crew(self, size: int, tasks: Iterator[Callable[[], Any]]) -> None:
        drawing = threading.Lock()
        errors: list[BaseException] = []

        def work() -> None:
            try:
                while not errors:
                    with drawing:
                        task = next(tasks, None)
                    if task is None:
                        return
                    task()
            except BaseException as error:
                errors.append(error)

        workers = [threading.Thread(target=work) for _ in range(size)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if errors:
            raise errors[0]

    def within(self, seconds: float, task: Callable[[], Any]) -> Any:
        # A thread of its own: what hangs must neither fill the pool, nor begin late in its queue.
        done: Future[Any] = Future()

        def work() -> None:
            try:
                done.set_result(task())
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        try:
            return done.result(timeout=seconds)
        except FutureTimeoutError:
            raise TimeoutError from None
