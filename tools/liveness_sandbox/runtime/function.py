"""A deployed function: what happens to each event, from its arrival until it is finished."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..clock import Clock
from .deadletters import dead_letter, write
from .deployment import Deployment
from .instances import Runner
from .invocation import Invocation
from .queues import Job, Queues
from .quota import MemoryQuota
from .retries import RetryRules
from .schedule import Scheduler
from .status import Status, error
from .triggers import TimerTrigger, Trigger

# 406 in 583/35311.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_ASYNC_EVENT_BYTES = 128 * 1024

_log = logging.getLogger(__name__)


class Function:
    def __init__(
        self,
        deployment: Deployment,
        instances: Runner,
        memory_quota: MemoryQuota,
        scheduler: Scheduler,
        clock: Clock,
    ) -> None:
        options = deployment.options
        self.name = deployment.name
        self.triggers = tuple(options.triggers)
        self.deployment = deployment
        self._instances = instances
        self._memory_quota = memory_quota
        self._scheduler = scheduler
        self._clock = clock
        self._max_concurrency = options.max_concurrency
        self._rules = options.retry_rules()
        self._dead_letter_folder = options.dead_letters
        if self._dead_letter_folder is not None:
            self._dead_letter_folder.mkdir(parents=True, exist_ok=True)
        self._changed = threading.Condition()
        self._queues = Queues(self.triggers)
        self._running = 0
        self._finished: list[Invocation] = []
        self._dead_letters: list[dict[str, Any]] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(
            self._max_concurrency, thread_name_prefix=f"function-{self.name}"
        )
        for trigger in self.triggers:
            if isinstance(trigger, TimerTrigger) and trigger.enabled:
                self._schedule_timer(trigger)

    @property
    def invocations(self) -> list[Invocation]:
        """The finished invocations, in the order in which they finished."""
        with self._changed:
            return list(self._finished)

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        """The events that were given up, as in the platform's dead-letter queue."""
        with self._changed:
            return list(self._dead_letters)

    def invoke(self, event: Any) -> Invocation:
        """Invoke the function synchronously: wait until it has finished, and never retry."""
        _require_size(event, MAX_EVENT_BYTES, "a synchronous event has at most 6 MB")
        done: Future[Invocation] = Future()
        with self._changed:
            self._submit(Job(event, self._queues.synchronous, self._scheduler.now(), done))
        return done.result()

    def queue(self, event: Any, trigger: Trigger | None = None) -> None:
        """Invoke the function asynchronously, as a trigger or InvokeFunction of type Event does."""
        _require_size(event, MAX_ASYNC_EVENT_BYTES, "an asynchronous event has at most 128 KB")
        with self._changed:
            job = Job(event, self._queues.of(trigger), self._scheduler.now())
            if job.queue.is_full:
                job.last_failure = (Status.OVER_QUOTA, "The queue is full")
                self._dead_letter(job)
            else:
                self._submit(job)

    @property
    def rules(self) -> RetryRules:
        """The retry rules; they also apply to events that are already queued."""
        return self._rules

    @rules.setter
    def rules(self, rules: RetryRules) -> None:
        with self._changed:
            self._rules = rules

    @property
    def memory_quota(self) -> MemoryQuota:
        return self._memory_quota

    @memory_quota.setter
    def memory_quota(self, quota: MemoryQuota) -> None:
        """Set the quota for new instances; running ones release memory to their old quota."""
        with self._changed:
            self._memory_quota = quota

    def fire_timer(self, name: str) -> None:
        """Fire a timer now, whatever its cron expression says."""
        for trigger in self.triggers:
            if isinstance(trigger, TimerTrigger) and trigger.name == name:
                self._fire(trigger)
                return
        raise KeyError(f"{self.name} has no timer {name!r}")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do except for timers."""
        with self._changed:
            return not (self._running or self._queues.waiting or self._queues.retrying)

    def wait_idle(self, deadline: float) -> None:
        """Wait until nothing is left to do except for timers; `deadline` is in monotonic time."""
        with self._changed:
            while self._running or self._queues.waiting or self._queues.retrying:
                if (
                    not self._changed.wait(deadline - time.monotonic())
                    and time.monotonic() >= deadline
                ):
                    raise TimeoutError(
                        f"{self.name}: {self._queues.waiting} queued, {self._running} "
                        f"running, {self._queues.retrying} waiting for a retry"
                    )

    def kill(self, secret_id: str) -> bool:
        """Send SIGKILL to the busy instance whose requests are signed with this key.

        Return False if there is none.
        """
        return self._instances.kill(secret_id)

    def close(self) -> None:
        """Stop every worker; queued events are lost."""
        with self._changed:
            self._closed = True
            abandoned = [job.done for job in self._queues.synchronous.waiting if job.done]
        self._instances.close()
        self._threads.shutdown()
        for done in abandoned:
            done.cancel()

    # Everything below is called with the lock held, except for `_work` and the timers.

    def _submit(self, job: Job) -> None:
        if self._closed:
            raise RuntimeError(f"{self.name} is closed")
        job.queue.waiting.append(job)
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Start every job that may run, and reject the ones that exceed the quota.

        A job that only exceeds the limit of this machine stays in its queue.
        """
        while not self._closed and (job := self._queues.peek()) is not None:
            age = self._scheduler.now() - job.arrived
            if job.done is None and age > self._rules.max_event_age_seconds:
                self._queues.pop(job)
                self._dead_letter(job)
            elif not (quota := self._memory_quota).acquire(self._memory_mb):
                self._queues.pop(job)
                self._finish(job, _over_quota(job))
            elif self._running >= self._max_concurrency:
                quota.release(self._memory_mb)
                return
            else:
                self._queues.pop(job)
                self._running += 1
                job.tries += 1
                self._threads.submit(self._work, job, quota)

    def _finish(self, job: Job, invocation: Invocation) -> None:
        """Record the outcome of one try, and schedule the next try if there is one."""
        self._finished.append(invocation)
        if job.done is not None:
            job.done.set_result(invocation)
        elif invocation.error is not None and not self._closed:
            job.last_failure = (invocation.status, invocation.error["errorMessage"])
            pause = self._rules.pause_after(invocation.status, job.tries)
            if pause is None:
                self._dead_letter(job)
            else:
                self._retry_later(job, pause)

    def _retry_later(self, job: Job, pause_seconds: float) -> None:
        """Submit the job again after a pause, under the same request id."""
        job.queue.retrying += 1

        def retry() -> None:
            with self._changed:
                job.queue.retrying -= 1
                if not self._closed:
                    self._submit(job)
                self._changed.notify_all()

        self._scheduler.call_at(self._scheduler.now() + pause_seconds, retry)

    def _dead_letter(self, job: Job) -> None:
        letter = dead_letter(
            self.deployment,
            job.queue.source,
            job.request_id,
            job.event,
            max(0, job.tries - 1),
            job.last_failure,
            self._clock.now(),
        )
        self._dead_letters.append(letter)
        if self._dead_letter_folder is not None:
            try:
                write(letter, self._dead_letter_folder)
            except OSError:
                _log.exception("%s: a dead letter could not be written", self.name)
        self._changed.notify_all()

    def _work(self, job: Job, quota: MemoryQuota) -> None:
        """Run one try in one instance. Runs in a thread of its own, without the lock."""
        try:
            invocation = self._instances.work(job.event, job.request_id)
        except Exception as problem:
            # No instance could be started (no such interpreter?): not the function's failure.
            _log.exception("%s: an event is lost", self.name)
            with self._changed:
                self._release(quota)
            if job.done is not None:
                job.done.set_exception(problem)
            return
        with self._changed:
            self._finish(job, invocation)
            self._release(quota)

    def _release(self, quota: MemoryQuota) -> None:
        self._running -= 1
        quota.release(self._memory_mb)
        self._start_waiting()
        self._changed.notify_all()

    @property
    def _memory_mb(self) -> int:
        return self.deployment.options.memory_mb

    def _schedule_timer(self, trigger: TimerTrigger) -> None:
        """Have the timer fire whenever its cron expression is due, starting with the next time.

        If the clock is advanced past several due times, the timer fires once, not once for each.
        """
        moment = trigger.next(self._scheduler.now())
        if moment is None:
            return

        def fire_and_reschedule() -> None:
            with self._changed:
                if self._closed:
                    return
            self._fire(trigger)
            self._schedule_timer(trigger)

        self._scheduler.call_at(moment, fire_and_reschedule)

    def _fire(self, trigger: TimerTrigger) -> None:
        self.queue(trigger.event(self._clock.now()), trigger)


def _require_size(event: Any, max_bytes: int, message: str) -> None:
    if len(json.dumps(event).encode()) > max_bytes:
        raise ValueError(message)


def _over_quota(job: Job) -> Invocation:
    failure = error("Resource limit reached: over the concurrency quota", "ResourceLimitReached")
    return Invocation(
        job.event, None, failure, Status.OVER_QUOTA, [], "", 0.0, False, job.request_id, 0
    )
