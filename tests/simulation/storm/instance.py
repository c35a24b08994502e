"""One instance of the function: real code, in a place where it can be killed and paused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

from ..kernel import Kernel
from .fate import CRASH_AFTER, CRASH_BEFORE, PAUSE_AFTER, PAUSE_BEFORE, Fate, Request

T = TypeVar("T")


class Killed(BaseException):
    """SIGKILL: the code of an instance that is gone does nothing any more."""


class Lost(Exception):
    """No reply came."""


class Instance:
    """What runs in one instance; it is the Clock and the Concurrency of its function, too.

    Requests travel on their own: what was sent before the instance died still takes effect.
    """

    def __init__(self, kernel: Kernel, name: str, ahead: float) -> None:
        self.name = name
        self.alive = True
        self.kernel = kernel
        self._ahead = ahead  # how wrong its wall clock is, seconds
        self._paused_until = 0.0
        self._tasks: set[greenlet] = set()
        self.on_death: Callable[[], None] = lambda: None

    # ---- life and death

    def run(self, work: Callable[[], Any], what: str = "") -> None:
        """Begin something in this instance."""
        task = greenlet(lambda: self._live(work), parent=self.kernel.hub)
        self._tasks.add(task)
        self.kernel.call(self._sleeper(task), what=what)

    def _live(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except Killed:
            pass
        finally:
            self._tasks.discard(getcurrent())

    def kill(self) -> None:
        """Everything in it stops where it is. To be called in between all tasks."""
        if not self.alive:
            return
        self.alive = False
        self.bury()
        self.on_death()

    def bury(self) -> None:
        """Let go of what hangs; whatever that does on its way out finds no world."""
        self.alive = False
        while self._tasks:
            task = self._tasks.pop()
            if task:  # begun and not ended
                task.throw(Killed)

    def pause(self, seconds: float) -> None:
        """Stand still; replies wait."""
        self._paused_until = max(self._paused_until, self.kernel.now + seconds)

    def suspend(self) -> None:
        """Give way; somebody resumes us."""
        self.check_alive()
        self.kernel.pause()
        self.check_alive()

    def check_alive(self) -> None:
        """Nothing goes on in an instance that is gone."""
        if not self.alive:
            raise Killed

    def _sleeper(self, task: greenlet) -> Callable[[], None]:
        """What wakes the task from the sleep that it is about to begin; once, whoever calls it."""
        slept = False

        def wake() -> None:
            nonlocal slept
            if slept or not self.alive:
                return
            wait = self._paused_until - self.kernel.now
            if wait > 0:
                self.kernel.call(wake, wait, self.name)
                return
            slept = True
            task.switch()

        return wake

    # ---- requests

    def before(self, request: Request) -> None:
        """A request is about to be made."""

    def travel(self, fate: Fate, effect: Callable[[], T]) -> T:
        """Send a request, let it take effect, and wait for its reply."""
        self.check_alive()
        reply: Box[T] = Box()
        wake, kernel = self._sleeper(getcurrent()), self.kernel
        if fate.kind == CRASH_BEFORE:
            kernel.call(self.kill, fate.before)
            self.suspend()

        def land() -> None:
            reply.put(effect())
            if fate.kind == CRASH_AFTER:
                self.kill()
            elif fate.kind == PAUSE_AFTER:
                self.pause(fate.long)
            kernel.call(wake, fate.after)

        def send() -> None:
            if self.alive:  # else it stood still before this was sent, and was killed
                kernel.call(land, fate.before)

        if fate.kind == PAUSE_BEFORE:
            self.pause(fate.long)
            kernel.call(send, fate.long)
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
        return self.kernel.now + self._ahead

    def monotonic(self) -> float:
        return self.kernel.now

    def sleep(self, seconds: float) -> None:
        self.wait(seconds)

    # ---- Concurrency

    def together(self, *tasks: Callable[[], Any]) -> list[Any]:
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
            self.run(lambda index=index: run(index))
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

    def crew(self, size: int, tasks: Iterator[Callable[[], Any]]) -> None:
        drawing = ended = False
        queue: deque[Callable[[], None]] = deque()

        def draw() -> Callable[[], Any] | None:
            nonlocal drawing, ended
            while drawing:  # somebody is in the iterator, which may wait itself
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

        def work() -> None:
            while (task := draw()) is not None:
                task()

        self.together(*(work for _ in range(size)))

    def within(self, seconds: float, task: Callable[[], Any]) -> Any:
        ended: Box[Any] = Box()
        wake = self._sleeper(getcurrent())

        def run() -> None:
            try:
                ended.put(task())
            except Exception as error:
                ended.fail(error)
            self.kernel.call(wake)

        self.run(run)
        self.kernel.call(wake, seconds)
        self.suspend()
        if not ended.full:
            raise TimeoutError
        return ended.value


class Box(Generic[T]):
    """Room for one value that comes later, or for an error."""

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
        return self._value  # type: ignore[return-value]
