"""Many runs, several at a time: most of their time is waiting, for jitter and for processes."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .plan import plan
from .run import Finished, Stage

_STAGES = 4


@contextmanager
def campaign(seeds: Iterable[int], code: Path) -> Iterator[Iterator[Finished]]:
    """The runs of these seeds, as they finish; leaving early stops all. Raises RuntimeError."""
    runs = _play_all(seeds, code)
    try:
        yield runs
    finally:
        runs.close()


def _play_all(seeds: Iterable[int], code: Path) -> Generator[Finished, None, None]:
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for seed in seeds:
        todo.put(seed)
    done: queue.SimpleQueue[Finished | RuntimeError | None] = queue.SimpleQueue()
    stop = threading.Event()

    def work() -> None:
        seed: int | None = None
        try:
            while not stop.is_set():
                with Stage(code) as stage:
                    wrong = False
                    while not (stop.is_set() or wrong):
                        seed = todo.get_nowait()
                        finished = stage.play(plan(seed))
                        done.put(finished)
                        # What was left behind shall not disturb the next one.
                        wrong = bool(finished.wrong)
            done.put(None)
        except queue.Empty:
            done.put(None)
        except BaseException as error:
            failure = RuntimeError(f"the run of seed {seed} could not be played")
            failure.__cause__ = error
            done.put(failure)

    threads = [threading.Thread(target=work, name=f"chaos-{n}") for n in range(_STAGES)]
    for thread in threads:
        thread.start()
    try:
        left = len(threads)
        while left:
            finished = done.get()
            if isinstance(finished, RuntimeError):
                raise finished
            if finished is None:
                left -= 1
            else:
                yield finished
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@dataclass
class Summary:
    """What all runs came to."""

    runs: int = 0
    pairs: int = 0
    kills: int = 0
    faults: int = 0
    billed: int = 0
    again: int = 0
    worst: int = 0
    races: int = 0
    granted: int = 0
    failed: list[int] = field(default_factory=list)

    def add(self, finished: Finished) -> None:
        costs = [bill.billed for bill in finished.bills]
        self.runs += 1
        self.pairs += sum(person.last is not None for person in finished.plan.people)
        self.kills += finished.kills
        self.faults += finished.struck
        self.billed += sum(costs)
        self.again += sum(max(0, cost - 1) for cost in costs)
        self.worst = max([self.worst, *costs])
        self.races += finished.races
        self.granted += sum(bill.granted for bill in finished.bills)
        if finished.wrong:
            self.failed.append(finished.plan.seed)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.pairs} pairs, {self.kills} kills, {self.faults} requests "
            f"struck by faults, {self.races} claims won twice; {self.billed} billed calls, "
            f"{self.again} of them not the first of their fingerprint, {self.worst} for the worst; "
            f"{self.granted} attempts granted; {len(self.failed)} runs failed"
        )


def story(finished: Finished) -> str:
    """A failed run as a person reads it: what is wrong, and the timelines of whom it concerns."""
    wrong = "\n".join(f"  {each}" for each in finished.wrong)
    names = [
        person.name
        for person in finished.plan.people
        if any(re.search(rf"\b{person.name}\b", each) for each in finished.wrong)
    ]
    if not names:
        names = [person.name for person in finished.plan.people]
    seed = finished.plan.seed
    again = f"python -m tests.chaos --runs 1 --seed {seed}"
    timelines = "\n\n".join(finished.timeline.of(name) for name in names)
    return f"seed {seed} ({again}):\n{wrong}\n\n{timelines}"
