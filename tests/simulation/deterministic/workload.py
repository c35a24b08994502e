"""What customers, the platform and operators do in one run, and which faults it has.

One seed determines all of it. A workload is a value, so that a failing one can be reduced.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import faults
from .choices import Profile
from .conditions import OF_A_PAIR, OF_THE_API, OF_THE_STORE, SHARED, UNREADABLE, Condition
from .service import VERDICTS

PAIRS = ("anna", "ben", "cleo")
CROWD = tuple(f"crowd-{number}" for number in range(12))
# Kinds of actions.
UPLOAD, REMOVE, INVOKE = "upload", "remove", "invoke"


class Action(NamedTuple):
    """One action of a customer or an operator; `at` is in seconds since the run began."""

    at: float
    kind: str
    key: str = ""  # of an input, without the prefix
    body: bytes = b""
    multipart: bool = False
    event: Mapping[str, Any] | None = None
    after: str = ""
    """The moment of the pair's walk from which `at` is counted instead: one of MOMENTS."""


class Backlog(NamedTuple):
    """Pairs that wait when the run begins: each has a marker, due evenly within these seconds."""

    pairs: int
    seconds: float

    @property
    def pair_ids(self) -> tuple[str, ...]:
        return tuple(f"waiting-{number}" for number in range(self.pairs))


class Workload(NamedTuple):
    """One run, before anything is left to chance."""

    seed: int
    actions: tuple[Action, ...]
    profile: Profile
    settings: Mapping[str, str]
    timeout: float  # of the function, seconds
    quota: int = 1000  # concurrent instances
    twice: float = 0.0  # the share of events that are delivered twice
    dropped: float = 0.0
    late: float = 0.0  # the share of events that are delayed, up to hours
    skew: float = 0.0  # the largest error of an instance's clock, seconds
    poisoned: str = ""  # a pair whose calls kill their instance
    hourly: bool = False  # whether reconcile runs meanwhile, too
    month_later: bool = False  # whether results are removed and the ledger expires in the end
    conditions: tuple[Condition, ...] = ()
    later_threshold: tuple[float, str] | None = None  # when an operator sets it, and to what
    stdout: str = ""  # what is wrong with it: one of STDOUT_FAILURES
    backlog: Backlog = Backlog(0, 0.0)
    call_seconds: float = 1.5  # how long a call that meets no fault takes at most
    left_out: frozenset[int] = frozenset()  # the numbers of actions that do not happen after all


# How likely a kind of fault is in a run that has it. Calls are few; and for two creates to be
# accepted, two requests must be under way at once, which is rare.
_SHARES = (0.004, 0.02, 0.08)
_SHARES_OF_RARE = (0.05, 0.25, 0.7)
# Moments of a walk at which customers act, so that the walk notices.
MOMENTS = ("head result", "claim", "detect", "response", "frame", "put result")
_SETTING_CHOICES: Mapping[str, tuple[str, ...]] = {
    "LIVENESS_MAX_ATTEMPTS": ("3", "3", "2", "1"),
    "LIVENESS_RATE_LIMIT": ("5", "5", "1", "2"),
    "LIVENESS_TRANSFER": ("presign", "presign", "presign", "upload"),
}
# The shares of runs in which something lasts, and whose settings are extreme.
_LASTING_SHARE = 0.3
_EXTREME_SHARE = 0.15
# The share of runs in which pairs have the same package.
_SHARED_PACKAGE_SHARE = 0.4
_EXTREME_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "LIVENESS_MAX_ATTEMPTS": ("1", "2", "3", "4", "5"),
    "LIVENESS_RATE_LIMIT": ("0.2", "0.5", "1.5", "10", "50"),
}
# The share of runs that begin with a backlog; the last rate is shared by two drainers.
_BACKLOG_SHARE = 0.08
_BACKLOG_RATES = ("0.2", "0.5", "1", "1", "2", "2", "5", "30")
_DURATIONS_SECONDS = (10.0, 60.0, 300.0, 900.0, 3600.0)
STDOUT_FAILURES = ("", "", "full", "closed", "missing")


def generate_workload(seed: int) -> Workload:
    """Return the workload of this seed."""
    rng = random.Random(seed)
    pairs = PAIRS[: rng.choice((1, 1, 1, 2, 3))]
    actions = [action for pair in pairs for action in _customer_actions(rng, pair)]
    actions += [_operator_action(rng, pairs) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    kinds, rare = _fault_kinds(rng), (*faults.AT_FACE, faults.RACE, faults.GONE, faults.BROKEN)
    if rng.random() < 0.03:
        pairs += CROWD
        actions += _crowd_actions(rng)
    faults_until = rng.choice((20.0, 90.0, 400.0))
    poisoned = rng.random() < 0.02
    workload = Workload(
        seed,
        tuple(sorted(actions, key=lambda action: action.at)),
        Profile(
            {kind: rng.choice(_SHARES_OF_RARE if kind in rare else _SHARES) for kind in kinds},
            slow=rng.choice((0.0, 0.0, 0.05, 0.3)),
            until=faults_until,
        ),
        {name: rng.choice(choices) for name, choices in _SETTING_CHOICES.items()},
        timeout=rng.choice((900.0, 900.0, 120.0)),
        quota=rng.choice((1000, 1000, 1000, 1, 2)),
        twice=rng.choice((0.0, 0.2, 0.6)),
        dropped=rng.choice((0.0, 0.0, 0.0, 0.3)),
        late=rng.choice((0.0, 0.2, 0.5)),
        skew=rng.choice((0.0, 240.0)),
        poisoned=rng.choice(pairs) if poisoned else "",
        hourly=rng.random() < 0.1,
        month_later=rng.random() < 0.05,
    )
    workload = _lasting(random.Random(f"what lasts {seed}"), workload, pairs)
    workload = _trying(random.Random(f"who tries {seed}"), workload)
    return _waiting(random.Random(f"who waits {seed}"), workload)


def _lasting(rng: random.Random, workload: Workload, pairs: tuple[str, ...]) -> Workload:
    """Add conditions that last and extreme settings to some workloads."""
    workload = workload._replace(stdout=rng.choice(STDOUT_FAILURES))
    if rng.random() < 0.1:
        threshold = (rng.choice((1.0, 30.0, 120.0)), rng.choice(("10", "97")))
        workload = workload._replace(later_threshold=threshold)
    if rng.random() < _EXTREME_SHARE:
        settings = {name: rng.choice(values) for name, values in _EXTREME_SETTINGS.items()}
        timeout = rng.choice((60.0, 75.0, 300.0, 900.0))
        workload = workload._replace(
            settings={**workload.settings, **settings}, timeout=timeout, twice=0.2
        )
    if rng.random() < _LASTING_SHARE:
        conditions = [_condition(rng, pairs) for _ in range(rng.choice((1, 1, 2)))]
        of_kind = {condition.kind: condition for condition in conditions}
        workload = workload._replace(conditions=tuple(of_kind.values()))
    return workload


def _trying(rng: random.Random, workload: Workload) -> Workload:
    """Let some people share a package, or submit more often than they may."""
    settings = {**workload.settings}
    if rng.random() < 0.3:
        settings["LIVENESS_MAX_SUBMISSIONS"] = rng.choice(("1", "2"))
    if rng.random() < _SHARED_PACKAGE_SHARE:
        settings["LIVENESS_REUSED_PACKAGE"] = rng.choice(("reject", "reject", "report"))
        packages = [action for action in workload.actions if action.key.endswith("/live.bin")]
        bodies = [action.body for action in packages if action.body]
        if bodies:
            body = rng.choice(bodies)
            shared = {id(action) for action in packages if rng.random() < 0.8 and action.body}
            actions = tuple(
                action._replace(body=body) if id(action) in shared else action
                for action in workload.actions
            )
            workload = workload._replace(actions=actions)
    return workload._replace(settings=settings)


def _waiting(rng: random.Random, workload: Workload) -> Workload:
    """Let some runs begin with a backlog, which drains hand over to each other."""
    if rng.random() >= _BACKLOG_SHARE:
        return workload
    rate = rng.choice(_BACKLOG_RATES)
    window = max(1.0, 1 / float(rate))
    seconds = window * rng.choice((4, 20) if float(rate) <= 1 else (3, 6))
    pairs = max(2, int(float(rate) * seconds * rng.choice((0.2, 0.5, 1.2))))
    actions = list(workload.actions)
    for _ in range(rng.choice((4, 15, 60))):
        at = rng.uniform(0.0, seconds + window)
        actions.append(Action(at, INVOKE, event={"drain": {}}))
    conditions = workload.conditions
    if rng.random() < 0.4:
        conditions = (*conditions, Condition(SHARED, 0.0, 2 * seconds, share=0.3))
    return workload._replace(
        actions=tuple(sorted(actions, key=lambda action: action.at)),
        settings={**workload.settings, "LIVENESS_RATE_LIMIT": rate},
        timeout=rng.choice((60.0, 75.0, 120.0, 900.0)),
        skew=rng.choice((0.0, 0.0, 2.5, 240.0)),
        conditions=conditions,
        backlog=Backlog(pairs, seconds),
        call_seconds=rng.choice((1.5, 0.1)),
    )


def _condition(rng: random.Random, pairs: tuple[str, ...]) -> Condition:
    kind = rng.choice((*OF_THE_API, *OF_A_PAIR, *OF_THE_STORE))
    begins = rng.choice((0.0, 0.0, 1.0, 20.0, 70.0))
    seconds = rng.choice(_DURATIONS_SECONDS) * (0.5 + 0.5 * rng.random())
    if kind in OF_A_PAIR:
        if kind != UNREADABLE and rng.random() < 0.5:
            seconds = 10 * 3600.0  # longer than any run
        return Condition(kind, begins, begins + seconds, rng.choice(pairs))
    share = rng.choice((0.3, 1.0, 1.0)) if kind != SHARED else 0.7
    return Condition(kind, begins, begins + seconds, share=share)


def _fault_kinds(rng: random.Random) -> list[str]:
    """Choose a few kinds per run: over many runs each meets all others, and none hides them."""
    every = [
        *faults.CRASHES,
        *faults.PAUSES,
        *faults.AT_STORE,
        faults.STALE_LIST,
        faults.RACE,
        *faults.AT_FACE,
        faults.GONE,
        faults.BROKEN,
    ]
    chosen = rng.sample(every, rng.choice((0, 1, 2, 2, 3, 3, 4, 6)))
    if rng.random() < 0.06:
        chosen.append(faults.STALE_HEAD)
    return chosen


def _customer_actions(rng: random.Random, pair: str) -> list[Action]:
    """Upload both inputs, and in some runs change or remove them."""
    begin = rng.choice((0.0, 0.0, 2.0, 30.0, 58.0))
    verdicts = [b"pass", b"pass", b"pass", *VERDICTS]

    def moment() -> float:
        return begin + rng.choice((0.0, 0.01, 0.3, 1.5, 4.0, 12.0, 50.0)) * (0.5 + rng.random())

    def live(number: int) -> Action:
        body = rng.choice(verdicts) + f" {pair} {number}".encode()
        return Action(moment(), UPLOAD, f"{pair}/live.bin", body, rng.random() < 0.2)

    def image(number: int, ending: str = "jpg") -> Action:
        return Action(moment(), UPLOAD, f"{pair}/reference.{ending}", f"{pair} {number}".encode())

    first = [live(1), image(1)]
    actions = list(first)
    for number in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
        change = rng.randrange(7)
        if change < 2:
            actions.append(live(number + 2))
        elif change == 2:
            actions.append(image(number + 2))
        elif change == 3:  # the same bytes again
            actions.append(rng.choice(first)._replace(at=moment()))
        elif change == 4:  # removed, and in some runs uploaded again
            removed = rng.choice(first)
            at = moment()
            actions.append(Action(at, REMOVE, removed.key))
            if rng.random() < 0.7:
                actions.append(removed._replace(at=at + rng.choice((0.0, 0.2, 3.0, 20.0))))
        elif change == 5:  # a second image, in some runs removed again
            second = image(number + 2, "png")
            actions.append(second)
            if rng.random() < 0.7:
                actions.append(Action(second.at + rng.choice((0.1, 5.0)), REMOVE, second.key))
                # Removing an object sends no event: the customer invokes the function.
                event = {"pairs": [pair]}
                actions.append(Action(second.at + 6.0, INVOKE, event=event))
        else:  # an empty object
            actions.append(rng.choice(first)._replace(at=moment(), body=b""))
    if rng.random() < 0.3:  # a change at the worst moment of a walk
        after = rng.choice(MOMENTS)
        delay = rng.choice((0.0, 0.001, 0.01, 0.02, 0.1, 0.5))
        worst = rng.choice((live(9), live(9), image(9), *first))
        if rng.random() < 0.15:
            worst = Action(0.0, REMOVE, worst.key)
        actions.append(worst._replace(at=delay, after=after))
    if rng.random() < 0.2:  # and a concurrent invocation for the same pair
        delay = rng.choice((0.0, 0.001, 0.005))
        event = {"pairs": [pair]}
        actions.append(Action(delay, INVOKE, f"{pair}/", event=event, after=rng.choice(MOMENTS)))
    return actions


def _crowd_actions(rng: random.Random) -> list[Action]:
    """Upload many pairs whose events are lost; reconcile finds all of them at once."""
    actions = [
        Action(0.0, UPLOAD, f"{pair}/{name}", b"pass " + pair.encode())
        for pair in CROWD
        for name in ("live.bin", "reference.jpg")
    ]
    return [*actions, Action(rng.uniform(1, 60), INVOKE, event={"reconcile": {}})]


def _operator_action(rng: random.Random, pairs: tuple[str, ...]) -> Action:
    event: Mapping[str, Any] = rng.choice(
        (
            {"pairs": list(pairs)},
            {"retry": [rng.choice(pairs)]},
            {"drain": {}},
            {"drain": {}},
            {"reconcile": {}},
        )
    )
    return Action(rng.uniform(0, 150), INVOKE, event=event)
