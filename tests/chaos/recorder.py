"""Records every request at the moment of its effect, kills instances, and lets creates race.

The recorder is the first hook of the sandbox and runs in the server's only thread, so the order of
`effects` is the order in which they happened. A request that a fault stops before it has any effect
never reaches it; one whose reply is lost afterwards does.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from liveness_sandbox import (
    Bucket,
    Credentials,
    FaceCall,
    Fault,
    FaultAction,
    Match,
    RequestRecord,
    Sandbox,
)

from .plan import BUCKET, Kill, Plan

# Two creates this close together, in seconds, may both get 200. It could not be confirmed whether
# COS does that, so it must do no harm.
_RACE_SECONDS = 0.05
_OWN_PREFIXES = ("liveness/results/", "liveness/frames/", "liveness/ledger/")


@dataclass
class ObservedEffect:
    """A request of an instance that had its effect; `at` is in seconds since the run began."""

    at: float
    request: RequestRecord
    status: int
    nonce: str = ""  # of the claim that a PUT stored or a GET returned
    call: FaceCall | None = None

    @property
    def instance(self) -> str:
        return self.request.principal

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def key(self) -> str:
        return self.request.key

    @property
    def hit_by_fault(self) -> bool:
        """Whether the client got another reply, or none."""
        return self.request.status != self.status


@dataclass(frozen=True)
class InstanceKill:
    """A SIGKILL that hit a running instance."""

    at: float
    instance: str
    step: str


@dataclass(frozen=True)
class Recording:
    """What happened in a run."""

    effects: list[ObservedEffect]
    stopped: list[RequestRecord]
    """Requests of instances that faults stopped before they had any effect."""
    kills: list[InstanceKill]
    requests: list[RequestRecord]
    """All requests of the run, of any client."""
    calls: list[FaceCall]
    """The API's own count."""

    @property
    def requests_hit(self) -> int:
        """How many requests of instances met a fault."""
        return len(self.stopped) + sum(effect.hit_by_fault for effect in self.effects)

    @property
    def races(self) -> int:
        """How many claims were created once too often."""
        created = {
            (effect.key, effect.nonce)
            for effect in self.effects
            if effect.key.endswith(".claim") and effect.method == "PUT" and effect.status == 200
        }
        return len(created) - len({key for key, _ in created})


class RecordingSandbox(Sandbox):
    """A sandbox that remembers all credentials it issued: none may appear anywhere later."""

    def __init__(self) -> None:
        self.issued: list[Credentials] = []
        super().__init__()

    def secrets(self) -> list[str]:
        return [text for each in self.issued for text in (each.secret_key, each.token) if text]

    def temporary_credentials(
        self, lifetime_seconds: float = 7200, role: str | None = None
    ) -> Credentials:
        credentials = super().temporary_credentials(lifetime_seconds, role)
        self.issued.append(credentials)
        return credentials


class Recorder:
    """A hook that records a run, and checks what must hold at every moment.

    `kill` takes an instance's secret id; `problems` collects the violations.
    """

    def __init__(
        self, sandbox: RecordingSandbox, plan: Plan, kill: Callable[[str], bool], began: float
    ) -> None:
        self.effects: list[ObservedEffect] = []
        self.kills: list[InstanceKill] = []
        self.problems: list[str] = []
        self._began = began
        self._sandbox = sandbox
        self._bucket: Bucket = sandbox.bucket(BUCKET)
        self._kill = kill
        self._submissions = {each.fingerprint: each for each in plan.submissions}
        self._kills_left = {kill: kill.nth for kill in plan.kills}
        self._races = plan.races
        if plan.races:
            # The sandbox keeps a history only while some fault may need it.
            sandbox.faults.add(_racing(Match(key="nothing")))
        self._created: dict[str, float] = {}
        self._creates: set[tuple[str, str]] = set()  # keys and their creators
        self._passed: set[str] = set()
        self._calls = self._earlier_calls = len(sandbox.faceid.calls)
        self._earlier = len(sandbox.requests)

    @property
    def recording(self) -> Recording:
        with_effect = {id(effect.request) for effect in self.effects}
        requests = self._sandbox.requests[self._earlier :]
        return Recording(
            list(self.effects),
            [
                each
                for each in requests
                if id(each) not in with_effect and self._is_by_an_instance(each)
            ],
            list(self.kills),
            requests,
            self._sandbox.faceid.calls[self._earlier_calls :],
        )

    def _now(self) -> float:
        return time.monotonic() - self._began

    def stop_faults(self) -> None:
        """Stop killing instances and racing creates."""
        self._kills_left, self._races = {}, False

    def __call__(self, request: RequestRecord, phase: str) -> None:
        if not self._is_by_an_instance(request):
            return
        if phase == "before":
            self._check_i5_write_is_within_own_prefixes(request)
            self._let_race(request)
            return
        effect = ObservedEffect(self._now(), request, request.status or 0)
        stored = self._bucket.get(request.key)
        if request.key.endswith(".claim") and stored is not None:
            effect.nonce = json.loads(stored.body())["nonce"]
        if request.service == "faceid" and len(calls := self._sandbox.faceid.calls) > self._calls:
            self._calls, effect.call = len(calls), calls[-1]
        self.effects.append(effect)
        if request.method == "PUT" and effect.status == 200:
            if request.key in self._created and "/response" in request.key:
                self.problems.append(f"I3: {request.key} was replaced")
            self._created[request.key] = effect.at
            if request.key.endswith("/result.json"):
                self._check_result(request.key)
        self._kill_after(request)

    def _is_by_an_instance(self, request: RequestRecord) -> bool:
        return any(request.principal == issued.secret_id for issued in self._sandbox.issued)

    # ---- faults

    def _kill_after(self, request: RequestRecord) -> None:
        for kill, left in self._kills_left.items():
            if kill.match.matches(request):
                self._kills_left[kill] = left - 1
                if left == 1:
                    loop = asyncio.get_running_loop()
                    loop.call_later(kill.delay, self._kill_one, kill, request.principal)

    def _kill_one(self, kill: Kill, instance: str) -> None:
        if kill in self._kills_left and self._kill(instance):
            self.kills.append(InstanceKill(self._now(), instance, kill.step))

    def _let_race(self, request: RequestRecord) -> None:
        """Let this request create a claim that another instance created a moment ago.

        Only an instance's first PUT of a claim can race: its retries are not simultaneous.
        """
        create = (request.key, request.principal)
        if request.method != "PUT" or not request.key.endswith(".claim") or create in self._creates:
            return
        self._creates.add(create)
        if self._races and self._now() - self._created.get(request.key, -1.0) < _RACE_SECONDS:
            self._sandbox.faults.add(_racing(Match(key=request.key, times=1)))

    # ---- checks at every moment

    def _check_i5_write_is_within_own_prefixes(self, request: RequestRecord) -> None:
        writes = request.service == "cos" and request.method not in ("GET", "HEAD")
        if writes and not (request.bucket == BUCKET and request.key.startswith(_OWN_PREFIXES)):
            self.problems.append(f"I5: {request.method} of {request.bucket}/{request.key}")

    def _check_result(self, key: str) -> None:
        """Check a result at the moment it is published: I1, I3 and I4."""
        stored = self._bucket.get(key)
        assert stored is not None
        result = json.loads(stored.body())
        fingerprint, name = result["fingerprint"], result["pair_id"]
        submission = self._submissions.get(fingerprint)
        if submission is None:
            self.problems.append(f"a result of {name} is about content that was never uploaded")
            return
        if not any("response" in key for key in self._bucket.keys(submission.ledger)):
            self.problems.append(f"a result of {name} is published before its response is recorded")
        if frame := result["best_frame"]["key"]:
            stored_frame = self._bucket.get(frame)
            if stored_frame is None or stored_frame.blob.md5 != result["best_frame"]["md5"]:
                self.problems.append(
                    f"I4: a result of {name} names a best frame that does not exist"
                )
        if result["status"] == "passed":
            self._passed.add(fingerprint)
        elif fingerprint in self._passed:
            self.problems.append(
                f"I3: {name} had passed, and the same content is {result['status']} now"
            )


def _racing(match: Match) -> Fault:
    return Fault(FaultAction(racing_puts=_RACE_SECONDS), match)
