"""Time that stands still while anybody can go on: who goes on is a choice, and so is every fault.

Requests take no time; an instance runs on until it ends, sleeps, or is preempted at a request. So a
run is its list of choices, and running all lists runs all schedules.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent

from ..kernel import Kernel
from .fate import CRASH_AFTER, CRASH_BEFORE, PAUSE_AFTER, PAUSE_BEFORE, Fate, Request
from .instance import Instance

T = TypeVar("T")

# A customer acts in the order of the plan; events are all of one pair; the platform's steps wake
# others, and nothing else.
_ALIKE = ("customer", "event", "drain", "platform")
# So that of two steps one is the earlier one.
_MOMENT = 1e-6


class Chooser(Protocol):
    """Makes the choices of one run."""

    def next(self, ready: int) -> int:
        """Which of those who can go on does; 0 is the one that waits longest."""

    def preempt(self, request: Request, ready: int) -> int:
        """Who goes on instead of the one about to make a request; 0 for nobody."""


class SteppedKernel(Kernel):
    """A kernel that asks who goes on."""

    def __init__(self, chooser: Chooser, backwards: bool) -> None:
        super().__init__(0)
        self._chooser = chooser
        self.backwards = backwards  # what an instance does at once happens in that order
        self._forced: int | None = None

    def ready(self) -> list[int]:
        """Numbers of those who can go on, who waits longest first; of those alike, the first."""
        first: dict[str, int] = {}
        for _, number, _, what in sorted(event for event in self._events if event[0] <= self.now):
            first.setdefault(what if what in _ALIKE else str(number), number)
        return list(first.values())

    def preempted(self, name: str, request: Request) -> None:
        """Ask whether somebody else goes on instead of the one at work, who then waits."""
        ready = self.ready()
        chosen = self._chooser.preempt(request, len(ready))
        if chosen:
            self._forced = ready[chosen - 1]
            self.call(getcurrent().switch, what=name)
            self.pause()

    def at_once(self, act: Callable[[], Any]) -> None:
        """Have something done before anybody goes on."""
        self._forced = self.call(act)

    def run(self, until: float) -> None:
        while True:
            ready = self.ready()
            if not ready:
                if not self._events or self._events[0][0] > until:
                    break
                self.now = self._events[0][0]
                continue
            forced, self._forced = self._forced, None
            chosen = forced if forced in ready else ready[self._chooser.next(len(ready))]
            index = next(i for i, event in enumerate(self._events) if event[1] == chosen)
            act = self._events.pop(index)[2]
            heapq.heapify(self._events)
            if chosen in self._forgotten:
                self._forgotten.discard(chosen)
                continue
            act()
        self.now = max(self.now, until)


class SteppedInstance(Instance):
    """An instance whose requests take effect at once."""

    kernel: SteppedKernel

    def before(self, request: Request) -> None:
        self.check_alive()
        self.kernel.preempted(self.name, request)

    def travel(self, fate: Fate, effect: Callable[[], T]) -> T:
        self.check_alive()
        self.kernel.now += _MOMENT
        if fate.kind == CRASH_BEFORE:
            self._die()
        if fate.kind == PAUSE_BEFORE:
            self.wait(fate.long)
        reply = effect()
        if fate.kind == CRASH_AFTER:
            self._die()
        if fate.kind == PAUSE_AFTER:
            self.wait(fate.long)
        return reply

    def wait(self, seconds: float) -> None:
        if seconds > 0:  # else nobody else has to go on
            super().wait(seconds)

    # Moments only order steps; two schedules that differ in nothing else leave the same behind.

    def now(self) -> float:
        return round(super().now(), 1)

    def monotonic(self) -> float:
        return round(super().monotonic(), 1)

    def _die(self) -> None:
        self.kernel.at_once(self.kill)
        self.suspend()

    def together(self, *tasks: Callable[[], Any]) -> list[Any]:
        results, errors = dict[int, Any](), []
        order = range(len(tasks))
        for number in reversed(order) if self.kernel.backwards else order:
            try:
                results[number] = tasks[number]()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return [results[number] for number in order]

    def crew(self, size: int, tasks: Iterator[Callable[[], Any]]) -> None:
        for task in tasks:
            task()

    def within(self, seconds: float, task: Callable[[], Any]) -> Any:
        return task()
