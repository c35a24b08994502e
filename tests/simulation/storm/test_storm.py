"""What the simulation shows in `make test`; `make simulate` and `make mutations` show more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .__main__ import FOUND, found_by
from .exhaustive import QUICK, Counts, search
from .mutations import MUTATIONS, Mutation
from .plan import plan
from .proof import SHARE, random_runs
from .schedules import SCHEDULES
from .seen import Bounds, Seen
from .shrink import shrink
from .timeline import timeline
from .world import run

_SEEDS = 6000
# Each of the two Pythons takes seeds of its own.
_FIRST = _SEEDS if sys.version_info < (3, 11) else 0
# Those that few seeds find; `make mutations` looks for all of them.
_SAMPLE = (
    "a 409 for our own claim is taken as somebody else's",
    "the response record after publishing",
    "result.json before the frame",
    "a running lease leaves no marker",
    "one marker name a pair",
    "sent without an answer is taken as never sent",
)


@pytest.mark.parametrize("first", range(_FIRST, _FIRST + _SEEDS, SHARE))
def test_all_invariants_hold_whatever_goes_wrong(first: int) -> None:
    tally = random_runs(range(first, first + SHARE))

    for seed in tally.failed:
        outcome = run(plan(seed))
        story = "\n".join(timeline(shrink(plan(seed), outcome).run().steps))
        pytest.fail(f"seed {seed}: {outcome.violation}\n{story}")
    assert tally.counts["runs"] == SHARE
    # A run in which nothing is owed shows nothing.
    assert tally.counts["owed"] > SHARE / 2
    assert tally.counts["billed"] > SHARE / 2


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("bounds", "backwards"), QUICK, ids=str)
def test_every_schedule_within_bounds_keeps_all_invariants(bounds: Bounds, backwards: bool) -> None:
    for found in search(bounds, processes=2, backwards=backwards):
        if not isinstance(found, Counts):
            story = "\n".join(timeline(found.steps))
            pytest.fail(f"{found.violation}\n{story}")
    assert isinstance(found, Counts)
    assert found.states > 5_000
    assert (found.requests > 0) == (bounds.faults > 0)


@pytest.mark.parametrize(
    ("without", "order", "said"),
    [
        ("no second look", [], b"anna has no result of its content"),
        # Forwards it is read behind the claim anyway, as they are sent at once.
        (
            "the response is not read again after the claim",
            ["--backwards"],
            b"no read of the response since",
        ),
    ],
)
def test_the_search_misses_a_safety_that_is_taken_out(
    without: str, order: list[str], said: bytes
) -> None:
    command = [sys.executable, "-m", "tests.simulation.storm", "exhaustive", "--preemptions", "1"]
    done = subprocess.run([*command, *order, "--without", without], stdout=subprocess.PIPE)

    assert done.returncode == 1
    assert said in done.stdout


def test_a_state_is_gone_on_with_only_by_who_may_meet_more() -> None:
    seen = Seen(Bounds(1, 1))
    for state in (7, -7):
        assert seen.add(state, Bounds(0, 1)) is True
        assert seen.add(state, Bounds(0, 1)) is None
        assert seen.add(state, Bounds(0, 0)) is None
        assert seen.add(state, Bounds(1, 0)) is False
        assert seen.add(state, Bounds(1, 1)) is False
        assert seen.add(state, Bounds(1, 0)) is None


@pytest.mark.timeout(300)
def test_each_safety_that_is_taken_out_is_missed() -> None:
    numbers = [n for n, mutation in enumerate(MUTATIONS) if mutation.name in _SAMPLE]
    assert len(numbers) == len(_SAMPLE)
    for number, found in zip(numbers, found_by(numbers, seeds=500), strict=True):
        assert found.startswith(FOUND), (MUTATIONS[number].name, found)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_mutation_still_fits_the_code(mutation: Mutation) -> None:
    compile(mutation.applied(), mutation.name, "exec")


def test_a_seed_means_the_same_in_every_process() -> None:
    print_all = (
        "import json\n"
        "from tests.simulation.storm.plan import plan\n"
        "from tests.simulation.storm.world import run\n"
        "print(json.dumps([run(plan(seed)).steps for seed in range(20)]))"
    )

    def steps(hash_seed: str) -> object:
        done = subprocess.run(
            [sys.executable, "-c", print_all],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)

    assert steps("1") == steps("2")


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_that_broke_something_do_so_no_more(name: str) -> None:
    outcome = SCHEDULES[name].run()

    assert outcome.violation is None
    assert outcome.owed
    # It still is that schedule: every fault that it names was dealt.
    assert set(outcome.taken) == {fate for fate, _ in SCHEDULES[name].fates}
