"""Many runs, several at a time: they mostly wait, for jitter and for processes."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .plan import plan
from .run import Environment, RunResult

_ENVIRONMENTS = 4


@contextmanager
def campaign(seeds: Iterable[int], code: Path) -> Iterator[Iterator[RunResult]]:
    """Provide the results of these seeds' runs as they end; leaving the context stops all runs.

    Raises RuntimeError.
    """
    results = _run_all(seeds, code)
    try:
        yield results
    finally:
        results.close()


def _run_all(seeds: Iterable[int], code: Path) -> Generator[RunResult, None, None]:
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in seeds:
        todo.put(seed)
    done: queue.SimpleQueue[RunResult | RuntimeError | None] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        seed: int | None = None
        try:
            while not stop.is_set():
                with Environment(code) as environment:
                    failed = False
                    while not (stop.is_set() or failed):
                        seed = todo.get_nowait()
                        result = environment.run(plan(seed))
                        done.put(result)
                        # A failed run may leave something behind that would disturb the next one.
                        failed = bool(result.problems)
            done.put(None)
        except queue.Empty:
            done.put(None)
        except BaseException as error:
            failure = RuntimeError(f"the run of seed {seed} could not be completed")
            failure.__cause__ = error
            done.put(failure)

    threads = [threading.Thread(target=work, name=f"chaos-{n}") for n in range(_ENVIRONMENTS)]
    for thread in threads:
        thread.start()
    try:
        left = len(threads)
        while left:
            result = done.get()
            if isinstance(result, RuntimeError):
                raise result
            if result is None:
                left -= 1
            else:
                yield result
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@dataclass
class Summary:
    """The totals of all runs."""

    runs: int = 0
    pairs: int = 0
    kills: int = 0
    faults: int = 0
    billed: int = 0
    repeated: int = 0
    most_for_one: int = 0
    races: int = 0
    granted: int = 0
    failed: list[int] = field(default_factory=list)

    def add(self, result: RunResult) -> None:
        billed = [bill.billed for bill in result.bills]
        self.runs += 1
        self.pairs += sum(person.latest is not None for person in result.plan.people)
        self.kills += result.kills
        self.faults += result.requests_hit
        self.billed += sum(billed)
        self.repeated += sum(max(0, count - 1) for count in billed)
        self.most_for_one = max([self.most_for_one, *billed])
        self.races += result.races
        self.granted += sum(bill.granted for bill in result.bills)
        if result.problems:
            self.failed.append(result.plan.seed)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.pairs} pairs, {self.kills} kills, {self.faults} requests "
            f"hit by faults, {self.races} claims created twice; {self.billed} billed calls, "
            f"{self.repeated} of them not the first of their fingerprint, at most "
            f"{self.most_for_one} for one; {self.granted} attempts granted; "
            f"{len(self.failed)} runs failed"
        )


def report(result: RunResult) -> str:
    """Describe a failed run: its problems, and the timelines of the people they concern."""
    problems = "\n".join(f"  {problem}" for problem in result.problems)
    everyone = [person.name for person in result.plan.people]
    concerned = [
        name
        for name in everyone
        if any(re.search(rf"\b{name}\b", problem) for problem in result.problems)
    ]
    seed = result.plan.seed
    command = f"python -m tests.chaos --runs 1 --seed {seed}"
    timelines = "\n\n".join(result.timeline.of(name) for name in concerned or everyone)
    return f"seed {seed} ({command}):\n{problems}\n\n{timelines}"
