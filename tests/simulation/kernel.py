"""Virtual time: many tasks in one thread, switched only where they wait. Nothing is ever slept."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from greenlet import getcurrent, greenlet


class Task:
    """Something that runs beside others and can be waited for."""

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
        """Until it has ended, or for that long; tells whether it has."""
        if self.done:
            return True
        alarm = self._kernel.wake(getcurrent(), seconds) if seconds < math.inf else None
        self._waiting.append(getcurrent())
        self._kernel.pause()
        if not self.done:
            self._waiting.remove(getcurrent())
        elif alarm is not None:
            self._kernel.forget(alarm)
        return self.done

    def outcome(self) -> Any:
        """What it returned, or raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


class Kernel:
    """The clock and the scheduler; one seed decides everything."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 1_800_000_000.0
        self.hub = getcurrent()
        self._events: list[tuple[float, int, Callable[[], Any], str]] = []
        self._forgotten: set[int] = set()
        self._order = itertools.count()

    def spawn(self, work: Callable[[], Any], after: float = 0.0) -> Task:
        task = Task(self, work)
        self.wake(task.greenlet, after)
        return task

    def wake(self, sleeper: greenlet, after: float) -> int:
        """Let it go on then; returns what `forget` takes."""
        return self.call(sleeper.switch, after)

    def call(self, act: Callable[[], Any], after: float = 0.0, what: str = "") -> int:
        """Have something done then, in between all tasks; returns what `forget` takes.

        `what` is for those who compare runs.
        """
        number = next(self._order)
        heapq.heappush(self._events, (self.now + after, number, act, what))
        return number

    def forget(self, number: int) -> None:
        """Nobody is woken by it any more."""
        self._forgotten.add(number)

    def waiting(self) -> tuple[tuple[float, str], ...]:
        """What is to happen, and when, to a tenth of a second."""
        return tuple(sorted((round(at, 1), what) for at, _, _, what in self._events))

    def pause(self) -> None:
        """Give way; somebody has to wake us."""
        self.hub.switch()

    def sleep(self, seconds: float) -> None:
        self.wake(getcurrent(), max(seconds, 0.0))
        self.pause()

    def run(self, until: float) -> None:
        """Let everything happen up to that moment."""
        events, forgotten = self._events, self._forgotten
        while events and events[0][0] <= until:
            moment, number, act, _ = heapq.heappop(events)
            if number in forgotten:
                forgotten.remove(number)
                continue
            self.now = moment
            act()
        self.now = until


class SimClock:
    """A Clock in virtual time; `ahead` is how wrong this instance's wall clock is."""

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
    """Chance under the kernel's seed."""

    def __init__(self, kernel: Kernel) -> None:
        self._random = kernel.random

    def nonce(self) -> str:
        return f"{self._random.getrandbits(96):024x}"

    def up_to(self, limit: float) -> float:
        return self._random.uniform(0, limit)


class SimConcurrency:
    """Concurrency by tasks of the kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def together(self, *tasks: Callable[[], Any]) -> list[Any]:
        running = [self._kernel.spawn(task) for task in tasks[:-1]]
        try:
            last = tasks[-1]()  # here, as `Threads` does
        finally:
            for task in running:
                task.wait()
        return [task.outcome() for task in running] + [last]

    def crew(self, size: int, tasks: Iterator[Callable[[], Any]]) -> None:
        drawing: list[bool] = []
        ended: list[bool] = []

        def work() -> None:
            while not ended:
                while drawing:  # somebody is in the iterator, which may wait itself
                    self._kernel.sleep(0.01)
                if ended:
                    return
                drawing.append(True)
                try:
                    task = next(tasks, None)
                finally:
                    drawing.clear()
                if task is None:
                    ended.append(True)
                    return
                task()

        self.together(*(work for _ in range(size)))

    def within(self, seconds: float, task: Callable[[], Any]) -> Any:
        running = self._kernel.spawn(task)
        if not running.wait(seconds):
            raise TimeoutError
        return running.outcome()
