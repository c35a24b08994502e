"""Events that wait for an instance: synchronous ones first, then every trigger's queue in turn."""

from __future__ import annotations

import uuid
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from .aliases import DEFAULT
from .invocation import Invocation
from .status import Status
from .triggers import CosTrigger, Trigger

MAX_MESSAGES = 100_000
"""The limit of one trigger's queue [doc 583/39851]."""

_DIRECT = "API"


@dataclass(eq=False)
class Job:
    """A request, from its arrival until it is finished, with all its tries."""

    event: Any
    queue: Queue
    arrived: float
    """In the platform's time."""
    done: Future[Invocation] | None = None
    """Set if a caller waits for the result, that is, if the request is synchronous."""
    qualifier: str = DEFAULT
    """The version or the alias that the event is for."""
    tries: int = 0
    """The number of tries in an instance; a rejection for exceeding the quota does not count."""
    last_failure: tuple[Status, str] = (Status.OVER_QUOTA, "The message was never tried")
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(eq=False)
class Queue:
    """The events of one source."""

    source: str
    waiting: deque[Job] = field(default_factory=deque)
    retrying: int = 0
    """The number of jobs that wait for their next try."""

    @property
    def is_full(self) -> bool:
        return len(self.waiting) + self.retrying >= MAX_MESSAGES


class Queues:
    """The queues of one function. Not thread-safe: the function holds its lock."""

    def __init__(self) -> None:
        self.synchronous = Queue(_DIRECT)
        self._direct = Queue(_DIRECT)
        self._of_triggers: dict[tuple[str, ...], Queue] = {}
        self._round_robin = deque([self._direct])

    def of(self, trigger: Trigger | None) -> Queue:
        """Return a trigger's queue; None stands for asynchronous calls of InvokeFunction."""
        if trigger is None:
            return self._direct
        queue = self._of_triggers.get(trigger.identity)
        if queue is None:
            queue = self._of_triggers[trigger.identity] = Queue(_source(trigger))
            self._round_robin.append(queue)
        return queue

    @property
    def waiting(self) -> int:
        return sum(len(queue.waiting) for queue in (self.synchronous, *self._round_robin))

    @property
    def retrying(self) -> int:
        return sum(queue.retrying for queue in self._round_robin)

    def peek(self) -> Job | None:
        """Return the job that is next."""
        for queue in (self.synchronous, *self._round_robin):
            if queue.waiting:
                return queue.waiting[0]
        return None

    def pop(self, job: Job) -> None:
        """Remove the job that `peek` returned, and move its queue to the end of the round."""
        job.queue.waiting.popleft()
        if job.queue is not self.synchronous:
            self._round_robin.remove(job.queue)
            self._round_robin.append(job.queue)


def _source(trigger: Trigger) -> str:
    return "TRIGGER_COS" if isinstance(trigger, CosTrigger) else "TRIGGER_TIMER"
