"""A deployed function: what becomes of each event, from its arrival to its end."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..clock import Clock
from .deadletters import dead_letter, keep
from .environment import Deployment
from .instances import Instances
from .invocation import Invocation
from .queues import Job, Queues
from .quota import Share
from .retries import RetryRules
from .schedule import Scheduler
from .status import Status, error
from .triggers import TimerTrigger, Trigger

# 406 of 583/35311.
EVENT_BYTES = 6 * 1024 * 1024
ASYNC_EVENT_BYTES = 128 * 1024

_log = logging.getLogger(__name__)


class Function:
    def __init__(
        self,
        deployment: Deployment,
        triggers: Sequence[Trigger],
        instances: Instances,
        most_at_once: int,
        rules: RetryRules,
        share: Share,
        dead_letters: Path | None,
        scheduler: Scheduler,
        clock: Clock,
    ) -> None:
        self.name = deployment.name
        self.triggers = tuple(triggers)
        self.deployment = deployment
        self._instances = instances
        self._most_at_once = most_at_once
        self._rules = rules
        self._share = share
        self._dead_letter_folder = dead_letters
        self._scheduler = scheduler
        self._clock = clock
        if dead_letters is not None:
            dead_letters.mkdir(parents=True, exist_ok=True)
        self._changed = threading.Condition()
        self._queues = Queues(self.triggers)
        self._running = 0
        self._finished: list[Invocation] = []
        self._dead: list[dict[str, Any]] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(most_at_once, thread_name_prefix=f"function-{self.name}")
        for trigger in self.triggers:
            if isinstance(trigger, TimerTrigger) and trigger.enabled:
                self._expect(trigger)

    @property
    def invocations(self) -> list[Invocation]:
        """Finished ones, in the order of their ends."""
        with self._changed:
            return list(self._finished)

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        """What was given up, as the platform's dead-letter queue would hold it."""
        with self._changed:
            return list(self._dead)

    def invoke(self, event: Any) -> Invocation:
        """Synchronously: wait for the end, no retry."""
        _require_size(event, EVENT_BYTES, "a synchronous event has at most 6 MB")
        done: Future[Invocation] = Future()
        with self._changed:
            self._submit(Job(event, self._queues.synchronous, self._scheduler.now(), done))
        return done.result()

    def queue(self, event: Any, trigger: Trigger | None = None) -> None:
        """Asynchronously, as a trigger does, or as InvokeFunction with the type Event."""
        _require_size(event, ASYNC_EVENT_BYTES, "an asynchronous event has at most 128 KB")
        with self._changed:
            job = Job(event, self._queues.of(trigger), self._scheduler.now())
            if job.queue.is_full:
                job.last = (Status.OVER_QUOTA, "The queue is full")
                self._give_up(job)
            else:
                self._submit(job)

    @property
    def rules(self) -> RetryRules:
        """For events that wait already, too."""
        return self._rules

    @rules.setter
    def rules(self, rules: RetryRules) -> None:
        with self._changed:
            self._rules = rules

    @property
    def share(self) -> Share:
        return self._share

    @share.setter
    def share(self, share: Share) -> None:
        """Of starts from now on; what runs gives back to where it took from."""
        with self._changed:
            self._share = share

    def fire_timer(self, name: str) -> None:
        """Now, whatever its cron expression says."""
        for trigger in self.triggers:
            if isinstance(trigger, TimerTrigger) and trigger.name == name:
                self._fire(trigger)
                return
        raise KeyError(f"{self.name} has no timer {name!r}")

    def wait_idle(self, deadline: float) -> None:
        """Until nothing is left to do but by timers; `deadline` by time.monotonic()."""
        with self._changed:
            while self._running or self._queues.waiting or self._queues.later:
                if (
                    not self._changed.wait(deadline - time.monotonic())
                    and time.monotonic() >= deadline
                ):
                    raise TimeoutError(
                        f"{self.name}: {self._queues.waiting} queued, {self._running} "
                        f"running, {self._queues.later} waiting for a retry"
                    )

    def kill(self, secret_id: str) -> bool:
        """SIGKILL, at any moment, to the instance at work whose requests are signed with this.

        False where there is none.
        """
        return self._instances.kill(secret_id)

    def close(self) -> None:
        """Stop every worker; what is queued is lost."""
        with self._changed:
            self._closed = True
            abandoned = [job.done for job in self._queues.synchronous.waiting if job.done]
        self._instances.close()
        self._threads.shutdown()
        for done in abandoned:
            done.cancel()

    # All that follows but `_work` and the timers' is called with the lock held.

    def _submit(self, job: Job) -> None:
        if self._closed:
            raise RuntimeError(f"{self.name} is closed")
        job.queue.waiting.append(job)
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Start what may run, refuse what is over the quota, leave what this machine cannot yet."""
        while not self._closed and (job := self._queues.peek()) is not None:
            if job.done is None and self._scheduler.now() - job.arrived > self._rules.oldest_s:
                self._queues.pop(job)
                self._give_up(job)
            elif not (share := self._share).take(self.deployment.memory_mb):
                self._queues.pop(job)
                self._end(job, _over_quota(job))
            elif self._running >= self._most_at_once:
                share.give_back(self.deployment.memory_mb)
                return
            else:
                self._queues.pop(job)
                self._running += 1
                job.tries += 1
                self._threads.submit(self._work, job, share)

    def _end(self, job: Job, invocation: Invocation) -> None:
        """The end of one try."""
        self._finished.append(invocation)
        if job.done is not None:
            job.done.set_result(invocation)
        elif invocation.error is not None and not self._closed:
            job.last = (invocation.status, invocation.error["errorMessage"])
            pause = self._rules.pause_after(invocation.status, job.tries)
            if pause is None:
                self._give_up(job)
            else:
                self._try_later(job, pause)

    def _try_later(self, job: Job, pause_s: float) -> None:
        """A retry is the same request again, under the same request id."""
        job.queue.later += 1

        def again() -> None:
            with self._changed:
                job.queue.later -= 1
                if not self._closed:
                    self._submit(job)
                self._changed.notify_all()

        self._scheduler.call_at(self._scheduler.now() + pause_s, again)

    def _give_up(self, job: Job) -> None:
        letter = dead_letter(
            self.deployment,
            job.queue.source,
            job.request_id,
            job.event,
            max(0, job.tries - 1),
            job.last,
            self._clock.now(),
        )
        self._dead.append(letter)
        if self._dead_letter_folder is not None:
            try:
                keep(letter, self._dead_letter_folder)
            except OSError:
                _log.exception("%s: a dead letter could not be kept", self.name)
        self._changed.notify_all()

    def _work(self, job: Job, share: Share) -> None:
        """In a thread of its own, without the lock: one try in one instance."""
        try:
            invocation = self._instances.work(job.event, job.request_id)
        except Exception as problem:
            # No instance could be had (no such interpreter?): not the function's failure.
            _log.exception("%s: an event is lost", self.name)
            with self._changed:
                self._free(share)
            if job.done is not None:
                job.done.set_exception(problem)
            return
        with self._changed:
            self._end(job, invocation)
            self._free(share)

    def _free(self, share: Share) -> None:
        self._running -= 1
        share.give_back(self.deployment.memory_mb)
        self._start_waiting()
        self._changed.notify_all()

    def _expect(self, trigger: TimerTrigger) -> None:
        """Have the timer fire when its expression says so next, and ever after.

        What a jump of the clock leaps over is made up for once, not as often as it was.
        """
        moment = trigger.next(self._scheduler.now())
        if moment is None:
            return

        def due() -> None:
            with self._changed:
                if self._closed:
                    return
            self._fire(trigger)
            self._expect(trigger)

        self._scheduler.call_at(moment, due)

    def _fire(self, trigger: TimerTrigger) -> None:
        self.queue(trigger.event(self._clock.now()), trigger)


def _require_size(event: Any, most: int, sentence: str) -> None:
    if len(json.dumps(event).encode()) > most:
        raise ValueError(sentence)


def _over_quota(job: Job) -> Invocation:
    failure = error("Resource limit reached: over the concurrency quota", "ResourceLimitReached")
    return Invocation(
        job.event, None, failure, Status.OVER_QUOTA, [], "", 0.0, False, job.request_id, 0
    )
