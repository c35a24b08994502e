"""Many runs, and what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .fate import OK
from .plan import plan
from .world import run

# Seeds that a process takes at a time.
SHARE = 100


class Tally(NamedTuple):
    """What a share of the seeds came to."""

    counts: dict[str, int]
    faults: dict[str, int]  # how often each kind was dealt
    failed: list[int]  # seeds


def random_runs(seeds: Iterable[int]) -> Tally:
    """Runs by seed, up to the first that fails."""
    counts, faults = Counter[str](), Counter[str]()
    failed: list[int] = []
    for seed in seeds:
        outcome = run(plan(seed))
        counts.update(
            runs=1,
            requests=outcome.requests,
            calls=outcome.calls,
            billed=outcome.billed,
            owed=outcome.owed,
        )
        faults.update(fate.kind for fate in outcome.taken.values() if fate.kind != OK)
        if outcome.violation is not None:
            failed.append(seed)
            break
    return Tally(dict(counts), dict(faults), failed)
