"""A scheduler for the search: which task runs next is a choice, and so is every fault.

Time stands still while any task can run. Requests take no time; an instance runs until it ends,
sleeps, or is preempted at a request. So a run is its list of choices, and running all lists runs
all schedules.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

from greenlet import getcurrent

from ..kernel import Kernel
from .faults import CRASH_AFTER, CRASH_BEFORE, PAUSE_AFTER, PAUSE_BEFORE, Fault, Request
from .instance import Instance

T = TypeVar("T")

# Labels of events of which only the first can be next: a customer acts in the order of the
# workload; events are all of one pair; the platform's steps only wake others.
_INTERCHANGEABLE = ("customer", "event", "drain", "platform")
# The time between two requests, so that one of them is the earlier one.
_MOMENT = 1e-6


class Scheduler(Protocol):
    """Makes the scheduling choices of one run."""

    def next(self, ready: int) -> int:
        """Choose one of the ready events; 0 is the one that has waited longest."""

    def preempt(self, request: Request, ready: int) -> int:
        """Choose which ready event, from 1 on, preempts this request; 0 for none."""


class ChoiceKernel(Kernel):
    """A kernel in which a scheduler chooses the next event."""

    def __init__(self, scheduler: Scheduler, backwards: bool) -> None:
        super().__init__(0)
        self._scheduler = scheduler
        self.backwards = backwards  # whether concurrent requests of an instance run in reverse
        self._forced: int | None = None

    def ready(self) -> list[int]:
        """Return the numbers of the events that can be next, the one that waits longest first."""
        first: dict[str, int] = {}
        for _, number, _, label in sorted(event for event in self._events if event[0] <= self.now):
            first.setdefault(label if label in _INTERCHANGEABLE else str(number), number)
        return list(first.values())

    def offer_preemption(self, name: str, request: Request) -> None:
        """Let the scheduler run another event before this request; the current task then waits."""
        ready = self.ready()
        chosen = self._scheduler.preempt(request, len(ready))
        if chosen:
            self._forced = ready[chosen - 1]
            self.call(getcurrent().switch, label=name)
            self.suspend()

    def call_next(self, act: Callable[[], Any]) -> None:
        """Call a function before any other event."""
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
            chosen = forced if forced in ready else ready[self._scheduler.next(len(ready))]
            index = next(i for i, event in enumerate(self._events) if event[1] == chosen)
            act = self._events.pop(index)[2]
            heapq.heapify(self._events)
            if chosen in self._cancelled:
                self._cancelled.discard(chosen)
                continue
            act()
        self.now = max(self.now, until)


class ChoiceInstance(Instance):
    """An instance whose requests take effect at once."""

    kernel: ChoiceKernel

    def before(self, request: Request) -> None:
        self.check_alive()
        self.kernel.offer_preemption(self.name, request)

    def travel(self, fault: Fault, effect: Callable[[], T]) -> T:
        self.check_alive()
        self.kernel.now += _MOMENT
        if fault.kind == CRASH_BEFORE:
            self._die()
        if fault.kind == PAUSE_BEFORE:
            self.wait(fault.long)
        reply = effect()
        if fault.kind == CRASH_AFTER:
            self._die()
        if fault.kind == PAUSE_AFTER:
            self.wait(fault.long)
        return reply

    def wait(self, seconds: float) -> None:
        if seconds > 0:  # else no other event has to run first
            super().wait(seconds)

    # Moments only order steps: two schedules that differ in nothing else lead to the same state.

    def now(self) -> float:
        return round(super().now(), 1)

    def monotonic(self) -> float:
        return round(super().monotonic(), 1)

    def _die(self) -> None:
        self.kernel.call_next(self.kill)
        self.suspend()

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
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

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        for task in tasks:
            task()

    def lock(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        return task()
