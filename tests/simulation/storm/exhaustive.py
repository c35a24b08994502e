"""One pair, two events and one re-upload: every schedule of up to three preemptions; every crash
point and every single fault, in every serial order. The command takes wider bounds, too.

A depth-first search over the choices of a run. Two runs that have come to the same state, with no
more left to go wrong, go on alike: the second is not gone on with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .decisions import Profile
from .fate import CRASHES, LATE, OK, PAUSES, SLOW, STALE_HEAD, Fate, Request, possible
from .history import Step, Violation
from .plan import UPLOAD, Action, Plan
from .stepped import SteppedInstance, SteppedKernel
from .world import World

# Faults and preemptions happen up to then: retries and drains of the first minutes are among them.
_SECONDS = 130.0
# Beyond the lease, the call's deadline and the first retry.
_LONG_SECONDS = 85.0
# What a pause, an older HEAD or a late effect does is a matter of time, which the seeds vary.
_NOT_HERE = (STALE_HEAD,)

PLAN = Plan(
    seed=0,
    actions=(
        Action(0.0, UPLOAD, "anna/live.bin", b"pass anna 1"),
        Action(0.0, UPLOAD, "anna/reference.jpg", b"anna 1"),
        Action(0.0, UPLOAD, "anna/live.bin", b"unlike anna 2"),
    ),
    profile=Profile({}, 0.0, _SECONDS),
    settings={},
    timeout=900.0,
)


class Bounds(NamedTuple):
    """How much goes wrong in one run."""

    preemptions: int
    faults: int


# What `make test` runs, and what the command does. With no preemption orders are serial.
QUICK = (Bounds(1, 0), Bounds(0, 1))
ALL = (Bounds(3, 0), Bounds(0, 1))


class Counts(NamedTuple):
    """What a search has seen."""

    runs: int
    pruned: int
    points: int  # of choice, each state once
    crash_points: int  # requests at which an instance was killed, before or after


class Failure(NamedTuple):
    """A schedule that breaks an invariant."""

    violation: Violation
    choices: tuple[int, ...]
    steps: list[Step]


class _Pruned(Violation):
    """Another run has been here."""

    def __init__(self) -> None:
        super().__init__("pruned", "")


class _Path:
    """The choices of one run: those of `prefix`, and then the first of everything."""

    def __init__(
        self, prefix: tuple[int, ...], bounds: Bounds, seen: dict[int, list[Bounds]]
    ) -> None:
        self._prefix = prefix
        self._left = bounds
        self._seen = seen
        self.options: list[int] = []
        self.choices: list[int] = []
        self.world: World | None = None
        self.points = 0
        self._at = ""  # the request that is made
        self.taken: dict[str, Fate] = {}

    # Decisions

    def draw(self, name: str) -> float:
        if " chance " in name:
            return 0.0  # retries at once: how long they wait is a matter of time
        return 0.99 if name.endswith(" warm") else 0.5  # each invocation in a new instance

    def fate(self, request: Request) -> Fate:
        kinds = [OK]
        if self._left.faults:
            kinds += [kind for kind in possible(request.verb) if kind not in _NOT_HERE]
        self._at = request.name
        kind = kinds[self._choose(len(kinds), f"fate of {request.name}")]
        if kind == OK:
            return Fate(OK, 0.0, 0.0)
        self._left = self._left._replace(faults=self._left.faults - 1)
        long = _LONG_SECONDS if kind in PAUSES else 45.0 if kind in (LATE, SLOW) else 0.0
        fate = self.taken[request.name] = Fate(kind, 0.0, 0.0, long)
        return fate

    # Chooser

    def next(self, ready: int) -> int:
        return self._choose(ready, "next")

    def preempt(self, ready: int) -> int:
        if not self._left.preemptions or self._over():
            return 0
        chosen = self._choose(ready + 1, f"instead of {self._at}")
        if chosen:
            self._left = self._left._replace(preemptions=self._left.preemptions - 1)
        return chosen

    def _over(self) -> bool:
        return self.world is not None and self.world.elapsed() > _SECONDS

    def _choose(self, options: int, what: str) -> int:
        if options == 1 or self._over():
            return 0
        number = len(self.choices)
        if number < len(self._prefix):
            chosen = self._prefix[number]
        else:
            chosen = 0
            self._prune(what)
        self.choices.append(chosen)
        self.options.append(options)
        return chosen

    def _prune(self, what: str) -> None:
        assert self.world is not None
        state = hash((what, self.world.state()))
        others = self._seen.setdefault(state, [])
        left = self._left
        if any(o.preemptions >= left.preemptions and o.faults >= left.faults for o in others):
            raise _Pruned
        others.append(left)
        self.points += 1


def search(bounds: Bounds, most: int | None = None) -> Iterator[Counts | Failure]:
    """All runs within the bounds, or so many of them; counts at the end, failures as they come."""
    seen: dict[int, list[Bounds]] = {}
    stack: list[tuple[int, ...]] = [()]
    runs = pruned = points = 0
    crashes: set[tuple[str, str]] = set()
    while stack and (most is None or runs < most):
        prefix = stack.pop()
        path = _Path(prefix, bounds, seen)
        violation, steps = _run(path)
        runs += 1
        points += path.points
        crashes.update((n, fate.kind) for n, fate in path.taken.items() if fate.kind in CRASHES)
        if isinstance(violation, _Pruned):
            pruned += 1
        elif violation is not None:
            yield Failure(violation, tuple(path.choices), steps)
        for number in range(len(prefix), len(path.choices)):
            before = tuple(path.choices[:number])
            stack += [(*before, option) for option in range(1, path.options[number])]
    yield Counts(runs, pruned, points, len(crashes))


def replay(choices: tuple[int, ...], bounds: Bounds) -> tuple[Violation | None, list[Step]]:
    """One run by its choices."""
    return _run(_Path(choices, bounds, {}))


def _run(path: _Path) -> tuple[Violation | None, list[Step]]:
    world = World(PLAN, path, SteppedKernel(path), SteppedInstance)
    path.world = world
    outcome = world.run()
    return outcome.violation, outcome.steps
