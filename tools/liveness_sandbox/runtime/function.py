"""A deployed function: its instances, the queue in front of them, retries, finished invocations."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..clock import Clock
from ..credentials import Credentials
from .environment import Deployment, context, worker_environment
from .triggers import TimerTrigger, Trigger
from .worker import Worker

ASYNC_EVENT_BYTES = 128 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Invocation:
    event: Any
    result: Any
    error: dict[str, Any] | None
    """errorMessage, errorType and stackTrace, or None."""
    logs: list[str]
    """Lines of stdout."""
    stderr: str
    duration_s: float
    cold: bool
    request_id: str
    max_rss_kb: int
    """The process's peak so far, not this invocation's."""


@dataclass
class _Job:
    event: Any
    retries_left: int
    done: Future[Invocation] = field(default_factory=Future)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Function:
    def __init__(
        self,
        deployment: Deployment,
        triggers: Sequence[Trigger],
        instances: int,
        retries: int,
        retry_delay_s: float,
        new_credentials: Callable[[], Credentials],
        clock: Clock,
    ) -> None:
        self.name = deployment.name
        self.triggers = tuple(triggers)
        self._deployment = deployment
        self._instances = instances
        self._retries = retries
        self._retry_delay_s = retry_delay_s
        self._new_credentials = new_credentials
        self._clock = clock
        self._changed = threading.Condition()
        self._queue: deque[_Job] = deque()
        self._idle: list[Worker] = []
        self._working: dict[int, Worker | None] = {}
        self._timers: set[threading.Timer] = set()
        self._finished: list[Invocation] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(instances, thread_name_prefix=f"function-{self.name}")

    @property
    def invocations(self) -> list[Invocation]:
        """Finished ones, in the order of their ends."""
        with self._changed:
            return list(self._finished)

    def invoke(self, event: Any) -> Invocation:
        """Synchronously: wait for the end, no retry. Waits in the queue like everyone else."""
        return self._submit(_Job(event, retries_left=0)).result()

    def queue(self, event: Any) -> None:
        """Asynchronously, as triggers do."""
        if len(json.dumps(event).encode()) > ASYNC_EVENT_BYTES:
            raise ValueError("an asynchronous event has at most 128 KB")
        self._submit(_Job(event, self._retries))

    def fire_timer(self, name: str) -> None:
        for trigger in self.triggers:
            if isinstance(trigger, TimerTrigger) and trigger.name == name:
                self.queue(trigger.event(self._clock.now()))
                return
        raise KeyError(f"{self.name} has no timer {name!r}")

    def wait_idle(self, deadline: float) -> None:
        """`deadline` by time.monotonic()."""
        with self._changed:
            while self._queue or self._working or self._timers:
                if (
                    not self._changed.wait(deadline - time.monotonic())
                    and time.monotonic() >= deadline
                ):
                    raise TimeoutError(
                        f"{self.name}: {len(self._queue)} queued, {len(self._working)} running, "
                        f"{len(self._timers)} waiting for a retry"
                    )

    def close(self) -> None:
        """Stop every worker; what is queued is lost."""
        with self._changed:
            self._closed = True
            abandoned, self._queue = list(self._queue), deque()
            workers = [*self._idle, *(worker for worker in self._working.values() if worker)]
            idle, self._idle = self._idle, []
            timers = list(self._timers)
        for timer in timers:
            timer.cancel()
        for worker in workers:
            worker.stop()
        self._threads.shutdown()
        for worker in idle:
            worker.close()
        for job in abandoned:
            job.done.cancel()

    def _submit(self, job: _Job) -> Future[Invocation]:
        with self._changed:
            if self._closed:
                raise RuntimeError(f"{self.name} is closed")
            self._queue.append(job)
            self._start_next()
        return job.done

    def _start_next(self) -> None:
        """The lock is held. A warm instance first, else a cold start, else the queue."""
        while self._queue and len(self._working) < self._instances:
            job = self._queue.popleft()
            worker = self._idle.pop() if self._idle else None
            self._working[id(job)] = worker
            self._threads.submit(self._work, job, worker)

    def _work(self, job: _Job, warm: Worker | None) -> None:
        try:
            worker = warm or self._cold_start(job)
            invocation = self._run(job, worker, cold=warm is None)
        except Exception as error:
            # No worker could be had (no such interpreter?): not the function's failure.
            _log.exception("%s: an event is lost", self.name)
            with self._changed:
                del self._working[id(job)]
                self._start_next()
                self._changed.notify_all()
            job.done.set_exception(error)
            return
        with self._changed:
            del self._working[id(job)]
            self._finished.append(invocation)
            if worker.alive and not self._closed:
                self._idle.append(worker)
            else:
                worker.stop()
                worker.close()
            if invocation.error is not None and job.retries_left > 0 and not self._closed:
                self._retry_later(job)
            self._start_next()
            self._changed.notify_all()
        job.done.set_result(invocation)

    def _cold_start(self, job: _Job) -> Worker:
        deployment = self._deployment
        environment = worker_environment(deployment, self._new_credentials())
        worker = Worker(deployment.python, deployment.code, deployment.handler, environment)
        with self._changed:
            self._working[id(job)] = worker
            if self._closed:
                worker.stop()
        return worker

    def _run(self, job: _Job, worker: Worker, cold: bool) -> Invocation:
        started = time.monotonic()
        outcome = worker.run(
            job.event, context(self._deployment, job.request_id), self._deployment.timeout_s
        )
        return Invocation(
            job.event,
            outcome.result,
            outcome.error,
            outcome.stdout.splitlines(),
            outcome.stderr,
            time.monotonic() - started,
            cold,
            job.request_id,
            outcome.max_rss_kb,
        )

    def _retry_later(self, job: _Job) -> None:
        """The lock is held. A retry is the same request again, under the same request id."""
        again = _Job(job.event, job.retries_left - 1, request_id=job.request_id)

        def resubmit() -> None:
            with self._changed:
                self._timers.discard(timer)
                if not self._closed:
                    self._queue.append(again)
                    self._start_next()
                self._changed.notify_all()

        timer = threading.Timer(self._retry_delay_s, resubmit)
        timer.daemon = True
        self._timers.add(timer)
        timer.start()
