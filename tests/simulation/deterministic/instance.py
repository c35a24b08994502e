"""One instance of the function: the real code, in a place where it can be killed and paused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Generic, TypeVar, cast

from greenlet import getcurrent, greenlet

from ..kernel import Kernel
from .faults import CRASH_AFTER, CRASH_BEFORE, PAUSE_AFTER, PAUSE_BEFORE, Fault, Request

T = TypeVar("T")


class Killed(BaseException):
    """SIGKILL: the code of a dead instance runs no further."""


class Lost(Exception):
    """No reply arrived."""


class Instance:
    """A container for the tasks of one instance; it is its function's Clock and Concurrency, too.

    Requests travel independently: one that was sent before the instance died still takes effect.
    """

    def __init__(self, kernel: Kernel, name: str, ahead: float) -> None:
        self.name = name
        self.alive = True
        self.kernel = kernel
        self.ahead = ahead  # the error of its wall clock, seconds
        self.paused_until = 0.0
        self._tasks: set[greenlet] = set()
        self.on_death: Callable[[], None] = lambda: None

    # ---- life and death

    def run(self, work: Callable[[], Any], label: str = "") -> None:
        """Start a task in this instance."""
        task = greenlet(lambda: self._live(work), parent=self.kernel.hub)
        self._tasks.add(task)
        self.kernel.call(self._sleeper(task), label=label)

    def _live(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except Killed:
            pass
        finally:
            self._tasks.discard(getcurrent())

    def kill(self) -> None:
        """Stop every task where it is. May only be called between tasks."""
        if not self.alive:
            return
        self.alive = False
        self.dispose()
        self.on_death()

    def dispose(self) -> None:
        """Unwind all suspended tasks; what they do while unwinding has no effect."""
        self.alive = False
        while self._tasks:
            task = self._tasks.pop()
            if task:  # started and not ended
                task.throw(Killed)

    def pause(self, seconds: float) -> None:
        """Suspend the whole instance; replies wait until it resumes."""
        self.paused_until = max(self.paused_until, self.kernel.now + seconds)

    def suspend(self) -> None:
        """Suspend the current task until an event resumes it."""
        self.check_alive()
        self.kernel.suspend()
        self.check_alive()

    def check_alive(self) -> None:
        """Raise Killed in an instance that is dead."""
        if not self.alive:
            raise Killed

    def _sleeper(self, task: greenlet) -> Callable[[], None]:
        """Return what wakes the task from the sleep it is about to begin; only one call counts."""
        woken = False

        def wake() -> None:
            nonlocal woken
            if woken or not self.alive:
                return
            wait = self.paused_until - self.kernel.now
            if wait > 0:
                self.kernel.call(wake, wait, self.name)
                return
            woken = True
            task.switch()

        return wake

    # ---- requests

    def before(self, request: Request) -> None:
        """Called when a request is about to be made."""

    def travel(self, fault: Fault, effect: Callable[[], T]) -> T:
        """Send a request, let it take effect, and wait for its reply."""
        self.check_alive()
        reply: Box[T] = Box()
        wake, kernel = self._sleeper(getcurrent()), self.kernel
        if fault.kind == CRASH_BEFORE:
            kernel.call(self.kill, fault.before)
            self.suspend()

        def land() -> None:
            reply.put(effect())
            if fault.kind == CRASH_AFTER:
                self.kill()
            elif fault.kind == PAUSE_AFTER:
                self.pause(fault.long)
            kernel.call(wake, fault.after)

        def send() -> None:
            if self.alive:  # else it was paused before it sent this, and killed meanwhile
                kernel.call(land, fault.before)

        if fault.kind == PAUSE_BEFORE:
            self.pause(fault.long)
            kernel.call(send, fault.long)
        else:
            send()
        self.suspend()
        return reply.value

    def wait(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.kernel.call(self._sleeper(getcurrent()), max(seconds, 0.0), self.name)
        self.suspend()

    # ---- Clock

    def now(self) -> float:
        return self.kernel.now + self.ahead

    def monotonic(self) -> float:
        return self.kernel.now

    def sleep(self, seconds: float) -> None:
        self.wait(seconds)

    # ---- Concurrency

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
        results: list[Any] = [None] * len(tasks)
        errors: list[BaseException] = []
        left = len(tasks) - 1
        wake: Callable[[], None] | None = None

        def run(index: int) -> None:
            nonlocal left
            try:
                results[index] = tasks[index]()
            except Exception as error:
                errors.append(error)
            left -= 1
            if wake and not left:
                self.kernel.call(wake)

        for index in range(left):
            self.run(partial(run, index))
        try:
            results[-1] = tasks[-1]()
        except Exception as error:
            errors.append(error)
        if left:
            wake = self._sleeper(getcurrent())
            self.suspend()
        if errors:
            raise errors[0]
        return results

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        drawing = ended = False
        queue: deque[Callable[[], None]] = deque()

        def draw() -> Callable[[], Any] | None:
            nonlocal drawing, ended
            while drawing:  # another worker is in the iterator, which may itself wait
                queue.append(self._sleeper(getcurrent()))
                self.suspend()
            drawing = True
            try:
                task = None if ended else next(tasks, None)
            finally:
                drawing = False
                if queue:
                    self.kernel.call(queue.popleft())
            ended = task is None
            return task

        started = busy = ended_workers = 0
        errors: list[Exception] = []
        wake: Callable[[], None] | None = None

        def work() -> None:
            nonlocal busy, ended, ended_workers
            try:
                while (task := draw()) is not None:
                    busy += 1
                    if busy == started < workers:
                        start()  # nobody is left to draw the next one
                    task()
                    busy -= 1
            except Exception as error:
                errors.append(error)
                ended = True
            ended_workers += 1
            if wake and ended_workers == started:
                self.kernel.call(wake)

        def start() -> None:
            nonlocal started
            started += 1
            self.run(work)

        start()
        if ended_workers < started:
            wake = self._sleeper(getcurrent())
            self.suspend()
        if errors:
            raise errors[0]

    def lock(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        result: Box[Any] = Box()
        late = False
        wake = self._sleeper(getcurrent())

        def run() -> None:
            try:
                result.put(task())
            except Exception as error:
                result.fail(error)
            else:
                if late and on_late is not None:
                    self._notify(on_late, result.value)
            self.kernel.call(wake)

        self.run(run)
        self.kernel.call(wake, seconds)
        self.suspend()
        if not result.full:
            late = True
            raise TimeoutError
        return result.value

    def run_late(self, on_late: Callable[[T], None], result: T, on_end: Callable[[], None]) -> None:
        """Give a result that nobody waits for any more to `on_late`, in a task of its own."""

        def notify() -> None:
            self._notify(on_late, result)
            on_end()

        if self.alive:
            self.run(notify, self.name)

    def _notify(self, on_late: Callable[[T], None], result: T) -> None:
        with suppress(Exception):  # it ends a thread of its own, and nothing else
            on_late(result)


class Box(Generic[T]):
    """Holds one value, or one error, once there is one."""

    def __init__(self) -> None:
        self.full = False
        self._value: T | None = None
        self._error: Exception | None = None

    def put(self, value: T) -> None:
        self.full, self._value = True, value

    def fail(self, error: Exception) -> None:
        self.full, self._error = True, error

    @property
    def value(self) -> T:
        if self._error is not None:
            raise self._error
        if not self.full:
            raise Lost
        return cast(T, self._value)
