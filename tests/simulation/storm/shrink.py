"""A failing run made short: whatever it fails without is left out.

Decisions hang on the names of requests, so that leaving one out leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from .decisions import Profile, Scripted
from .fate import OK, Fate
from .plan import Plan
from .world import Outcome, World

T = TypeVar("T")


class Script(NamedTuple):
    """A run that no seed decides any more but for what costs nothing to keep."""

    plan: Plan
    fates: tuple[tuple[str, Fate], ...]

    def run(self) -> Outcome:
        return World(self.plan, Scripted(self.plan.seed, dict(self.fates))).run()


def shrink(plan: Plan, outcome: Outcome) -> Script:
    """The shortest script that breaks the same invariant, as far as leaving things out finds it."""
    assert outcome.violation is not None
    wanted = outcome.violation.invariant

    def fails(script: Script) -> bool:
        violation = script.run().violation
        return violation is not None and violation.invariant == wanted

    script = Script(plan, tuple(outcome.taken.items()))
    if not fails(script):
        raise AssertionError("a script of all decisions does not do what they did")
    # The usual delays first: there are hundreds, and mostly none matters.
    faults = tuple(item for item in script.fates if item[1].kind != OK)
    if fails(script._replace(fates=faults)):
        script = script._replace(fates=faults)
    for _ in range(2):
        script = script._replace(fates=_fewer_fates(script, fails))
        script = script._replace(plan=_fewer_actions(script, fails))
        script = script._replace(plan=_calmer(script, fails))
    return script


def _fewer_fates(script: Script, fails: Callable[[Script], bool]) -> tuple[tuple[str, Fate], ...]:
    fates = _fewest(script.fates, lambda some: fails(script._replace(fates=tuple(some))))
    return tuple(fates)


def _fewer_actions(script: Script, fails: Callable[[Script], bool]) -> Plan:
    """Numbers name an action's events, so one that is left out is left empty."""

    def without(kept: Sequence[int]) -> Plan:
        return script.plan._replace(left_out=frozenset(range(len(script.plan.actions))) - {*kept})

    kept = [n for n in range(len(script.plan.actions)) if n not in script.plan.left_out]
    return without(_fewest(kept, lambda k: fails(script._replace(plan=without(k)))))


def _calmer(script: Script, fails: Callable[[Script], bool]) -> Plan:
    """What goes wrong beside requests."""
    plan = script.plan
    for calmer in (
        {"skew": 0.0},
        {"late": 0.0},
        {"twice": 0.0},
        {"dropped": 0.0},
        {"hourly": False},
        {"settings": {}},
        {"timeout": 900.0},
        {"profile": Profile({}, 0.0, plan.profile.until)},
    ):
        candidate = plan._replace(**calmer)  # type: ignore[arg-type]
        if fails(script._replace(plan=candidate)):
            plan = candidate
    return plan


def _fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> Sequence[T]:
    """Delta debugging: halves first, single ones in the end (Zeller, Hildebrandt 2002)."""
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
