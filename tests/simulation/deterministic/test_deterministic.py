"""A sample of the seeds, and what `make campaigns` runs; `make simulate` and others run more.

Each of two Pythons runs seeds of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .__main__ import DETECTED, MUTATIONS, detections
from .exhaustive import QUICK, Counts, search
from .run import run
from .schedules import SCHEDULES
from .seeds import SHARE, run_seeds
from .shrink import shrink
from .timeline import timeline
from .visited import Bounds, VisitedStates
from .workload import generate_workload

_SAMPLE_SEEDS, _SEEDS = 200, 3000
_FIRST = _SEEDS if sys.version_info < (3, 11) else 0
# Mutations that few seeds detect; `make mutations` tries all of them.
_SAMPLE = (
    "a 409 for our own claim counts as another invocation's",
    "the response is recorded after the result is published",
    "result.json is published before the best frame",
    "a running lease leaves no marker",
    "one marker name per pair",
    "a request sent but not answered counts as never sent",
)


@pytest.mark.parametrize("first", range(_FIRST, _FIRST + _SAMPLE_SEEDS, SHARE))
def test_all_invariants_hold_under_every_seed_of_a_sample(first: int) -> None:
    check_seeds(first)


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(_FIRST + _SAMPLE_SEEDS, _FIRST + _SEEDS, SHARE))
def test_all_invariants_hold_under_every_seed(first: int) -> None:
    check_seeds(first)


def check_seeds(first: int) -> None:
    tally = run_seeds(range(first, first + SHARE))

    for seed in tally.failed:
        workload = generate_workload(seed)
        result = run(workload)
        steps = "\n".join(timeline(shrink(workload, result).run().steps))
        pytest.fail(f"seed {seed}: {result.violation}\n{steps}")
    assert tally.counts["runs"] == SHARE
    # Enough of the runs have something to prove.
    assert tally.counts["owed"] > SHARE / 2
    assert tally.counts["billed"] > SHARE / 2


@pytest.mark.campaign
@pytest.mark.function
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("bounds", "backwards"), QUICK, ids=str)
def test_all_invariants_hold_in_every_schedule_within_bounds(
    bounds: Bounds, backwards: bool
) -> None:
    for progress in search(bounds, processes=2, backwards=backwards):
        if not isinstance(progress, Counts):
            steps = "\n".join(timeline(progress.steps))
            pytest.fail(f"{progress.violation}\n{steps}")
    assert isinstance(progress, Counts)
    assert progress.states > 5_000
    assert (progress.requests > 0) == (bounds.faults > 0)


@pytest.mark.parametrize(
    ("mutation", "violation"),
    [
        ("no re-inspection of the inputs", b"anna has no result for its current inputs"),
        (
            "the response is not read after the claim",
            b"the response was not read after the claim",
        ),
    ],
)
def test_the_exhaustive_search_detects_a_mutation(mutation: str, violation: bytes) -> None:
    command = [sys.executable, "-m", "tests.simulation.deterministic", "exhaustive"]
    options = ["--preemptions", "1", "--mutation", mutation]
    process = subprocess.run([*command, *options], stdout=subprocess.PIPE)

    assert process.returncode == 1
    assert violation in process.stdout


def test_a_state_is_visited_again_only_with_wider_bounds() -> None:
    visited = VisitedStates(Bounds(1, 1))
    for state in (7, -7):
        assert visited.add(state, Bounds(0, 1)) is True
        assert visited.add(state, Bounds(0, 1)) is None
        assert visited.add(state, Bounds(0, 0)) is None
        assert visited.add(state, Bounds(1, 0)) is False
        assert visited.add(state, Bounds(1, 1)) is False
        assert visited.add(state, Bounds(1, 0)) is None


@pytest.mark.campaign
@pytest.mark.function
@pytest.mark.timeout(1800)
def test_every_mutation_is_detected() -> None:
    numbers = [n for n, mutation in enumerate(MUTATIONS) if mutation.name in _SAMPLE]
    assert len(numbers) == len(_SAMPLE)
    for number, line in zip(numbers, detections(numbers, seeds=500), strict=True):
        assert line.startswith(DETECTED), (MUTATIONS[number].name, line)


def test_a_seed_makes_the_same_run_in_every_process() -> None:
    print_all = (
        "import json\n"
        "from tests.simulation.deterministic.run import run\n"
        "from tests.simulation.deterministic.workload import generate_workload\n"
        "print(json.dumps([run(generate_workload(seed)).steps for seed in range(20)]))"
    )

    def steps(hash_seed: str) -> object:
        process = subprocess.run(
            [sys.executable, "-c", print_all],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        return json.loads(process.stdout)

    assert steps("1") == steps("2")


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_regression_schedule_no_longer_breaks_an_invariant(name: str) -> None:
    result = SCHEDULES[name].run()

    assert result.violation is None
    assert result.owed
    # It still is that schedule: every fault that it names was injected.
    assert set(result.injected) == {request for request, _ in SCHEDULES[name].faults}
