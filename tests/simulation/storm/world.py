"""One run: a plan, decisions, and everything that happens until it is quiet again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from liveness.keys import pair_hash
from liveness.settings import read_settings

from ..kernel import Kernel
from .bucket import Bucket, md5
from .decisions import Decisions, Seeded
from .fate import PAUSES, RACE, STALE_HEAD, Fate, Request
from .history import Step, Violation
from .instance import Instance
from .invocation import Invocation
from .judge import Judge
from .plan import CROWD, INVOKE, REMOVE, Action, Plan
from .platform import Platform
from .service import Service

BUCKET = "faces-1250000000"
_INPUTS = "liveness/incoming/"
# Events come this late, seconds, where they are late.
_LATE_SECONDS = (0.5, 8.0, 61.0, 400.0, 9000.0)
# A poisoned pair kills its instance so often, and is given up visibly before that.
_KILLS = 40
_STEP_SECONDS = 60.0
_MOST_SECONDS = 8 * 3600.0
_MONTH_SECONDS = 32 * 24 * 3600.0


class Outcome(NamedTuple):
    """What came of a run."""

    violation: Violation | None
    taken: Mapping[str, Fate]
    steps: list[Step]
    owed: bool  # whether I1 held without reconcile, too: no event was lost
    requests: int
    calls: int
    billed: int


class World:
    """Bucket, service, platform and customers of one run."""

    def __init__(
        self,
        plan: Plan,
        decisions: Decisions,
        kernel: Kernel | None = None,
        instance: type[Instance] = Instance,
    ) -> None:
        self.plan = plan
        self.decisions = decisions
        self.kernel = kernel or Kernel(plan.seed)
        self.new_instance = instance
        self._began = self.kernel.now
        self.steps: list[Step] = []
        self.bucket = Bucket(lambda: self.kernel.now)
        self.service = Service(self.bucket, lambda: self.kernel.now)
        settings = read_settings(
            {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET, **plan.settings}
        )
        self.judge = Judge(settings, self.bucket, lambda: self.kernel.now)
        self.platform = Platform(self)
        self._calm = False
        self._busy_until = self.kernel.now
        self._kills = _KILLS
        self._dropped = 0
        self._waiting: list[tuple[int, Action]] = []
        self.to_come: list[str] = []  # the inputs that customers are still to change
        self._requests = 0
        self._unexplained: list[str] = []
        for pair_id in sorted({_pair_of(action) for action in plan.actions} - {""}):
            self.judge.know(pair_id)

    # ---- what the parts ask

    def elapsed(self) -> float:
        return self.kernel.now - self._began

    def step(self, who: str, what: str, key: str = "", note: str = "") -> None:
        self.steps.append(Step(self.elapsed(), who, what, key, note))

    def log(self, who: str, line: str) -> None:
        self.steps.append(Step(self.elapsed(), who, "log", "", line))

    def fate(self, who: Invocation, request: Request) -> Fate:
        """What happens to a request; after the storm nothing but the usual."""
        self._requests += 1
        fate = Fate() if self._calm else self.decisions.fate(request)
        if self._waiting:
            self._moment(request)
        self.steps.append(Step(self.elapsed(), who.label, request.verb, request.key, fate.kind))
        if fate.kind == STALE_HEAD:
            self.judge.lagging = True
        if fate.kind in (RACE, *PAUSES) or fate.before > 0.05:
            self.judge.unpaced = True
        return fate

    def _moment(self, request: Request) -> None:
        """Whether this is what an action waits for."""
        for number, action in self._waiting:
            pair_id = _pair_of(action)
            if _is_moment(action.on, request, pair_id):
                self._waiting.remove((number, action))
                self._at(number, action)
                return

    def kills(self, name: str, pair_id: str) -> bool:
        """Whether the pair is one that kills its instance, this time again."""
        if pair_id != self.plan.poisoned or not self._kills:
            return False
        self._kills -= 1
        return True

    def hold(self, seconds: float) -> None:
        """Something is still under way for so long."""
        self._busy_until = max(self._busy_until, self.kernel.now + seconds)

    def markers(self) -> list[str]:
        return [key for key in self.bucket.objects if key.startswith("liveness/ledger/pending/")]

    def state(self) -> int:
        """The same for two runs that can only go on alike; times to a tenth of a second."""
        return hash(
            (
                self.bucket.state,
                self.platform.state(),
                self.judge.state([who.label for who in self.platform.at_work()]),
                round(self.kernel.now, 1),
                self.kernel.waiting(),
                len(self._unexplained),
            )
        )

    def unexplained(self, who: str, error: Exception) -> None:
        """An invocation failed though no fault hit it."""
        self._unexplained.append(f"{who}: {type(error).__name__}: {error}")

    # ---- the run

    def run(self) -> Outcome:
        """Until the first violation, or to the end."""
        violation, owed = None, False
        try:
            for number, action in enumerate(self.plan.actions):
                if number in self.plan.left_out:
                    continue
                if action.on:
                    self._waiting.append((number, action))
                else:
                    self._at(number, action)
            self.platform.minute_timer()
            self.kernel.run(until=self._began + self.plan.profile.until)
            self._calm = True
            self._waiting.clear()
            self._settle()
            self.judge.paid()
            owed = not (self._dropped or self.platform.forgotten or self.judge.lagging)
            if owed:
                self.judge.finished("without reconcile", but_silent=True)
            self._reconcile()
            self.judge.finished("after reconcile")
            if self.plan.month_later:
                self._month_later()
            self.judge.paid()
        except Violation as found:
            violation = found
        finally:
            self.platform.bury()
        calls = sum(len(pair.calls) for pair in self.judge.pairs.values())
        return Outcome(
            violation,
            self.decisions.taken,
            self.steps,
            owed,
            self._requests,
            calls,
            self._billed(),
        )

    def _at(self, number: int, action: Action) -> None:
        self.to_come.append(_INPUTS + action.key)
        self.kernel.call(lambda: self._act(number, action), action.at, "customer")

    def _act(self, number: int, action: Action) -> None:
        self.to_come.remove(_INPUTS + action.key)
        if action.kind == INVOKE:
            assert action.event is not None
            pairs = tuple(action.event.get("pairs", ())) + tuple(action.event.get("retry", ()))
            self.platform.deliver(f"direct-{number}", action.event, pairs)
            return
        key, pair_id = _INPUTS + action.key, _pair_of(action)
        self.judge.changing(pair_id, silently=action.kind == REMOVE)
        if action.kind == REMOVE:
            self.step("customer", "remove", key)
            self.bucket.remove(key)
            return
        self.step("customer", "upload", key, action.body.decode())
        etag = f"{md5(action.body)}-1" if action.multipart else None
        self.bucket.write(key, action.body, {}, "customer", etag)
        self._announce(f"event-{number}", pair_id, key)

    def _announce(self, label: str, pair_id: str, key: str) -> None:
        """The bucket tells the platform about an upload: once, twice, late, or never."""
        plan, draw = self.plan, self.decisions.draw
        if draw(label + " dropped") < plan.dropped or pair_id in CROWD:
            self._dropped += 1
            self.step("platform", "drops the event", key)
            return
        copies = 2 if draw(label + " twice") < plan.twice else 1
        for copy in range(copies):
            name = f"{label}{'*' * copy}"
            late = 0.05 * draw(name + " way")
            if draw(name + " late") < plan.late:
                late += _LATE_SECONDS[int(draw(name + " how late") * len(_LATE_SECONDS))]
            self.hold(late)
            deliver = partial(self.platform.deliver, name, _message(key), (pair_id,))
            if late:
                self.kernel.call(deliver, late)
            else:
                deliver()

    def _settle(self) -> None:
        """Go on until nobody has anything to do."""
        ends = self.kernel.now + _MOST_SECONDS
        last = max((action.at for action in self.plan.actions), default=0.0) + self._began
        while (
            self.platform.under_way
            or self.markers()
            or self.kernel.now <= max(self._busy_until, last)
        ):
            self.kernel.run(until=self.kernel.now + _STEP_SECONDS)
            if self.kernel.now > ends:
                why = self.markers() or f"{self.platform.under_way} events under way"
                raise Violation("I1", f"no end after {_MOST_SECONDS / 3600:g} h: {why}")
        if self._unexplained:
            raise Violation("errors", self._unexplained[0])

    def _reconcile(self) -> None:
        self.judge.lagging = False
        self.platform.deliver("reconcile", {"reconcile": {}}, ())
        self._settle()

    def _month_later(self) -> None:
        """Results were consumed and removed, lifecycle rules have emptied the ledger."""
        self.platform.timer_off = True
        self.kernel.run(until=self.kernel.now + _MONTH_SECONDS)
        self.platform.timer_off = False
        self.platform.minute_timer()
        before = self._billed()
        for key in self.bucket.keys("liveness/ledger/claims/") + self.bucket.keys(
            "liveness/results/"
        ):
            self.bucket.remove(key)
        self.platform.deliver("reconcile-late", {"reconcile": {}}, ())
        self._settle()
        if self._billed() != before:
            raise Violation("I2", "a pair from before the ledger was emptied is paid for again")

    def _billed(self) -> int:
        return sum(call.billed for pair in self.judge.pairs.values() for call in pair.calls)


def run(plan: Plan) -> Outcome:
    """One run under its seed."""
    return World(plan, Seeded(plan.seed, plan.profile)).run()


def _pair_of(action: Action) -> str:
    """Empty where it is about no pair in particular."""
    return action.key.rpartition("/")[0]


def _is_moment(moment: str, request: Request, pair_id: str) -> bool:
    """Whether the pair's walk is at that moment with this request."""
    verb, key = request.verb, request.key
    if moment == "detect":
        return verb == "detect" and key == pair_id
    if moment in ("head result", "put result"):
        return moment.startswith(verb) and key == f"liveness/results/{pair_id}/result.json"
    if moment == "frame":
        return verb == "put" and key.startswith(f"liveness/results/{pair_id}/best-frame-")
    ours = f"/claims/{pair_hash(pair_id)}/" in key
    name = key.rpartition("/")[2]
    return verb == "create" and ours and (name == "response" or name.endswith(moment))


def _message(key: str) -> dict[str, Any]:
    """What a COS trigger says; `url` is percent-encoded, `key` is not."""
    return {
        "Records": [
            {
                "cos": {
                    "cosBucket": {"name": "faces", "appid": "1250000000", "region": "sgp"},
                    "cosObject": {
                        "key": f"/1250000000/faces/{key}",
                        "url": f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/{quote(key)}",
                    },
                },
                "event": {"eventName": "cos:ObjectCreated:Put"},
            }
        ]
    }
