"""Who waits for an instance: synchronous callers first, then every trigger's queue in turn."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from .invocation import Invocation
from .status import Status
from .triggers import CosTrigger, Trigger

MOST_MESSAGES = 100_000
"""Of one trigger [doc 583/39851]."""

_DIRECT = "API"


@dataclass(eq=False)
class Job:
    """A request, from its arrival to its end, through all its tries."""

    event: Any
    queue: Queue
    arrived: float
    """In the platform's time."""
    done: Future[Invocation] | None = None
    """Somebody waits for it: it is synchronous."""
    tries: int = 0
    """In an instance: being over the quota is none."""
    last: tuple[Status, str] = (Status.OVER_QUOTA, "The message was never tried")
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(eq=False)
class Queue:
    """Events of one source."""

    source: str
    waiting: deque[Job] = field(default_factory=deque)
    later: int = 0
    """How many wait for their next try."""

    @property
    def is_full(self) -> bool:
        return len(self.waiting) + self.later >= MOST_MESSAGES


class Queues:
    """A function's. Not thread-safe: the function's lock is held."""

    def __init__(self, triggers: Sequence[Trigger]) -> None:
        self.synchronous = Queue(_DIRECT)
        self._asynchronous: dict[Trigger | None, Queue] = {
            None: Queue(_DIRECT),
            **{trigger: Queue(_source(trigger)) for trigger in triggers},
        }
        self._turns = deque(self._asynchronous.values())

    def of(self, trigger: Trigger | None) -> Queue:
        """A trigger's own; None: of asynchronous calls of InvokeFunction."""
        return self._asynchronous[trigger]

    @property
    def waiting(self) -> int:
        return sum(len(queue.waiting) for queue in (self.synchronous, *self._turns))

    @property
    def later(self) -> int:
        return sum(queue.later for queue in self._turns)

    def peek(self) -> Job | None:
        """Who is next."""
        for queue in (self.synchronous, *self._turns):
            if queue.waiting:
                return queue.waiting[0]
        return None

    def pop(self, job: Job) -> None:
        """Take out whom `peek` named; the queue has had its turn."""
        job.queue.waiting.popleft()
        if job.queue is not self.synchronous:
            self._turns.remove(job.queue)
            self._turns.append(job.queue)


def _source(trigger: Trigger) -> str:
    return "TRIGGER_COS" if isinstance(trigger, CosTrigger) else "TRIGGER_TIMER"
