"""One pair, two events and one re-upload: every schedule of up to so many preemptions, with up to
so many faults, at every request. Uploads come in this order, each at any moment.

A search over the choices of a run, those first in which less goes wrong. What comes to the same is
tried once:

- Two runs that have come to the same state go on alike; the one that may meet less is cut short.
- A request that nobody else's can disturb commutes with theirs: to be preempted there is to be
  preempted at the next one that somebody can.
- Who dies before a request might have died after the one before it, and after a read might have
  died before it: what others see are effects.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from .decisions import Profile
from .fate import (
    BROKEN,
    CRASH_AFTER,
    CRASH_BEFORE,
    DENIED,
    FAIL,
    LATE,
    LOST,
    OK,
    PAUSE_AFTER,
    PAUSE_BEFORE,
    PAUSES,
    RACE,
    SLOW,
    STALE_HEAD,
    STALE_LIST,
    Fate,
    Request,
    possible,
)
from .history import Step, Violation
from .plan import UPLOAD, Action, Plan
from .seen import Bounds, Seen
from .stepped import SteppedInstance, SteppedKernel
from .world import World

# Faults and preemptions happen up to then: retries and drains of the first minutes are among them.
_SECONDS = 130.0
_LONG_SECONDS = {
    # Beyond the lease, the call's deadline and the first retry.
    PAUSE_BEFORE: 85.0,
    PAUSE_AFTER: 85.0,
    LATE: 45.0,
    SLOW: 45.0,
    # From before the first event.
    STALE_LIST: 90.0,
}
# What an older HEAD does is a matter of time, which the seeds vary.
_NOT_HERE = (STALE_HEAD,)
_READS = ("head", "get", "list", "md5", "fetch")
# What comes to the same as another fault or none, as serial orders show: a request that is tried
# again at once, one without credentials, which ends as by a crash, and a frame that is no frame.
_SERIAL = (FAIL, DENIED, BROKEN)
_INPUTS = "liveness/incoming/"
# Runs that a process takes at a time.
_SHARE = 50
_NONE = Request("", "", "")

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


# What `make test` runs, and what the command does. With no preemption orders are serial.
# Beside each, whether what an instance sends at once arrives backwards.
QUICK = tuple((bounds, back) for bounds in (Bounds(2, 0), Bounds(0, 1)) for back in (False, True))
ALL = (
    (Bounds(3, 1), False),
    (Bounds(2, 1), True),
    (Bounds(0, 2), False),
    (Bounds(0, 2), True),
)


class Counts(NamedTuple):
    """What a search has seen."""

    runs: int
    pruned: int
    states: int  # that were met
    requests: int  # at which an instance was killed, stood still, or was failed


class Failure(NamedTuple):
    """A schedule that breaks an invariant."""

    violation: str
    steps: list[Step]


class _Pruned(Violation):
    """Another run has been here."""

    def __init__(self) -> None:
        super().__init__("pruned", "")


class _Path:
    """The choices of one run: those of `prefix`, and then the first of everything."""

    def __init__(self, prefix: bytes, bounds: Bounds, seen: Seen) -> None:
        self._prefix = prefix
        self._bounds = self._left = bounds
        self._seen = seen
        self.choices = bytearray()
        # Beside each choice: how many options there were, and whether another costs.
        self.options: list[tuple[int, bool]] = []
        self.world: World | None = None
        self.points = 0
        self._waited: set[str] = set()  # requests that somebody went before
        self._begun: set[str] = set()
        self.taken: dict[str, Fate] = {}
        self.met: set[str] = set()  # requests that might have met a fault

    # Decisions

    def draw(self, name: str) -> float:
        if name.endswith(" warm"):
            return 0.99  # each invocation in a new instance
        if " chance " in name or name.endswith(" way"):
            return 0.0  # retries and events at once: how long they take is a matter of time
        return 0.5

    def fate(self, request: Request) -> Fate:
        kinds = [OK]
        if self._left.faults and not self._over():
            kinds += self._faults(request)
            self.met.add(request.name)
            if request.name in self._waited or not self._matters(request):
                self._meet("it goes on", request)
        kind = kinds[self._choose(len(kinds), costs=True)]
        if kind == OK:
            return Fate(OK, 0.0, 0.0)
        preemptions = 0 if kind in _SERIAL else self._left.preemptions
        self._left = Bounds(preemptions, self._left.faults - 1)
        fate = self.taken[request.name] = Fate(kind, 0.0, 0.0, _LONG_SECONDS.get(kind, 0.0))
        return fate

    def _faults(self, request: Request) -> list[str]:
        left_out = set(_NOT_HERE)
        who = request.name.partition(" ")[0]
        if who in self._begun:
            left_out.add(CRASH_BEFORE)
        self._begun.add(who)
        if request.verb in _READS:
            left_out.add(CRASH_AFTER)
        if not self._matters(request):
            left_out.update(PAUSES)
        if request.key.startswith(_INPUTS):
            left_out.add(PAUSE_AFTER)
        if request.name not in self._waited:
            left_out.add(RACE)
        if self._left.preemptions < self._bounds.preemptions:
            left_out.update(_SERIAL)
            if request.verb != "create":
                left_out.add(LOST)
        return [kind for kind in possible(request.verb) if kind not in left_out]

    # Chooser

    def next(self, ready: int) -> int:
        if ready > 1:
            self._meet("next", _NONE)
        return self._choose(ready, costs=False)

    def preempt(self, request: Request, ready: int) -> int:
        if not self._matters(request):
            return 0
        self._meet("it comes", request)
        if not self._left.preemptions:
            return 0
        chosen = self._choose(ready + 1, costs=True)
        if chosen:
            self._left = self._left._replace(preemptions=self._left.preemptions - 1)
            self._waited.add(request.name)
        return chosen

    def _matters(self, request: Request) -> bool:
        """Whether others can make a difference to the request, or it to them."""
        assert self.world is not None
        _, verb, key = request
        if verb == "fetch":
            return False
        if verb == "detect":
            return bool(self.world.to_come)  # what it says nobody sees before the record
        if key.startswith(_INPUTS):
            # The first one of each look stands for all that nobody is about to change.
            return key in self.world.to_come or key.endswith("/live.bin")
        if verb == "head" and "/drain/" in key:
            return any(who.drains for who in self.world.platform.at_work())
        return True

    def _over(self) -> bool:
        return self.world is not None and self.world.elapsed() > _SECONDS

    def _choose(self, options: int, costs: bool) -> int:
        if options == 1 or self._over():
            return 0
        number = len(self.choices)
        chosen = self._prefix[number] if number < len(self._prefix) else 0
        self.choices.append(chosen)
        self.options.append((options, costs))
        return chosen

    def _meet(self, what: str, request: Request) -> None:
        """Go no further where another run has been that may have met as much."""
        if len(self.choices) < len(self._prefix) or self._over():
            return
        assert self.world is not None
        name = request.name.rpartition(" ")[0]
        fresh = self._seen.add(hash((what, name, self.world.state())), self._left)
        if fresh is None:
            raise _Pruned
        self.points += fresh


class _Tried(NamedTuple):
    """What came of some runs."""

    counts: Counts
    met: set[str]
    failures: list[Failure]
    next: list[bytes]  # prefixes of runs in which one thing more goes wrong


def search(
    bounds: Bounds, processes: int = 1, backwards: bool = False
) -> Iterator[Counts | Failure]:
    """All runs within the bounds; failures as they come, and counts that grow up to the end.

    What an instance sends at once arrives in the order of the code, or backwards.
    """
    counts, met, prefixes = Counts(0, 0, 0, 0), set[str](), [b""]
    with _try_by(processes, bounds, backwards) as try_all:
        # Those first in which least has gone wrong: most may go wrong in them yet.
        for _ in range(sum(bounds) + 1):
            shares = [prefixes[at : at + _SHARE] for at in range(0, len(prefixes), _SHARE)]
            prefixes = []
            for tried in try_all(shares):
                yield from tried.failures
                prefixes += tried.next
                met |= tried.met
                counts = Counts(*map(sum, zip(counts, tried.counts, strict=True)))
                counts = counts._replace(requests=len(met))
                yield counts


@contextmanager
def _try_by(
    processes: int, bounds: Bounds, backwards: bool
) -> Iterator[Callable[..., Iterable[_Tried]]]:
    of_search = (bounds, backwards, Seen(bounds))
    if processes == 1:
        yield partial(map, partial(_try, *of_search))
        return
    # All are forks of this one: they share the memory, and hash alike.
    with multiprocessing.get_context("fork").Pool(processes, _begin, of_search) as pool:
        yield partial(pool.imap_unordered, _try_here)


_here: list[tuple[Bounds, bool, Seen]] = []


def _begin(*of_search: Any) -> None:
    _here.append(of_search)


def _try_here(prefixes: list[bytes]) -> _Tried:
    return _try(*_here[0], prefixes)


def _try(bounds: Bounds, backwards: bool, seen: Seen, prefixes: list[bytes]) -> _Tried:
    """Run these, and those that differ from them in nothing that counts against the bounds."""
    waiting, after = list(prefixes), list[bytes]()
    runs = pruned = points = 0
    met, failures = set[str](), list[Failure]()
    while waiting:
        prefix = waiting.pop()
        path = _Path(prefix, bounds, seen)
        violation, steps = _run(path, backwards)
        runs += 1
        points += path.points
        met |= path.met
        if isinstance(violation, _Pruned):
            pruned += 1
        elif violation is not None:
            failures.append(Failure(str(violation), steps))
        for number in range(len(prefix), len(path.choices)):
            options, costs = path.options[number]
            before = bytes(path.choices[:number])
            others = [before + bytes((option,)) for option in range(1, options)]
            (after if costs else waiting).extend(others)
    return _Tried(Counts(runs, pruned, points, 0), met, failures, after)


def _run(path: _Path, backwards: bool) -> tuple[Violation | None, list[Step]]:
    world = World(PLAN, path, SteppedKernel(path, backwards), SteppedInstance)
    path.world = world
    outcome = world.run()
    return outcome.violation, outcome.steps
