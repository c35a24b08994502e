"""Many runs by seed, and their totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .faults import OK
from .run import run
from .workload import generate_workload

# The number of seeds that a process runs before it reports.
SHARE = 100


class Tally(NamedTuple):
    """The totals of a share of the seeds."""

    counts: dict[str, int]
    faults: dict[str, int]  # how many of each kind were injected
    failed: list[int]  # seeds


def run_seeds(seeds: Iterable[int]) -> Tally:
    """Run these seeds up to the first that fails."""
    counts, faults = Counter[str](), Counter[str]()
    failed: list[int] = []
    for seed in seeds:
        result = run(generate_workload(seed))
        counts.update(
            runs=1,
            requests=result.requests,
            calls=result.calls,
            billed=result.billed,
            owed=result.owed,
        )
        faults.update(fault.kind for fault in result.injected.values() if fault.kind != OK)
        if result.violation is not None:
            failed.append(seed)
            break
    return Tally(dict(counts), dict(faults), failed)
