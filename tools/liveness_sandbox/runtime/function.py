"""A deployed function: what happens to each event, from its arrival until it is finished."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from ..clock import Clock
from .aliases import DEFAULT
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
from .versions import Revision, Versions

# 406 in 583/35311.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_ASYNC_EVENT_BYTES = 128 * 1024

_log = logging.getLogger(__name__)


class Function:
    def __init__(
        self,
        deployment: Deployment,
        make_runner: Callable[[Deployment], Runner],
        memory_quota: MemoryQuota,
        scheduler: Scheduler,
        clock: Clock,
    ) -> None:
        options = deployment.options
        self.name = deployment.name
        self.triggers: tuple[Trigger, ...] = ()
        self.tags: dict[str, str] = {}
        self.versions = Versions(deployment, make_runner, scheduler, clock)
        self._memory_quota = memory_quota
        self._scheduler = scheduler
        self._clock = clock
        self._max_concurrency = options.max_concurrency
        self._rules = options.retry_rules()
        self._dead_letter_folder = options.dead_letters
        if self._dead_letter_folder is not None:
            self._dead_letter_folder.mkdir(parents=True, exist_ok=True)
        self._changed = threading.Condition()
        self._queues = Queues()
        self._running = 0
        self._finished: list[Invocation] = []
        self._dead_letters: list[dict[str, Any]] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(
            self._max_concurrency, thread_name_prefix=f"function-{self.name}"
        )
        for trigger in options.triggers:
            self.put_trigger(trigger)

    @property
    def deployment(self) -> Deployment:
        """What $LATEST runs."""
        return self.versions.latest.deployment

    def put_trigger(self, trigger: Trigger) -> None:
        """Add a trigger, or replace the one of the same identity."""
        with self._changed:
            others = (each for each in self.triggers if each.identity != trigger.identity)
            self.triggers = (*others, trigger)
            self._queues.of(trigger)
        if isinstance(trigger, TimerTrigger) and trigger.enabled:
            self._schedule_timer(trigger)

    def remove_trigger(self, trigger: Trigger) -> None:
        """Remove a trigger. Events that it has already sent are still handled."""
        with self._changed:
            self.triggers = tuple(each for each in self.triggers if each is not trigger)

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

    def invoke(self, event: Any, qualifier: str = DEFAULT) -> Invocation:
        """Invoke the function synchronously: wait until it has finished, and never retry."""
        _require_size(event, MAX_EVENT_BYTES, "a synchronous event has at most 6 MB")
        done: Future[Invocation] = Future()
        with self._changed:
            now = self._scheduler.now()
            self._submit(Job(event, self._queues.synchronous, now, done, qualifier))
        return done.result()

    def queue(self, event: Any, trigger: Trigger | None = None, qualifier: str = DEFAULT) -> str:
        """Invoke the function asynchronously, as a trigger or an Invoke of type Event does.

        The trigger's qualifier takes precedence. Return the request id.
        """
        _require_size(event, MAX_ASYNC_EVENT_BYTES, "an asynchronous event has at most 128 KB")
        with self._changed:
            qualifier = qualifier if trigger is None else trigger.qualifier
            queue = self._queues.of(trigger)
            job = Job(event, queue, self._scheduler.now(), qualifier=qualifier)
            if job.queue.is_full:
                job.last_failure = (Status.OVER_QUOTA, "The queue is full")
                self._dead_letter(job)
            else:
                self._submit(job)
            return job.request_id

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
        return self.versions.kill(secret_id)

    def close(self) -> None:
        """Stop every worker; queued events are lost."""
        with self._changed:
            self._closed = True
            abandoned = [job.done for job in self._queues.synchronous.waiting if job.done]
        self.versions.close()
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
            elif (revision := self.versions.route(job.qualifier)) is None:
                self._queues.pop(job)
                self._finish(job, _no_version(job))
            elif not (quota := self._memory_quota).acquire(revision.memory_mb):
                self._queues.pop(job)
                self._finish(job, _over_quota(job))
            elif self._running >= self._max_concurrency:
                quota.release(revision.memory_mb)
                return
            else:
                self._queues.pop(job)
                self._running += 1
                job.tries += 1
                self._threads.submit(self._work, job, revision, quota)

    def _finish(self, job: Job, invocation: Invocation) -> None:
        """Record the outcome of one try, and schedule the next try if there is one."""
        invocation = replace(invocation, finished=self._clock.now())
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
            job.qualifier,
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

    def _work(self, job: Job, revision: Revision, quota: MemoryQuota) -> None:
        """Run one try in one instance. Runs in a thread of its own, without the lock."""
        try:
            invocation = revision.runner.work(job.event, job.request_id)
        except Exception as problem:
            # No instance could be started (no such interpreter?): not the function's failure.
            _log.exception("%s: an event is lost", self.name)
            with self._changed:
                self._release(revision, quota)
            if job.done is not None:
                job.done.set_exception(problem)
            return
        with self._changed:
            self._finish(job, invocation)
            self._release(revision, quota)

    def _release(self, revision: Revision, quota: MemoryQuota) -> None:
        self._running -= 1
        quota.release(revision.memory_mb)
        self._start_waiting()
        self._changed.notify_all()

    def _schedule_timer(self, trigger: TimerTrigger) -> None:
        """Have the timer fire whenever its cron expression is due, starting with the next time.

        If the clock is advanced past several due times, the timer fires once, not once for each.
        It ends when the trigger is replaced or removed.
        """
        moment = trigger.next(self._scheduler.now())
        if moment is None:
            return

        def fire_and_reschedule() -> None:
            with self._changed:
                if self._closed or not any(each is trigger for each in self.triggers):
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
    return _not_run(job, failure, Status.OVER_QUOTA)


def _no_version(job: Job) -> Invocation:
    """Fail an event whose version or alias was deleted after the event was accepted."""
    failure = error(f"There is no version or alias {job.qualifier}", "ResourceNotFound")
    return _not_run(job, failure, Status.LOAD_FAILURE)


def _not_run(job: Job, failure: dict[str, Any], status: Status) -> Invocation:
    return Invocation(job.event, None, failure, status, [], "", 0.0, False, job.request_id, 0)
