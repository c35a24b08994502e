"""Reduces a failing run: whatever it also fails without is left out.

Choices depend on the names of requests, so leaving one out leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from .choices import Profile, ScriptedChoices
from .faults import OK, Fault
from .run import RunResult, Simulation
from .workload import Backlog, Workload

T = TypeVar("T")


class Script(NamedTuple):
    """A run whose faults are named instead of drawn."""

    workload: Workload
    faults: tuple[tuple[str, Fault], ...]

    def run(self) -> RunResult:
        return Simulation(
            self.workload, ScriptedChoices(self.workload.seed, dict(self.faults))
        ).run()


def shrink(workload: Workload, result: RunResult) -> Script:
    """Return the shortest script found that violates the same invariant."""
    assert result.violation is not None
    invariant = result.violation.invariant

    def fails(script: Script) -> bool:
        violation = script.run().violation
        return violation is not None and violation.invariant == invariant

    script = Script(workload, tuple(result.injected.items()))
    if not fails(script):
        raise AssertionError("the script of all faults does not fail as the run did")
    # Latencies first: there are hundreds of them, and mostly none matters.
    faults = tuple(item for item in script.faults if item[1].kind != OK)
    if fails(script._replace(faults=faults)):
        script = script._replace(faults=faults)
    for _ in range(2):
        script = script._replace(faults=_fewer_faults(script, fails))
        script = script._replace(workload=_fewer_actions(script, fails))
        script = script._replace(workload=_calmer(script, fails))
    return script


def _fewer_faults(script: Script, fails: Callable[[Script], bool]) -> tuple[tuple[str, Fault], ...]:
    faults = _fewest(script.faults, lambda some: fails(script._replace(faults=tuple(some))))
    return tuple(faults)


def _fewer_actions(script: Script, fails: Callable[[Script], bool]) -> Workload:
    """Leave actions out; the others keep their numbers, which name their events."""
    every = range(len(script.workload.actions))

    def reduced_to(kept: Sequence[int]) -> Workload:
        return script.workload._replace(left_out=frozenset(every) - {*kept})

    kept = [number for number in every if number not in script.workload.left_out]
    return reduced_to(_fewest(kept, lambda k: fails(script._replace(workload=reduced_to(k)))))


def _calmer(script: Script, fails: Callable[[Script], bool]) -> Workload:
    """Remove whatever goes wrong besides requests."""
    workload = script.workload
    simplifications: tuple[Callable[[Workload], Workload], ...] = (
        lambda workload: workload._replace(backlog=Backlog(0, 0.0)),
        *(partial(_with_fewer_waiting, share=share) for share in (0.5, 0.5, 0.75, 0.9)),
        lambda workload: workload._replace(skew=0.0),
        lambda workload: workload._replace(late=0.0),
        lambda workload: workload._replace(twice=0.0),
        lambda workload: workload._replace(dropped=0.0),
        lambda workload: workload._replace(hourly=False),
        lambda workload: workload._replace(conditions=()),
        lambda workload: workload._replace(conditions=workload.conditions[:1]),
        lambda workload: workload._replace(conditions=workload.conditions[1:]),
        lambda workload: workload._replace(later_threshold=None, stdout=""),
        lambda workload: workload._replace(settings={}),
        lambda workload: workload._replace(timeout=900.0),
        lambda workload: workload._replace(profile=Profile({}, 0.0, workload.profile.until)),
    )
    for simplify in simplifications:
        candidate = simplify(workload)
        if fails(script._replace(workload=candidate)):
            workload = candidate
    return workload


def _with_fewer_waiting(workload: Workload, share: float) -> Workload:
    backlog = workload.backlog
    return workload._replace(backlog=backlog._replace(pairs=int(share * backlog.pairs)))


def _fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Delta debugging: leave out halves first, single items last (Zeller, Hildebrandt 2002)."""
    parts = 2
    while len(items) >= 1:
        size = max(1, len(items) // parts)
        for start in range(0, len(items), size):
            rest = [*items[:start], *items[start + size :]]
            if fails(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(items))
    return items
