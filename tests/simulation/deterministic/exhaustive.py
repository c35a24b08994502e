"""Exhaustive search: every schedule of one pair, two events and one re-upload, within bounds.

The bounds are the number of preemptions and the number of faults, which may be at any requests. The
uploads happen in this order, each at any moment.

The search goes over the choices of a run, beginning with those in which the least goes wrong. Of
equivalent runs it makes one:

- Two runs that have reached the same state continue alike: the one with less left of its bounds is
  pruned.
- A request that no other invocation's request can affect commutes with theirs: a preemption there
  equals one at the next request that can be affected.
- A crash before a request equals one after the request before it, and a crash after a read equals
  one before it: other invocations see effects only.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple, TypeAlias

from .choice_kernel import ChoiceInstance, ChoiceKernel
from .choices import Profile
from .faults import (
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
    Fault,
    Request,
    possible,
)
from .history import Step, Violation
from .run import Simulation
from .visited import Bounds, VisitedStates
from .workload import UPLOAD, Action, Workload

# Faults and preemptions happen until then, which includes retries and drains of the first minutes.
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
# The effect of an older HEAD depends on time, which the seeds vary.
_EXCLUDED = (STALE_HEAD,)
_READS = ("head", "get", "list", "digest", "fetch")
# Faults that are injected without preemptions only, where they prove to equal another fault or
# none: a request that is retried at once, one without credentials, which ends the invocation as a
# crash does, and a frame that is not a JPEG.
_SERIAL = (FAIL, DENIED, BROKEN)
_INPUTS = "liveness/incoming/"
# The number of runs that a process makes before it reports.
_SHARE = 50
_NO_REQUEST = Request("", "", "")

WORKLOAD = Workload(
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


# What `make campaigns` runs, and what the command runs. Without preemptions, invocations run one
# after another. The second item: whether concurrent requests of an instance arrive in reverse.
QUICK = tuple((bounds, back) for bounds in (Bounds(2, 0), Bounds(0, 1)) for back in (False, True))
ALL = (
    (Bounds(3, 1), False),
    (Bounds(2, 1), True),
    (Bounds(0, 2), False),
    (Bounds(0, 2), True),
)


class Counts(NamedTuple):
    """The size of a search."""

    runs: int
    pruned: int
    states: int  # that were visited
    requests: int  # at which a fault was injected


class Failure(NamedTuple):
    """A schedule that violates an invariant."""

    violation: str
    steps: list[Step]


class _Pruned(Violation):
    """Another run has visited this state; it is a Violation only to end this run."""

    def __init__(self) -> None:
        super().__init__("pruned", "")


class _Path:
    """The choices of one run: those of `prefix`, and then always the first option."""

    def __init__(self, prefix: bytes, bounds: Bounds, visited: VisitedStates) -> None:
        self._prefix = prefix
        self._bounds = self._left = bounds
        self._visited = visited
        self.choices = bytearray()
        # For each choice: the number of options, and whether any but the first uses up the bounds.
        self.options: list[tuple[int, bool]] = []
        self.simulation: Simulation | None = None
        self.new_states = 0
        self._preempted: set[str] = set()  # requests
        self._started: set[str] = set()  # invocations
        self.injected: dict[str, Fault] = {}
        self.exposed: set[str] = set()  # requests that might have met a fault

    # Choices

    def draw(self, name: str) -> float:
        if name.endswith(" warm"):
            return 0.99  # each invocation gets a new instance
        if " chance " in name or name.endswith(" way"):
            return 0.0  # retries and events without delay: delays are left to the seeds
        return 0.5

    def fault(self, request: Request) -> Fault:
        kinds = [OK]
        if self._left.faults and not self._is_over():
            kinds += self._faults(request)
            self.exposed.add(request.name)
            if request.name in self._preempted or not self._can_interfere(request):
                self._visit("continue", request)
        kind = kinds[self._choose(len(kinds), uses_bounds=True)]
        if kind == OK:
            return Fault(OK, 0.0, 0.0)
        preemptions = 0 if kind in _SERIAL else self._left.preemptions
        self._left = Bounds(preemptions, self._left.faults - 1)
        fault = self.injected[request.name] = Fault(kind, 0.0, 0.0, _LONG_SECONDS.get(kind, 0.0))
        return fault

    def _faults(self, request: Request) -> list[str]:
        left_out = set(_EXCLUDED)
        invocation = request.name.partition(" ")[0]
        if invocation in self._started:
            left_out.add(CRASH_BEFORE)
        self._started.add(invocation)
        if request.verb in _READS:
            left_out.add(CRASH_AFTER)
        if not self._can_interfere(request):
            left_out.update(PAUSES)
        if request.key.startswith(_INPUTS):
            left_out.add(PAUSE_AFTER)
        if request.name not in self._preempted:
            left_out.add(RACE)
        if self._left.preemptions < self._bounds.preemptions:
            left_out.update(_SERIAL)
            if request.verb != "create":
                left_out.add(LOST)
        return [kind for kind in possible(request.verb) if kind not in left_out]

    # Scheduler

    def next(self, ready: int) -> int:
        if ready > 1:
            self._visit("next", _NO_REQUEST)
        return self._choose(ready, uses_bounds=False)

    def preempt(self, request: Request, ready: int) -> int:
        if not self._can_interfere(request):
            return 0
        self._visit("preempt", request)
        if not self._left.preemptions:
            return 0
        chosen = self._choose(ready + 1, uses_bounds=True)
        if chosen:
            self._left = self._left._replace(preemptions=self._left.preemptions - 1)
            self._preempted.add(request.name)
        return chosen

    def _can_interfere(self, request: Request) -> bool:
        """Tell whether this request and those of other invocations may affect each other."""
        assert self.simulation is not None
        _, verb, key = request
        if verb == "fetch":
            return False
        if verb == "detect":
            # Only an upload: other invocations see the answer once it is recorded.
            return bool(self.simulation.changes_to_come)
        if key.startswith(_INPUTS):
            # Of the inputs that no customer is about to change, the first of each inspection.
            return key in self.simulation.changes_to_come or key.endswith("/live.bin")
        if verb == "head" and "/drain/" in key:
            return any(each.drains for each in self.simulation.platform.at_work())
        return True

    def _is_over(self) -> bool:
        return self.simulation is not None and self.simulation.elapsed() > _SECONDS

    def _choose(self, options: int, uses_bounds: bool) -> int:
        if options == 1 or self._is_over():
            return 0
        number = len(self.choices)
        chosen = self._prefix[number] if number < len(self._prefix) else 0
        self.choices.append(chosen)
        self.options.append((options, uses_bounds))
        return chosen

    def _visit(self, where: str, request: Request) -> None:
        """End this run where another with at least as much left has reached the same state."""
        if len(self.choices) < len(self._prefix) or self._is_over():
            return
        assert self.simulation is not None
        name = request.name.rpartition(" ")[0]
        is_new = self._visited.add(hash((where, name, self.simulation.state())), self._left)
        if is_new is None:
            raise _Pruned
        self.new_states += is_new


class _Results(NamedTuple):
    """The results of some runs."""

    counts: Counts
    exposed: set[str]
    failures: list[Failure]
    next: list[bytes]  # prefixes of runs with one more preemption or fault


_RunAll: TypeAlias = Callable[[list[list[bytes]]], Iterable[_Results]]


def search(
    bounds: Bounds, processes: int = 1, backwards: bool = False
) -> Iterator[Counts | Failure]:
    """Make all runs within the bounds; yield failures as they occur, and the growing counts.

    Concurrent requests of an instance arrive in the order of the code, or backwards.
    """
    counts, exposed, prefixes = Counts(0, 0, 0, 0), set[str](), [b""]
    with _runner(processes, bounds, backwards) as run_all:
        # Those first in which the least has gone wrong: they have most left of the bounds.
        for _ in range(sum(bounds) + 1):
            shares = [prefixes[at : at + _SHARE] for at in range(0, len(prefixes), _SHARE)]
            prefixes = []
            for results in run_all(shares):
                yield from results.failures
                prefixes += results.next
                exposed |= results.exposed
                counts = Counts(*map(sum, zip(counts, results.counts, strict=True)))
                counts = counts._replace(requests=len(exposed))
                yield counts


@contextmanager
def _runner(processes: int, bounds: Bounds, backwards: bool) -> Iterator[_RunAll]:
    visited = VisitedStates(bounds)
    if processes == 1:
        yield lambda shares: map(partial(_run_share, bounds, backwards, visited), shares)
        return
    # All processes are forks of this one: they share the memory, and their hashes agree.
    context = multiprocessing.get_context("fork")
    with context.Pool(processes, _begin, (bounds, backwards, visited)) as pool:
        yield lambda shares: pool.imap_unordered(_run_share_here, shares)


# In a process of the pool: the search that it takes part in.
_search: list[tuple[Bounds, bool, VisitedStates]] = []


def _begin(bounds: Bounds, backwards: bool, visited: VisitedStates) -> None:
    _search.append((bounds, backwards, visited))


def _run_share_here(prefixes: list[bytes]) -> _Results:
    return _run_share(*_search[0], prefixes)


def _run_share(
    bounds: Bounds, backwards: bool, visited: VisitedStates, prefixes: list[bytes]
) -> _Results:
    """Make these runs, and those that differ from them without using up more of the bounds."""
    waiting, after = list(prefixes), list[bytes]()
    runs = pruned = new_states = 0
    exposed, failures = set[str](), list[Failure]()
    while waiting:
        prefix = waiting.pop()
        path = _Path(prefix, bounds, visited)
        violation, steps = _run(path, backwards)
        runs += 1
        new_states += path.new_states
        exposed |= path.exposed
        if isinstance(violation, _Pruned):
            pruned += 1
        elif violation is not None:
            failures.append(Failure(str(violation), steps))
        for number in range(len(prefix), len(path.choices)):
            options, uses_bounds = path.options[number]
            before = bytes(path.choices[:number])
            others = [before + bytes((option,)) for option in range(1, options)]
            (after if uses_bounds else waiting).extend(others)
    return _Results(Counts(runs, pruned, new_states, 0), exposed, failures, after)


def _run(path: _Path, backwards: bool) -> tuple[Violation | None, list[Step]]:
    simulation = Simulation(WORKLOAD, path, ChoiceKernel(path, backwards), ChoiceInstance)
    path.simulation = simulation
    result = simulation.run()
    return result.violation, result.steps
