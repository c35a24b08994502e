"""`python -m tests.simulation.storm`: the proof, as large as you like."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import click

from .mutations import MUTATIONS, install

# How the line begins that tells what found a mutation.
FOUND = ("seeds: ", "schedule: ")


@click.group()
def main() -> None:
    """A simulated world in which everything goes wrong, and the invariants of the design hold."""


@main.command()
@click.option("--seeds", default=10_000, show_default=True, help="How many runs.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True)
def random(seeds: int, first: int, processes: int) -> None:
    """Runs by seed; the first that fails is made short and shown."""
    from .proof import SHARE, random_runs

    began = time.perf_counter()
    shares = [
        range(at, min(at + SHARE, first + seeds)) for at in range(first, first + seeds, SHARE)
    ]
    total, faults, failed = Counter[str](), Counter[str](), list[int]()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for tally in pool.imap_unordered(random_runs, shares):
            total += Counter(tally.counts)
            faults += Counter(tally.faults)
            failed += tally.failed
            if failed:
                break
            print(f"\r{total['runs']} of {seeds} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    seconds = time.perf_counter() - began
    print(
        f"{total['runs']} schedules in {seconds:.0f} s, {total['runs'] / seconds:.0f} a second: "
        f"{total['requests']} requests, {total['calls']} calls, {total['billed']} billed; "
        f"I1 without reconcile was owed in {total['owed']}"
    )
    for kind, count in faults.most_common():
        print(f"{count:10}  {kind}")
    if failed:
        show(failed[0])
        sys.exit(1)


@main.command()
@click.argument("seed", type=int)
def seed(seed: int) -> None:
    """One run, step by step; a failing one is made short."""
    show(seed)


def show(seed: int) -> None:
    """Print a run; what it cannot do without, where it fails."""
    from .plan import plan
    from .shrink import shrink
    from .timeline import timeline
    from .world import run

    outcome = run(plan(seed))
    if outcome.violation is None:
        print("\n".join(timeline(outcome.steps)))
        print(f"seed {seed}: all invariants hold")
        return
    print(f"seed {seed}: {outcome.violation}\n\nMade short, it takes:")
    script = shrink(plan(seed), outcome)
    for number, action in enumerate(script.plan.actions):
        if number not in script.plan.left_out:
            print(f"  {action}")
    for name, fate in script.fates:
        print(f"  {name}: {fate}")
    short = script.run()
    print()
    print("\n".join(timeline(short.steps)))
    print(short.violation)


@main.command()
@click.option("--preemptions", type=int, help="Only so many, with --faults, --backwards.")
@click.option("--faults", type=int, default=0)
@click.option("--backwards", is_flag=True, help="What an instance sends at once arrives so.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True)
@click.option("--without", type=click.Choice([each.name for each in MUTATIONS]), metavar="MUTATION")
def exhaustive(
    preemptions: int | None, faults: int, backwards: bool, processes: int, without: str | None
) -> None:
    """Every crash point, every single fault, every schedule, within bounds."""
    for mutation in MUTATIONS:
        if mutation.name == without:
            install(mutation)
    from .exhaustive import ALL, Bounds, Counts, search
    from .timeline import timeline

    only = None if preemptions is None else (Bounds(preemptions, faults), backwards)
    for bounds, order in (only,) if only else ALL:
        began, counts = time.perf_counter(), Counts(0, 0, 0, 0)
        for found in search(bounds, processes, order):
            if not isinstance(found, Counts):
                print("\n".join(timeline(found.steps)))
                print(found.violation)
                sys.exit(1)
            counts = found
            print(f"\r{counts.runs} runs", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        print(
            f"preemptions <= {bounds.preemptions}, faults <= {bounds.faults}"
            f"{', backwards' * order}: {counts.runs} runs, {counts.pruned} of them cut short; "
            f"{counts.states} states; faults at {counts.requests} requests; "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )


@main.command()
@click.option("--seeds", default=5_000, show_default=True, help="Tried for each at most.")
@click.option("--only", default="", help="Part of a mutation's name.")
def mutations(seeds: int, only: str) -> None:
    """Break the code on purpose, one safety at a time: each must be found."""
    numbers = [n for n, mutation in enumerate(MUTATIONS) if only in mutation.name]
    missed = 0
    for number, found in zip(numbers, found_by(numbers, seeds), strict=True):
        print(f"{MUTATIONS[number].name}\n    {found}", flush=True)
        missed += not found.startswith(FOUND)
    print(f"{len(numbers) - missed} of {len(numbers)} mutations found")
    sys.exit(bool(missed))


def found_by(numbers: Iterable[int], seeds: int) -> Iterator[str]:
    """What found each mutation. Each runs in a process of its own: modules are imported once."""
    waiting, running = iter(numbers), list[subprocess.Popen[str]]()
    command = [sys.executable, "-m", "tests.simulation.storm", "mutation"]
    try:
        while True:
            for number in itertools.islice(waiting, (os.cpu_count() or 1) - len(running)):
                process = [*command, str(number), "--seeds", str(seeds)]
                running.append(
                    subprocess.Popen(
                        process, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                    )
                )
            if not running:
                return
            said, _ = running[0].communicate()
            running.pop(0)
            yield said.strip()
    finally:
        for left in running:
            left.kill()
            left.communicate()


@main.command(hidden=True)
@click.argument("number", type=int)
@click.option("--seeds", type=int)
def mutation(number: int, seeds: int) -> None:
    """One mutation, in this process: how many seeds until an invariant breaks."""
    install(MUTATIONS[number])
    from .plan import plan
    from .schedules import SCHEDULES
    from .world import run

    for name, script in SCHEDULES.items():
        violation = script.run().violation
        if violation is not None:
            print(f"schedule: {name}; {violation}")
            return
    for seed in range(seeds):
        violation = run(plan(seed)).violation
        if violation is not None:
            print(f"seeds: {seed + 1}; {violation}")
            return
    print(f"not found by {seeds} seeds")


if __name__ == "__main__":
    main()
