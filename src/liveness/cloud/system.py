"""The machine's clocks, randomness and threads: implements the Protocols of runtime.py."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError  # 3.10: not the builtin
from contextlib import AbstractContextManager
from typing import Any


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemRandom:
    """The operating system's randomness for tokens, Python's for jitter."""

    def token(self) -> str:
        return os.urandom(12).hex()

    def uniform(self, limit: float) -> float:
        return random.uniform(0, limit)


class ThreadConcurrency:
    """Concurrency by a thread pool that lives as long as the instance.

    `run_pool` has threads of its own: its tasks call `gather`, and must not fill the pool.
    """

    def __init__(self, size: int = 32) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="liveness")

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
        # The last task runs here: one hand-over less, and a single task needs no thread at all.
        futures = [self._pool.submit(task) for task in tasks[:-1]]
        try:
            last = tasks[-1]()
        finally:
            for future in futures:
                future.exception()  # waits: nothing of this round trip outlives it
        return [future.result() for future in futures] + [last]

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        drawing = threading.Lock()
        errors: list[BaseException] = []
        threads: list[threading.Thread] = []
        busy: set[Any] = set()

        def work() -> None:
            try:
                while not errors:
                    with drawing:
                        task = next(tasks, None)
                        if task is None:
                            return
                        busy.add(task)
                        if len(busy) == len(threads) < workers:
                            # No worker is left to draw the next task. If the machine has no thread
                            # left either, that task waits for one of ours: none is ever dropped.
                            with contextlib.suppress(RuntimeError):
                                start()
                    task()
                    busy.discard(task)
            except BaseException as error:
                errors.append(error)

        def start() -> None:
            thread = threading.Thread(target=work)
            thread.start()
            threads.append(thread)

        with drawing:  # until it is one of the threads
            start()
        for thread in threads:  # the list may grow meanwhile
            thread.join()
        if errors:
            raise errors[0]

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        # A thread of its own: a task that hangs must neither fill the pool nor wait in its queue.
        done: Future[Any] = Future()

        def work() -> None:
            try:
                result = task()
            except BaseException as error:
                if done.set_running_or_notify_cancel():
                    done.set_exception(error)
                return
            if done.set_running_or_notify_cancel():
                done.set_result(result)
            elif on_late is not None:
                on_late(result)

        threading.Thread(target=work, daemon=True).start()
        try:
            return done.result(timeout=seconds)
        except FutureTimeoutError:
            if done.cancel():
                raise TimeoutError from None
            return done.result()  # it ended at this very moment

    def lock(self) -> AbstractContextManager[Any]:
        return threading.Lock()
