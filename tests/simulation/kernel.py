"""Virtual time: many tasks in one thread that switch only where they wait. Nothing sleeps."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from greenlet import getcurrent, greenlet


class Task:
    """A function that runs concurrently with others and can be waited for."""

    def __init__(self, kernel: Kernel, work: Callable[[], Any]) -> None:
        self._kernel = kernel
        self._work = work
        self._waiting: list[greenlet] = []
        self.done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self.greenlet = greenlet(self._run, parent=kernel.hub)

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error
        self.done = True
        for waiting in self._waiting:
            self._kernel.wake(waiting, 0)

    def wait(self, seconds: float = math.inf) -> bool:
        """Wait until the task has ended, at most for that long; tell whether it has."""
        if self.done:
            return True
        alarm = self._kernel.wake(getcurrent(), seconds) if seconds < math.inf else None
        self._waiting.append(getcurrent())
        self._kernel.suspend()
        if not self.done:
            self._waiting.remove(getcurrent())
        elif alarm is not None:
            self._kernel.cancel(alarm)
        return self.done

    def outcome(self) -> Any:
        """Return what the task returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


class Kernel:
    """The clock and the scheduler; one seed determines every random number."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_800_000_000.0
        self.hub = getcurrent()
        self._events: list[tuple[float, int, Callable[[], Any], str]] = []
        self._cancelled: set[int] = set()
        self._order = itertools.count()

    def spawn(self, work: Callable[[], Any], after: float = 0.0) -> Task:
        task = Task(self, work)
        self.wake(task.greenlet, after)
        return task

    def wake(self, sleeper: greenlet, after: float) -> int:
        """Resume the greenlet after that many seconds; return the event's number."""
        return self.call(sleeper.switch, after)

    def call(self, act: Callable[[], Any], after: float = 0.0, label: str = "") -> int:
        """Call a function after that many seconds, between all tasks; return the event's number.

        `label` names the event for a search that compares states.
        """
        number = next(self._order)
        heapq.heappush(self._events, (self.now + after, number, act, label))
        return number

    def cancel(self, number: int) -> None:
        """Cancel the event with this number."""
        self._cancelled.add(number)

    def waiting(self) -> tuple[tuple[float, str], ...]:
        """Return the labels of all events to come and their times, to a tenth of a second."""
        return tuple(sorted((round(at, 1), label) for at, _, _, label in self._events))

    def suspend(self) -> None:
        """Suspend the current task until an event resumes it."""
        self.hub.switch()

    def sleep(self, seconds: float) -> None:
        self.wake(getcurrent(), max(seconds, 0.0))
        self.suspend()

    def run(self, until: float) -> None:
        """Run all events up to that moment."""
        events, cancelled = self._events, self._cancelled
        while events and events[0][0] <= until:
            moment, number, act, _ = heapq.heappop(events)
            if number in cancelled:
                cancelled.remove(number)
                continue
            self.now = moment
            act()
        self.now = until


class SimClock:
    """A Clock in virtual time; `ahead` is the error of this instance's wall clock, in seconds."""

    def __init__(self, kernel: Kernel, ahead: float = 0.0) -> None:
        self._kernel = kernel
        self._ahead = ahead

    def now(self) -> float:
        return self._kernel.now + self._ahead

    def monotonic(self) -> float:
        return self._kernel.now

    def sleep(self, seconds: float) -> None:
        self._kernel.sleep(seconds)


class SimChance:
    """Random numbers under the kernel's seed."""

    def __init__(self, kernel: Kernel) -> None:
        self._random = kernel.random

    def token(self) -> str:
        return f"{self._random.getrandbits(96):024x}"

    def uniform(self, limit: float) -> float:
        return self._random.uniform(0, limit)


class SimConcurrency:
    """Concurrency by tasks of the kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
        running = [self._kernel.spawn(task) for task in tasks[:-1]]
        try:
            last = tasks[-1]()  # in the calling task, as `Threads` does
        finally:
            for task in running:
                task.wait()
        return [task.outcome() for task in running] + [last]

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        queue: list[greenlet] = []  # the workers that wait to draw
        running: list[Task] = []
        state = {"drawing": False, "ended": False, "busy": 0}

        def work() -> None:
            while True:
                while state["drawing"]:  # another worker is in the iterator, which may itself wait
                    queue.append(getcurrent())
                    self._kernel.suspend()
                if state["ended"]:
                    break
                state["drawing"] = True
                task = None
                try:
                    task = next(tasks, None)
                finally:
                    state["drawing"] = False
                    state["ended"] = task is None
                    if task is not None and len(running) - state["busy"] <= 1:
                        start()
                    if queue:
                        self._kernel.wake(queue.pop(0), 0)
                if task is None:
                    break
                state["busy"] += 1
                try:
                    task()
                finally:
                    state["busy"] -= 1
            while queue:
                self._kernel.wake(queue.pop(0), 0)

        def start() -> None:
            if len(running) < workers:
                running.append(self._kernel.spawn(work))

        start()
        for task in running:  # which grow meanwhile
            task.wait()
        for task in running:
            task.outcome()

    def lock(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        late: list[bool] = []

        def work() -> Any:
            result = task()
            if late and on_late is not None:
                on_late(result)
            return result

        running = self._kernel.spawn(work)
        if not running.wait(seconds):
            late.append(True)
            raise TimeoutError
        return running.outcome()
