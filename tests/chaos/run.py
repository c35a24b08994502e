"""One run: the function in real processes, people who upload, and what goes wrong meanwhile.

First the storm, as planned. Then calm: no more faults, the backlog is drained, reconcile runs, an
operator allows another attempt where all were used up. At last everything is notified once more,
which must change nothing.

Nobody sleeps through a lease: the sandbox's clock is moved on. Only while no instance is at work,
for otherwise the leases of those at work would end by the store's clock and not by their own.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liveness_sandbox import Bucket, DeployOptions, Function, Invocation, TimerTrigger

from .bill import Bill, bill
from .checks import of_the_whole, progress
from .people import Content
from .plan import BUCKET, Plan
from .scene import Scene
from .timeline import Timeline, Told
from .witness import Cloud, Witness

# An event holds its uploader's: it may not reach a log.
UPLOADERS_SIGNATURE = "q-signature=of-the-uploader"
# In seconds, longer than whatever waits: a marker at work 150, a retry 60, lease and call 77.
_ALL_IS_DUE = 160.0
_INSTANCES = 3
_MOST_DRAINS = 12
_MOST_TRIES = 3
_MOST_SECONDS = 90.0


@dataclass(frozen=True)
class Finished:
    """What a run came to; `wrong` is empty where all held."""

    plan: Plan
    wrong: list[str]
    bills: list[Bill]
    kills: int
    struck: int
    races: int
    timeline: Timeline


class Stuck(Exception):
    """It did not come to rest."""


class Stage:
    """A sandbox with the function in it, for one run after another: instances stay warm."""

    def __init__(self, code: Path) -> None:
        """`code` is a copy of src."""
        self._cloud = Cloud()
        self._code = code

    def __enter__(self) -> Stage:
        cloud = self._cloud.__enter__()
        cloud.faceid.rate_limit = None
        self._bucket = cloud.create_bucket(BUCKET)
        self._function = cloud.deploy(
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
        self._cloud.__exit__(*error)

    def play(self, plan: Plan) -> Finished:
        """Play it in an empty bucket, and check everything."""
        for key in self._bucket.keys(""):
            self._bucket.delete(key)
        run = _Run(self._cloud, self._bucket, self._function, plan)
        try:
            run.storm()
            run.calm()
        except Stuck as stuck:
            run.wrong.append(str(stuck))
        finally:
            run.close()
        scene = run.scene()
        bills = [bill(work, scene.record) for work in plan.works]
        wrong = [*run.witness.wrong, *run.wrong, *of_the_whole(scene, bills)]
        return Finished(
            plan,
            wrong,
            bills,
            len(scene.record.killed),
            scene.record.struck,
            scene.record.races,
            Timeline(scene.record, scene.invocations, run.told, run.began),
        )


class _Run:
    def __init__(self, cloud: Cloud, bucket: Bucket, function: Function, plan: Plan) -> None:
        self.began = time.monotonic()
        self.wrong: list[str] = []
        self.told: list[Told] = []
        self._cloud = cloud
        self._plan = plan
        self._bucket = bucket
        self._function = function
        self._before = len(function.invocations), len(function.dead_letters)
        self.witness = Witness(cloud, plan, function.kill, self.began)
        cloud.hooks.append(self.witness)
        self._events: dict[str, dict[str, Any]] = {}
        self._woken = 0
        self._to_retry: dict[str, int] = {}

    def close(self) -> None:
        self._cloud.faults.clear()
        self._cloud.hooks.clear()

    # ---- what is played

    def storm(self) -> None:
        """Everything of the plan."""
        plan = self._plan
        for fault in plan.faults:
            self._cloud.faults.add(fault)
        for act in plan.acts:
            time.sleep(act.pause)
            self._upload(act.content) if act.what == "upload" else self._notify(act.content)
        late = list(plan.late)
        for jump in plan.jumps:
            self._rest()
            self.wrong += progress.of_a_pause(self.scene())
            self._advance(jump)
            self._fire("drain")
            for content in late[: len(late) // 2]:
                self._notify(content)
            late = late[len(late) // 2 :]
        for content in late:
            self._notify(content)
        self._rest()

    def calm(self) -> None:
        """Nothing goes wrong any more; all that is left must come right."""
        self._cloud.faults.clear()
        self.witness.calm()
        self._tell("the storm is over")
        stormy = len(self._invocations())
        self._drain()
        self.wrong += progress.without_reconcile(self.scene())
        self._fire("reconcile")
        self._rest()
        self._drain()
        if given_up := progress.given_up(self.scene()):
            self._tell(f"an operator allows another attempt: {', '.join(given_up)}")
            self._wake({"retry": given_up})
            self._rest()
            self._drain()
        before = progress.final_state(self.scene())
        self._tell("everything is notified once more")
        for content in [act.content for act in self._plan.acts if act.what == "upload"]:
            self._notify(content)
        self._fire("reconcile")
        self._fire("drain")
        self._rest()
        if progress.final_state(self.scene()) != before:
            self.wrong.append("what was finished was touched again")
        self.wrong += [
            f"in the calm an invocation ended with {each.status:d}: {each.error}"
            for each in self._invocations()[stormy:]
            if each.error is not None
        ]

    def scene(self) -> Scene:
        return Scene(
            self._plan,
            self._bucket,
            self.witness.record,
            self._invocations(),
            self._function.dead_letters[self._before[1] :],
            self._events,
            [UPLOADERS_SIGNATURE, *self._cloud.secrets()],
        )

    # ---- single steps

    def _upload(self, content: Content) -> None:
        self._bucket.put(content.key, content.body)
        event = self._cloud.trigger_event(self._bucket, content.key)
        (record,) = event["Records"]
        record["event"]["requestParameters"]["requestHeaders"]["Authorization"] = (
            UPLOADERS_SIGNATURE
        )
        self._events[content.token] = event
        self._tell(f"upload {content.token}", content.owner)

    def _notify(self, content: Content) -> None:
        self._tell(f"notify {content.token}", content.owner)
        self._wake(self._events[content.token])

    def _wake(self, event: dict[str, Any]) -> None:
        self._woken += 1
        self._function.queue(event)

    def _fire(self, timer: str) -> None:
        self._tell(f"timer: {timer}")
        self._woken += 1
        self._function.fire_timer(timer)

    def _advance(self, seconds: float) -> None:
        """Move the clock on: every retry that waits is due then. Only while all rest."""
        tries = self._tries()
        failed = {each.request_id: each.error is not None for each in self._invocations()}
        self._to_retry = {
            name: count for name, count in tries.items() if failed[name] and count < _MOST_TRIES
        }
        self._tell(f"the clock moves on by {seconds:g} s")
        self._cloud.clock.advance(seconds)

    def _rest(self) -> None:
        """Until whatever was woken, or was due for a retry, has ended its try. Raises Stuck."""
        deadline = time.monotonic() + _MOST_SECONDS
        while True:
            tries = self._tries()
            retried = all(tries[name] > count for name, count in self._to_retry.items())
            if len(tries) == self._woken and retried:
                return
            if time.monotonic() > deadline:
                raise Stuck(f"{self._woken - len(tries)} events have not ended")
            time.sleep(0.005)

    def _invocations(self) -> list[Invocation]:
        return self._function.invocations[self._before[0] :]

    def _tries(self) -> Counter[str]:
        return Counter(invocation.request_id for invocation in self._invocations())

    def _drain(self) -> None:
        """Until there is no marker, and nothing that would be tried again. Raises Stuck."""
        for _ in range(_MOST_DRAINS):
            self._advance(_ALL_IS_DUE)
            self._fire("drain")
            self._rest()
            if not self.scene().markers:
                return
        raise Stuck("the backlog is never worked off")

    def _tell(self, text: str, owner: str | None = None) -> None:
        self.told.append(Told(time.monotonic() - self.began, text, owner))
