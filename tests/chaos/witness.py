"""Sees every request the moment it has its effect, kills instances, and lets creations race.

It is the first hook of the sandbox, so all here runs in the server's one thread: the order of
`effects` is the order in which they happened. A request that a fault stops before it has any effect
never comes here; one whose reply is lost afterwards does.
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

# Two creators this close together, in seconds, are both told that they were first: whether COS
# does so nobody could confirm, so it may not matter.
_RACE_SECONDS = 0.05
_OURS = ("liveness/results/", "liveness/ledger/")


@dataclass
class Seen:
    """A request that had its effect, at this many seconds of the run."""

    at: float
    request: RequestRecord
    status: int
    nonce: str = ""  # in the object that a PUT left there, or that a GET was given
    call: FaceCall | None = None

    @property
    def who(self) -> str:
        return self.request.principal

    @property
    def struck(self) -> bool:
        """Whether the client was told something else, or nothing."""
        return self.request.status != self.status

    def is_(self, method: str, key: str) -> bool:
        return self.request.method == method and self.request.key == key


@dataclass(frozen=True)
class Killed:
    """A SIGKILL that met its instance at work."""

    at: float
    who: str
    step: str


@dataclass(frozen=True)
class Record:
    """What happened in a run."""

    effects: list[Seen]
    unheard: list[RequestRecord]
    """Requests of instances that were stopped before they had any effect."""
    killed: list[Killed]
    requests: list[RequestRecord]
    """All of the run, whoever made them."""
    calls: list[FaceCall]
    """The API's own count."""

    @property
    def struck(self) -> int:
        """How many requests of instances met a fault."""
        return len(self.unheard) + sum(seen.struck for seen in self.effects)

    @property
    def races(self) -> int:
        """How many claims had one creator too many."""
        made = [
            (seen.request.key, seen.nonce)
            for seen in self.effects
            if seen.request.key.endswith(".claim")
            and seen.request.method == "PUT"
            and seen.status == 200
        ]
        return len(set(made)) - len({key for key, _ in made})


class Cloud(Sandbox):
    """A sandbox that remembers every key it gave out: none may be found anywhere later."""

    def __init__(self) -> None:
        self.issued: list[Credentials] = []
        super().__init__()

    def secrets(self) -> list[str]:
        return [text for each in self.issued for text in (each.secret_key, each.token) if text]

    def temporary_credentials(self, lifetime_seconds: float = 7200) -> Credentials:
        credentials = super().temporary_credentials(lifetime_seconds)
        self.issued.append(credentials)
        return credentials


class Witness:
    """`kill` takes an instance's secret id; `wrong` collects what must never be, even for once."""

    def __init__(self, cloud: Cloud, plan: Plan, kill: Callable[[str], bool], began: float) -> None:
        self.effects: list[Seen] = []
        self.killed: list[Killed] = []
        self.wrong: list[str] = []
        self._began = began
        self._cloud = cloud
        self._bucket: Bucket = cloud.bucket(BUCKET)
        self._kill = kill
        self._works = {work.ledger.split("/")[-2]: work for work in plan.works}
        self._kills = {kill: kill.nth for kill in plan.kills}
        self._races = plan.races
        if plan.races:
            # The sandbox remembers changes only while a fault may ask for them.
            cloud.faults.add(_racing(Match(key="nothing")))
        self._created: dict[str, float] = {}
        self._asked: set[tuple[str, str]] = set()
        self._passed: set[str] = set()
        self._calls = self._earlier_calls = len(cloud.faceid.calls)
        self._earlier = len(cloud.requests)

    @property
    def record(self) -> Record:
        heard = {id(seen.request) for seen in self.effects}
        requests = self._cloud.requests[self._earlier :]
        return Record(
            list(self.effects),
            [each for each in requests if id(each) not in heard and self._by_an_instance(each)],
            list(self.killed),
            requests,
            self._cloud.faceid.calls[self._earlier_calls :],
        )

    def _now(self) -> float:
        return time.monotonic() - self._began

    def calm(self) -> None:
        """No more kills and races."""
        self._kills, self._races = {}, False

    def __call__(self, request: RequestRecord, phase: str) -> None:
        if not self._by_an_instance(request):
            return
        if phase == "before":
            self._check_place(request)
            self._let_race(request)
            return
        seen = Seen(self._now(), request, request.status or 0)
        stored = self._bucket.get(request.key)
        if request.key.endswith(".claim") and stored is not None:
            seen.nonce = json.loads(stored.body())["nonce"]
        if request.service == "faceid" and len(calls := self._cloud.faceid.calls) > self._calls:
            self._calls, seen.call = len(calls), calls[-1]
        self.effects.append(seen)
        if request.method == "PUT" and seen.status == 200:
            if request.key in self._created and "/response" in request.key:
                self.wrong.append(f"I3: {request.key} was replaced")
            self._created[request.key] = seen.at
            if request.key.endswith("/result.json"):
                self._check_result(request.key)
        self._kill_now(request)

    def _by_an_instance(self, request: RequestRecord) -> bool:
        return any(request.principal == issued.secret_id for issued in self._cloud.issued)

    # ---- what is done

    def _kill_now(self, request: RequestRecord) -> None:
        for kill, left in self._kills.items():
            if kill.match.matches(request):
                self._kills[kill] = left - 1
                if left == 1:
                    loop = asyncio.get_running_loop()
                    loop.call_later(kill.delay, self._kill_one, kill, request.principal)

    def _kill_one(self, kill: Kill, who: str) -> None:
        if kill in self._kills and self._kill(who):
            self.killed.append(Killed(self._now(), who, kill.step))

    def _let_race(self, request: RequestRecord) -> None:
        """Let this one create a claim too that somebody else created a moment ago.

        Only with its first PUT of it: what is repeated is not simultaneous.
        """
        asked = (request.key, request.principal)
        if request.method != "PUT" or not request.key.endswith(".claim") or asked in self._asked:
            return
        self._asked.add(asked)
        if self._races and self._now() - self._created.get(request.key, -1.0) < _RACE_SECONDS:
            self._cloud.faults.add(_racing(Match(key=request.key, times=1)))

    # ---- what must never be

    def _check_place(self, request: RequestRecord) -> None:
        writes = request.service == "cos" and request.method not in ("GET", "HEAD")
        if writes and not (request.bucket == BUCKET and request.key.startswith(_OURS)):
            self.wrong.append(f"I5: {request.method} of {request.bucket}/{request.key}")

    def _check_result(self, key: str) -> None:
        stored = self._bucket.get(key)
        assert stored is not None
        result = json.loads(stored.body())
        print_, name = result["fingerprint"], result["pair_id"]
        work = self._works.get(print_)
        if work is None:
            self.wrong.append(f"a result of {name} is about content that never was there")
            return
        if not any("response" in name for name in self._bucket.keys(work.ledger)):
            self.wrong.append(f"a result of {name} is there before its response is safe")
        if frame := result["best_frame"]["key"]:
            lying = self._bucket.get(frame)
            if lying is None or lying.blob.md5 != result["best_frame"]["md5"]:
                self.wrong.append(f"I4: a result of {name} names a best frame that is not there")
        if result["status"] == "passed":
            self._passed.add(print_)
        elif print_ in self._passed:
            self.wrong.append(f"I3: {name} had passed, and the same content is {result['status']}")


def _racing(match: Match) -> Fault:
    return Fault(FaultAction(racing_puts=_RACE_SECONDS), match)
