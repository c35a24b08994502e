"""One run: the function in real processes, people who upload, and faults.

First the plan is carried out. Then no more faults are injected: the backlog is drained, reconcile
runs, and an operator grants another attempt to pairs that were given up. At last everything is
notified once more, which must change nothing.

No run waits for a lease to expire: the sandbox's clock is advanced instead, but only while no
instance is running. Otherwise their leases would expire by the store's clock and not by their own.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liveness_sandbox import Bucket, DeployOptions, Function, Invocation, TimerTrigger

from .billing import Bill, bill_of
from .checks import check_end, progress
from .plan import BUCKET, Plan
from .recorder import Recorder, RecordingSandbox
from .run_record import RunRecord
from .timeline import RunStep, Timeline
from .workload import Content

# Part of every event: it must not reach a log.
UPLOADERS_SIGNATURE = "q-signature=of-the-uploader"
# In seconds, longer than anything is delayed: a pause of an hour with its jitter.
_ALL_DUE_SECONDS = 4400.0
_INSTANCES = 3
_MAX_DRAINS = 24
_MAX_TRIES = 3
_MAX_SECONDS = 90.0


@dataclass(frozen=True)
class RunResult:
    """The result of a run; `problems` is empty if every invariant held."""

    plan: Plan
    problems: list[str]
    bills: list[Bill]
    kills: int
    requests_hit: int
    races: int
    timeline: Timeline


class Stuck(Exception):
    """The run did not come to rest."""


class Environment:
    """A sandbox with the function deployed, for one run after another: instances stay warm."""

    def __init__(self, code: Path) -> None:
        """`code` is a copy of src."""
        self._sandbox = RecordingSandbox()
        self._code = code

    def __enter__(self) -> Environment:
        sandbox = self._sandbox.__enter__()
        sandbox.faceid.rate_limit = None
        self._bucket = sandbox.create_bucket(BUCKET)
        self._function = sandbox.deploy(
            "liveness",
            self._code,
            DeployOptions(
                environment={
                    "LIVENESS_BUCKET": BUCKET,
                    "LIVENESS_ENDPOINT_SCHEME": "http",
                    "LIVENESS_RATE_LIMIT": "100",
                },
                timeout_seconds=120,
                triggers=[TimerTrigger(name, name) for name in ("drain", "reconcile")],
                instances=_INSTANCES,
            ),
        )
        return self

    def __exit__(self, *error: Any) -> None:
        self._sandbox.__exit__(*error)

    def run(self, plan: Plan) -> RunResult:
        """Carry out a plan in an empty bucket, and check everything."""
        for key in self._bucket.keys(""):
            self._bucket.delete(key)
        run = _Run(self._sandbox, self._bucket, self._function, plan)
        try:
            run.with_faults()
            run.without_faults()
        except Stuck as stuck:
            run.problems.append(str(stuck))
        finally:
            run.close()
        record = run.record()
        bills = [bill_of(submission, record.recording) for submission in plan.submissions]
        return RunResult(
            plan,
            [*run.recorder.problems, *run.problems, *check_end(record, bills)],
            bills,
            len(record.recording.kills),
            record.recording.requests_hit,
            record.recording.races,
            Timeline(record.recording, record.invocations, run.steps, run.began),
        )


class _Run:
    def __init__(
        self, sandbox: RecordingSandbox, bucket: Bucket, function: Function, plan: Plan
    ) -> None:
        self.began = time.monotonic()
        self.problems: list[str] = []
        self.steps: list[RunStep] = []
        self._sandbox = sandbox
        self._plan = plan
        self._bucket = bucket
        self._function = function
        self._before = len(function.invocations), len(function.dead_letters)
        self.recorder = Recorder(sandbox, plan, function.kill, self.began)
        sandbox.hooks.append(self.recorder)
        self._events: dict[str, dict[str, Any]] = {}
        self._queued = 0
        self._to_retry: dict[str, int] = {}

    def close(self) -> None:
        self._sandbox.faults.clear()
        self._sandbox.hooks.clear()

    # ---- the two parts of a run

    def with_faults(self) -> None:
        """Carry out the plan."""
        plan = self._plan
        for fault in plan.faults:
            self._sandbox.faults.add(fault)
        for act in plan.acts:
            time.sleep(act.pause)
            self._upload(act.content) if act.kind == "upload" else self._notify(act.content)
        late = list(plan.late)
        for jump in plan.jumps:
            self._rest()
            self.problems += progress.check_i8_in_a_pause(self.record())
            self._advance(jump)
            self._fire("drain")
            for content in late[: len(late) // 2]:
                self._notify(content)
            late = late[len(late) // 2 :]
        for content in late:
            self._notify(content)
        self._rest()

    def without_faults(self) -> None:
        """Let the function finish everything that is left."""
        self._sandbox.faults.clear()
        self.recorder.stop_faults()
        self._note("no more faults")
        invocations_with_faults = len(self._invocations())
        self._drain()
        self.problems += progress.check_i1_without_reconcile(self.record())
        self._fire("reconcile")
        self._rest()
        self._drain()
        if given_up := progress.given_up(self.record()):
            self._note(f"an operator grants another attempt: {', '.join(given_up)}")
            self._queue({"retry": given_up})
            self._rest()
            self._drain()
        before = progress.final_state(self.record())
        self._note("everything is notified once more")
        for content in [act.content for act in self._plan.acts if act.kind == "upload"]:
            self._notify(content)
        self._fire("reconcile")
        self._fire("drain")
        self._rest()
        if progress.final_state(self.record()) != before:
            self.problems.append("a finished pair was worked on again")
        self.problems += [
            f"without faults an invocation ended with {each.status:d}: {each.error}"
            for each in self._invocations()[invocations_with_faults:]
            if each.error is not None
        ]

    def record(self) -> RunRecord:
        return RunRecord(
            self._plan,
            self._bucket,
            self.recorder.recording,
            self._invocations(),
            self._function.dead_letters[self._before[1] :],
            self._events,
            [UPLOADERS_SIGNATURE, *self._sandbox.secrets()],
        )

    # ---- single steps

    def _upload(self, content: Content) -> None:
        self._bucket.put(content.key, content.body)
        event = self._sandbox.trigger_event(self._bucket, content.key)
        (record,) = event["Records"]
        record["event"]["requestParameters"]["requestHeaders"]["Authorization"] = (
            UPLOADERS_SIGNATURE
        )
        self._events[content.token] = event
        self._note(f"upload {content.token}", content.owner)

    def _notify(self, content: Content) -> None:
        self._note(f"notify {content.token}", content.owner)
        self._queue(self._events[content.token])

    def _queue(self, event: dict[str, Any]) -> None:
        self._queued += 1
        self._function.queue(event)

    def _fire(self, timer: str) -> None:
        self._note(f"timer: {timer}")
        self._queued += 1
        self._function.fire_timer(timer)

    def _advance(self, seconds: float) -> None:
        """Advance the clock, so that every waiting retry is due. Only while no instance runs."""
        tries = self._tries()
        failed = {each.request_id: each.error is not None for each in self._invocations()}
        self._to_retry = {
            name: count for name, count in tries.items() if failed[name] and count < _MAX_TRIES
        }
        self._note(f"the clock is advanced by {seconds:g} s")
        self._sandbox.clock.advance(seconds)

    def _rest(self) -> None:
        """Wait until every queued event and every due retry has ended. Raises Stuck."""
        deadline = time.monotonic() + _MAX_SECONDS
        while True:
            tries = self._tries()
            retried = all(tries[name] > count for name, count in self._to_retry.items())
            if len(tries) == self._queued and retried:
                return
            if time.monotonic() > deadline:
                raise Stuck(f"{self._queued - len(tries)} events have not ended")
            time.sleep(0.005)

    def _invocations(self) -> list[Invocation]:
        return self._function.invocations[self._before[0] :]

    def _tries(self) -> Counter[str]:
        return Counter(invocation.request_id for invocation in self._invocations())

    def _drain(self) -> None:
        """Drain until no marker is left, and nothing that would be retried. Raises Stuck."""
        for _ in range(_MAX_DRAINS):
            self._advance(_ALL_DUE_SECONDS)
            self._fire("drain")
            self._rest()
            if not self.record().markers:
                return
        raise Stuck(f"the backlog is not empty after {_MAX_DRAINS} drains")

    def _note(self, text: str, owner: str | None = None) -> None:
        self.steps.append(RunStep(time.monotonic() - self.began, text, owner))
