"""The processes of one function: a warm one is reused, otherwise a new one is started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..clock import Clock
from ..credentials import Credentials
from .deployment import Deployment
from .environment import context, worker_environment
from .invocation import Invocation
from .worker import Worker

# The keys of a role are valid for up to 6 hours; an instance is retired before they expire.
_KEYS_LIFETIME_SECONDS = 6 * 3600
_INSTANCE_LIFETIME_SECONDS = 5 * 3600


class Runner(Protocol):
    """What runs a function's code. Thread-safe; the caller limits the concurrency."""

    def work(self, event: Any, request_id: str) -> Invocation:
        """Process one event in one instance. Raise OSError if none can be started."""

    def retire(self) -> None:
        """Stop idle instances, and busy ones as soon as they have finished."""

    def kill(self, secret_id: str) -> bool:
        """Kill the busy instance that has this key; return False if there is none."""

    def close(self) -> None:
        """Stop all instances; for their events it is as if they had crashed."""


class Instances:
    """A Runner that runs each instance in a process of its own."""

    def __init__(
        self,
        deployment: Deployment,
        new_credentials: Callable[[float], Credentials | None],
        clock: Clock,
    ) -> None:
        self._deployment = deployment
        self._new_credentials = new_credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._retired = False
        self._closed = False

    def work(self, event: Any, request_id: str) -> Invocation:
        warm = self._take()
        worker = warm or self._start()
        started = time.monotonic()
        try:
            outcome = worker.run(event, context(self._deployment, request_id))
        finally:
            self._put_back(worker)
        return Invocation(
            event,
            outcome.result,
            outcome.error,
            outcome.status,
            outcome.logs.stdout.lines(),
            outcome.logs.stderr.text(),
            time.monotonic() - started,
            warm is None,
            request_id,
            outcome.max_rss_kb,
        )

    def retire(self) -> None:
        with self._lock:
            self._retired = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()
            worker.close()

    def kill(self, secret_id: str) -> bool:
        with self._lock:
            for worker in self._busy:
                if worker.secret_id == secret_id:
                    worker.kill()
                    return True
        return False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for worker in (*idle, *busy):
            worker.stop()
        for worker in idle:
            worker.close()

    def _take(self) -> Worker | None:
        """Return the most recently used idle worker that is neither too old nor dead."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                age = self._clock.monotonic() - worker.started
                if worker.alive and age < _INSTANCE_LIFETIME_SECONDS:
                    self._busy.add(worker)
                    return worker
                worker.stop()
                worker.close()
        return None

    def _start(self) -> Worker:
        environment = worker_environment(
            self._deployment, self._new_credentials(_KEYS_LIFETIME_SECONDS)
        )
        worker = Worker(self._deployment, environment, self._clock.monotonic())
        with self._lock:
            self._busy.add(worker)
            if self._closed:
                worker.stop()
        return worker

    def _put_back(self, worker: Worker) -> None:
        with self._lock:
            self._busy.remove(worker)
            if worker.alive and not self._retired and not self._closed:
                self._idle.append(worker)
                return
        worker.stop()
        worker.close()
