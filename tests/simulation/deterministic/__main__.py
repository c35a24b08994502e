"""`python -m tests.simulation.deterministic`: the campaigns of deterministic simulation testing."""

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

from ...mutations import SIMULATION, find_mutation, install, mutations_of

MUTATIONS = mutations_of(SIMULATION)
# The beginnings of a line that reports a detected mutation.
DETECTED = ("seeds: ", "schedule: ")

_processes = click.option(
    "--processes", default=os.cpu_count() or 1, show_default=True, help="Number of processes."
)


@click.group()
def main() -> None:
    """Deterministic simulation testing: fault injection under seeds, checked for invariants."""


@main.command()
@click.option("--seeds", default=10_000, show_default=True, help="Number of seeds to run.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@_processes
def random(seeds: int, first: int, processes: int) -> None:
    """Run many seeds; print the first that fails, reduced."""
    from .seeds import SHARE, run_seeds

    began = time.perf_counter()
    shares = [
        range(at, min(at + SHARE, first + seeds)) for at in range(first, first + seeds, SHARE)
    ]
    total, faults, failed = Counter[str](), Counter[str](), list[int]()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for tally in pool.imap_unordered(run_seeds, shares):
            total += Counter(tally.counts)
            faults += Counter(tally.faults)
            failed += tally.failed
            if failed:
                break
            print(f"\r{total['runs']} of {seeds} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    seconds = time.perf_counter() - began
    print(
        f"{total['runs']} seeds in {seconds:.0f} s, {total['runs'] / seconds:.0f} per second: "
        f"{total['requests']} requests, {total['calls']} calls, {total['billed']} billed; "
        f"I1 without reconcile applied to {total['owed']}"
    )
    print("Injected faults:")
    for kind, count in faults.most_common():
        print(f"{count:10}  {kind}")
    if failed:
        show(failed[0])
        sys.exit(1)


@main.command()
@click.argument("seed", type=int)
def seed(seed: int) -> None:
    """Run one seed and print it step by step."""
    show(seed)


def show(seed: int) -> None:
    """Print a run; of a failing one, only what it needs in order to fail."""
    from .run import run
    from .shrink import shrink
    from .timeline import timeline
    from .workload import generate_workload

    workload = generate_workload(seed)
    result = run(workload)
    if result.violation is None:
        print("\n".join(timeline(result.steps)))
        print(f"seed {seed}: all invariants hold")
        return
    print(f"seed {seed}: {result.violation}\n\nReduced, the run needs:")
    script = shrink(workload, result)
    for number, action in enumerate(script.workload.actions):
        if number not in script.workload.left_out:
            print(f"  {action}")
    for name, fault in script.faults:
        print(f"  {name}: {fault}")
    reduced = script.run()
    print()
    print("\n".join(timeline(reduced.steps)))
    print(reduced.violation)


@main.command()
@click.option(
    "--preemptions",
    type=int,
    help="Largest number of preemptions in a run. Without it, all sets of bounds are searched.",
)
@click.option("--faults", type=int, default=0, help="Largest number of faults in a run.")
@click.option("--backwards", is_flag=True, help="Reverse the concurrent requests of an instance.")
@_processes
@click.option("--mutation", metavar="NAME", help="Apply the mutation whose name contains this.")
def exhaustive(
    preemptions: int | None, faults: int, backwards: bool, processes: int, mutation: str | None
) -> None:
    """Run every schedule, crash and fault within bounds."""
    if mutation is not None:
        try:
            install(find_mutation(mutation, SIMULATION))
        except LookupError as error:
            raise click.BadParameter(str(error), param_hint="--mutation") from None
    from .exhaustive import ALL, Counts, search
    from .timeline import timeline
    from .visited import Bounds

    only = None if preemptions is None else (Bounds(preemptions, faults), backwards)
    for bounds, order in (only,) if only else ALL:
        began, counts = time.perf_counter(), Counts(0, 0, 0, 0)
        for progress in search(bounds, processes, order):
            if not isinstance(progress, Counts):
                print("\n".join(timeline(progress.steps)))
                print(progress.violation)
                sys.exit(1)
            counts = progress
            print(f"\r{counts.runs} runs", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        print(
            f"preemptions <= {bounds.preemptions}, faults <= {bounds.faults}"
            f"{', backwards' * order}: {counts.runs} runs, {counts.pruned} of them pruned; "
            f"{counts.states} states; faults injected at {counts.requests} requests; "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )


@main.command()
@click.option("--seeds", default=5_000, show_default=True, help="Largest number of seeds for each.")
@click.option("--only", default="", help="Part of a mutation's name.")
def mutations(seeds: int, only: str) -> None:
    """Remove one safety at a time: each must be detected."""
    numbers = [n for n, mutation in enumerate(MUTATIONS) if only in mutation.name]
    undetected = 0
    for number, line in zip(numbers, detections(numbers, seeds), strict=True):
        print(f"{MUTATIONS[number].name}\n    {line}", flush=True)
        undetected += not line.startswith(DETECTED)
    print(f"{len(numbers) - undetected} of {len(numbers)} mutations detected")
    sys.exit(bool(undetected))


def detections(numbers: Iterable[int], seeds: int) -> Iterator[str]:
    """Yield for each mutation what detected it.

    Each gets a process of its own, since a process imports a module once.
    """
    waiting, running = iter(numbers), list[subprocess.Popen[str]]()
    command = [sys.executable, "-m", "tests.simulation.deterministic", "mutation"]
    try:
        while True:
            for number in itertools.islice(waiting, (os.cpu_count() or 1) - len(running)):
                running.append(
                    subprocess.Popen(
                        [*command, str(number), "--seeds", str(seeds)],
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                    )
                )
            if not running:
                return
            output, _ = running[0].communicate()
            running.pop(0)
            yield output.strip()
    finally:
        for unfinished in running:
            unfinished.kill()
            unfinished.communicate()


@main.command(hidden=True)
@click.argument("number", type=int)
@click.option("--seeds", type=int)
def mutation(number: int, seeds: int) -> None:
    """Apply one mutation in this process; print the number of seeds until an invariant breaks."""
    install(MUTATIONS[number])
    from .run import run
    from .schedules import SCHEDULES
    from .workload import generate_workload

    for name, script in SCHEDULES.items():
        violation = script.run().violation
        if violation is not None:
            print(f"schedule: {name}; {violation}")
            return
    for seed in range(seeds):
        violation = run(generate_workload(seed)).violation
        if violation is not None:
            print(f"seeds: {seed + 1}; {violation}")
            return
    print(f"not detected by {seeds} seeds")


if __name__ == "__main__":
    main()
