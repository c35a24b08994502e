"""One run: a workload, the choices of its faults, and everything that happens until it rests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from liveness.keys import pair_hash
from liveness.settings import read_settings

from ..kernel import Kernel, SimChance
from ..markers import markers
from .bucket import Bucket, md5
from .choices import Choices, SeededChoices
from .conditions import UNREADABLE, Condition, unreadable_key
from .faults import OK, STALE_HEAD, Fault, Request
from .history import Step, Violation
from .instance import Instance
from .invariants import InvariantChecker
from .invocation import Invocation
from .platform import Platform
from .service import Service
from .workload import CROWD, INVOKE, REMOVE, Action, Workload

BUCKET = "faces-1250000000"
_INPUTS = "liveness/incoming/"
# The delays of events, seconds.
_LATE_SECONDS = (0.5, 8.0, 61.0, 400.0, 9000.0)
# A poisoned pair kills its instance this many times, and is visibly given up before that.
_KILLS = 40
_STEP_SECONDS = 60.0
# Eleven set-backs take up to seven and a half hours, and a pair may be uploaded several times.
_MAX_SECONDS = 48 * 3600.0
_MONTH_SECONDS = 32 * 24 * 3600.0


class RunResult(NamedTuple):
    """The result of a run."""

    violation: Violation | None
    injected: Mapping[str, Fault]
    steps: list[Step]
    owed: bool  # whether I1 had to hold without reconcile, too: no event was lost
    requests: int
    calls: int
    billed: int


class Simulation:
    """Bucket, service, platform and customers of one run."""

    def __init__(
        self,
        workload: Workload,
        choices: Choices,
        kernel: Kernel | None = None,
        instance: type[Instance] = Instance,
    ) -> None:
        self.workload = workload
        self.choices = choices
        self.kernel = kernel or Kernel(workload.seed)
        self.new_instance = instance
        self._began = self.kernel.now
        self.steps: list[Step] = []
        self.bucket = Bucket(lambda: self.kernel.now)
        self.service = Service(self.bucket, lambda: self.kernel.now)
        self.environ = {
            "TENCENTCLOUD_REGION": "ap-singapore",
            "TENCENTCLOUD_SECRETID": "id",
            "TENCENTCLOUD_SECRETKEY": "key",
            "LIVENESS_BUCKET": BUCKET,
            **workload.settings,
        }
        settings = read_settings(self.environ)
        self.checker = InvariantChecker(settings, self.bucket, lambda: self.kernel.now)
        self.service.unreadable = self.checker.observations.unreadable
        self.platform = Platform(self)
        self.platform_settings: dict[str, str] = {}
        self._faults_over = False
        self._busy_until = self.kernel.now
        self._kills = _KILLS
        self._dropped = 0
        self._waiting: list[tuple[int, Action]] = []  # for a moment of a walk
        self.changes_to_come: list[str] = []  # the inputs that customers have yet to change
        self._requests = 0
        self._unexplained: list[str] = []
        for pair_id in sorted({_pair_of(action) for action in workload.actions} - {""}):
            self.checker.observations.add_pair(pair_id)
        self._store_backlog()

    # ---- what the parts of the simulation call

    def elapsed(self) -> float:
        return self.kernel.now - self._began

    def step(self, actor: str, action: str, key: str = "", note: str = "") -> None:
        self.steps.append(Step(self.elapsed(), actor, action, key, note))

    def log(self, label: str, line: str) -> None:
        self.steps.append(Step(self.elapsed(), label, "log", "", line))

    def choose_fault(self, invocation: Invocation, request: Request) -> Fault:
        """Choose what happens to a request."""
        self._requests += 1
        fault = Fault() if self._faults_over else self.choices.fault(request)
        if fault.kind == OK:
            fault = self._lasting_fault(request) or fault
        if self._waiting:
            self._trigger_action(request)
        self.steps.append(
            Step(self.elapsed(), invocation.label, request.verb, request.key, fault.kind)
        )
        if fault.kind == STALE_HEAD:
            self.checker.observations.heads_lag = True
        return fault

    def _lasting_fault(self, request: Request) -> Fault | None:
        """Return what a condition makes of a request; the first one that concerns it."""
        at, draw = self.elapsed(), self.choices.draw
        found = (each.fault(request, at, draw) for each in self.workload.conditions)
        return next(filter(None, found), None)

    def _schedule_conditions(self) -> None:
        for condition in self.workload.conditions:
            self.hold(condition.ends)
            for at, begins in ((condition.begins, True), (condition.ends, False)):
                self.kernel.call(partial(self._turn, condition, begins), at, "platform")
        if self.workload.later_threshold:
            at, threshold = self.workload.later_threshold
            self.kernel.call(partial(self.platform.set_threshold, threshold), at, "platform")

    def _turn(self, condition: Condition, begins: bool) -> None:
        """Take note that a condition begins or ends."""
        self.step("world", "begins" if begins else "ends", condition.pair, condition.kind)
        if condition.kind == UNREADABLE:
            self.checker.before_input_change(condition.pair, silently=True)
            unreadable = self.checker.observations.unreadable
            (unreadable.add if begins else unreadable.discard)(unreadable_key(condition.pair))

    def _trigger_action(self, request: Request) -> None:
        """Schedule the action that waits for this request, if there is one."""
        for number, action in self._waiting:
            pair_id = _pair_of(action)
            if _is_moment(action.after, request, pair_id):
                self._waiting.remove((number, action))
                self._schedule(number, action)
                return

    def kills(self, name: str, pair_id: str) -> bool:
        """Tell whether this call kills its instance, because the pair is the poisoned one."""
        if pair_id != self.workload.poisoned or not self._kills:
            return False
        self._kills -= 1
        return True

    def hold(self, seconds: float) -> None:
        """Keep the run from ending for that long: something is still under way."""
        self._busy_until = max(self._busy_until, self.kernel.now + seconds)

    def markers(self) -> list[str]:
        return [key for key in self.bucket.objects if key.startswith("liveness/ledger/pending/")]

    def state(self) -> int:
        """Return the same for two runs that can only continue alike.

        Times count to a tenth of a second.
        """
        return hash(
            (
                self.bucket.state,
                self.platform.state(),
                self.checker.observations.state([each.label for each in self.platform.at_work()]),
                round(self.kernel.now, 1),
                self.kernel.waiting(),
                len(self._unexplained),
            )
        )

    def on_unexplained_error(self, label: str, error: Exception) -> None:
        """An invocation failed although no fault hit it."""
        self._unexplained.append(f"{label}: {type(error).__name__}: {error}")

    # ---- the run

    def run(self) -> RunResult:
        """Run until the first violation, or to the end."""
        violation, owed = None, False
        try:
            for number, action in enumerate(self.workload.actions):
                if number in self.workload.left_out:
                    continue
                if action.after:
                    self._waiting.append((number, action))
                else:
                    self._schedule(number, action)
            self._schedule_conditions()
            self.platform.minute_timer()
            self.kernel.run(until=self._began + self.workload.profile.until)
            self._faults_over = True
            self._waiting.clear()
            self._settle()
            checker = self.checker
            checker.check_i2_every_repeated_bill_has_a_fault()
            events_lost = self._dropped or self.platform.discarded
            owed = not (events_lost or checker.observations.heads_lag)
            if owed:
                checker.check_i1_every_complete_pair_has_its_result(
                    "without reconcile", except_silent_changes=True
                )
            self._reconcile()
            checker.check_i1_every_complete_pair_has_its_result("after reconcile")
            if self.workload.month_later:
                self._month_later()
            checker.check_i2_every_repeated_bill_has_a_fault()
        except Violation as error:
            violation = error
        finally:
            self.platform.dispose()
        observations = self.checker.observations
        return RunResult(
            violation,
            self.choices.injected,
            self.steps,
            owed,
            self._requests,
            sum(len(pair.calls) for pair in observations.pairs.values()),
            observations.billed_calls(),
        )

    def _store_backlog(self) -> None:
        """Store the pairs that wait already, and their markers."""
        pair_ids, seconds = self.workload.backlog.pair_ids, self.workload.backlog.seconds
        for pair_id in pair_ids:
            self.checker.observations.add_pair(pair_id)
            for name, text in (("live.bin", f"pass {pair_id}"), ("reference.jpg", pair_id)):
                self.bucket.write(f"{_INPUTS}{pair_id}/{name}", text.encode(), {}, "customer")
        rng, now = SimChance(self.kernel), self.kernel.now
        for key, body in markers(self.environ, rng, pair_ids, now, now + seconds):
            self.bucket.write(key, body, {}, "an event before")

    def _schedule(self, number: int, action: Action) -> None:
        self.changes_to_come.append(_INPUTS + action.key)
        self.kernel.call(lambda: self._act(number, action), action.at, "customer")

    def _act(self, number: int, action: Action) -> None:
        self.changes_to_come.remove(_INPUTS + action.key)
        if action.kind == INVOKE:
            assert action.event is not None
            pairs = tuple(action.event.get("pairs", ())) + tuple(action.event.get("retry", ()))
            self.platform.deliver(f"direct-{number}", action.event, pairs)
            return
        key, pair_id = _INPUTS + action.key, _pair_of(action)
        self.checker.before_input_change(pair_id, silently=action.kind == REMOVE)
        if action.kind == REMOVE:
            self.step("customer", "remove", key)
            self.bucket.remove(key)
            return
        self.step("customer", "upload", key, action.body.decode())
        etag = f"{md5(action.body)}-1" if action.multipart else None
        self.bucket.write(key, action.body, {}, "customer", etag)
        if key.endswith("/live.bin"):
            owners = self.checker.observations.package_owners
            owners.setdefault(action.body, set()).add(pair_id)
        self._announce(f"event-{number}", pair_id, key)

    def _announce(self, label: str, pair_id: str, key: str) -> None:
        """Notify the platform of an upload: once, twice, late, or never."""
        workload, draw = self.workload, self.choices.draw
        if draw(label + " dropped") < workload.dropped or pair_id in CROWD:
            self._dropped += 1
            self.step("platform", "drops the event", key)
            return
        copies = 2 if draw(label + " twice") < workload.twice else 1
        for copy in range(copies):
            name = f"{label}{'*' * copy}"
            late = 0.05 * draw(name + " way")
            if draw(name + " late") < workload.late:
                late += _LATE_SECONDS[int(draw(name + " how late") * len(_LATE_SECONDS))]
            self.hold(late)
            deliver = partial(self.platform.deliver, name, _message(key), (pair_id,))
            if late:
                self.kernel.call(deliver, late)
            else:
                deliver()

    def _settle(self) -> None:
        """Run until nothing is left to do."""
        ends = self.kernel.now + _MAX_SECONDS
        last = max((action.at for action in self.workload.actions), default=0.0) + self._began
        while (
            self.platform.under_way
            or self.markers()
            or self.kernel.now <= max(self._busy_until, last)
        ):
            self.kernel.run(until=self.kernel.now + _STEP_SECONDS)
            if self.kernel.now > ends:
                left = self.markers() or f"{self.platform.under_way} events under way"
                raise Violation("I1", f"no rest after {_MAX_SECONDS / 3600:g} h: {left}")
        if self._unexplained:
            raise Violation("errors", self._unexplained[0])

    def _reconcile(self) -> None:
        self.checker.observations.heads_lag = False
        self.platform.deliver("reconcile", {"reconcile": {}}, ())
        self._settle()

    def _month_later(self) -> None:
        """Remove results and ledger, as their consumer and the lifecycle rules do in a month."""
        self.platform.timer_off = True
        self.kernel.run(until=self.kernel.now + _MONTH_SECONDS)
        self.platform.timer_off = False
        self.platform.minute_timer()
        observations = self.checker.observations
        billed = observations.billed_calls()
        for prefix in ("ledger/claims/", "frames/", "results/"):
            for key in self.bucket.keys(f"liveness/{prefix}"):
                self.bucket.remove(key)
        self.platform.deliver("reconcile-late", {"reconcile": {}}, ())
        self._settle()
        if observations.billed_calls() != billed:
            raise Violation("I2", "a pair whose ledger has expired is billed again")


def run(workload: Workload) -> RunResult:
    """Run a workload under its seed."""
    return Simulation(workload, SeededChoices(workload.seed, workload.profile)).run()


def _pair_of(action: Action) -> str:
    """Return the pair id in the action's key; empty where it has none."""
    return action.key.rpartition("/")[0]


def _is_moment(moment: str, request: Request, pair_id: str) -> bool:
    """Tell whether this request marks that moment of the pair's walk."""
    verb, key = request.verb, request.key
    if moment == "detect":
        return verb == "detect" and key == pair_id
    if moment in ("head result", "put result"):
        return moment.startswith(verb) and key == f"liveness/results/{pair_id}/result.json"
    if moment == "frame":
        return verb == "put" and key.startswith(f"liveness/frames/{pair_id}/best-frame-")
    is_of_pair = f"/claims/{pair_hash(pair_id)}/" in key
    name = key.rpartition("/")[2]
    return verb == "create" and is_of_pair and (name == "response" or name.endswith(moment))


def _message(key: str) -> dict[str, Any]:
    """Return the event of a COS trigger; `url` is percent-encoded, `key` is not."""
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
