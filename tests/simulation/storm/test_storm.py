"""What the simulation shows in `make test`; `make simulate` and `make mutations` show more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .__main__ import found_by
from .decisions import Profile
from .exhaustive import QUICK, Bounds, Counts, search
from .fate import CRASH_AFTER, GONE, LATE, Fate
from .mutations import MUTATIONS, Mutation
from .plan import INVOKE, UPLOAD, Action, Plan, plan
from .proof import SHARE, random_runs
from .shrink import Script, shrink
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
_LIVE = Action(0.0, UPLOAD, "anna/live.bin", b"pass anna 1")
_IMAGE = Action(0.0, UPLOAD, "anna/reference.jpg", b"anna 1")


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
@pytest.mark.parametrize("bounds", QUICK, ids=str)
def test_every_schedule_within_bounds_keeps_all_invariants(bounds: Bounds) -> None:
    for found in search(bounds):
        if not isinstance(found, Counts):
            story = "\n".join(timeline(found.steps))
            pytest.fail(f"{found.violation}, choices {found.choices}\n{story}")
        print(bounds, found)
        assert found.runs > 1000


@pytest.mark.timeout(300)
def test_each_safety_that_is_taken_out_is_missed() -> None:
    numbers = [n for n, mutation in enumerate(MUTATIONS) if mutation.name in _SAMPLE]
    assert len(numbers) == len(_SAMPLE)
    for number, found in zip(numbers, found_by(numbers, seeds=500), strict=True):
        assert found.startswith("seeds: "), (MUTATIONS[number].name, found)


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


# Schedules that broke an invariant once, as they were made short.


def test_a_result_that_lands_late_does_not_stay_over_a_newer_one() -> None:
    changed = Action(0.0, UPLOAD, "anna/live.bin", b"unlike anna 2", on="put result")
    late = ("event-1#1 put results/anna/result.json 1", Fate(LATE, long=45.0))

    outcome = Script(_quiet(_LIVE, _IMAGE._replace(at=1.0), changed), (late,)).run()

    assert outcome.violation is None
    assert outcome.owed


def test_a_frame_that_lies_there_is_named_though_its_instance_died() -> None:
    """Two publish one response: who cannot have the frame, and who copies it and dies."""
    unlike = _LIVE._replace(body=b"unlike anna 1")
    other = Action(0.006, INVOKE, "anna/", event={"pairs": ["anna"]}, on="response")
    fates = (
        ("direct-2#1 fetch frame 1", Fate(GONE)),
        ("event-1#1 put results/anna/best-frame.jpg 1", Fate(CRASH_AFTER, before=2.0)),
    )

    outcome = Script(_quiet(unlike, _IMAGE._replace(at=1.0), other), fates).run()

    assert outcome.violation is None
    assert [step.who for step in outcome.steps if step.what == "killed"] == ["event-1#1"]
    assert [step.key for step in outcome.steps if step.note == GONE] != []


def _quiet(*actions: Action) -> Plan:
    """Nothing goes wrong but what a script names."""
    return Plan(0, actions, Profile({}, 0.0, 200.0), {}, 900.0)
