"""Cold starts: fresh processes from spawn to exit, handlers in turn, ratios run by run."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .environment import BENCH, OURS, Environment, Handler, RunFailed, results_of

# Where the function looks for a drainer, and for a breaker.
_LEDGER = "liveness/ledger/"


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum."""

    lowest: float
    median: float
    highest: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))


def in_turn(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure each in seconds, once per round: A B A B, so that drift affects all alike.

    The first round does not count: it writes bytecode and warms the machine's file cache.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            duration = run()
            if number:
                seconds[name].append(duration)
    return seconds


def ratios(ours: list[float], theirs: list[float]) -> Spread:
    """Divide ours by theirs, round by round."""
    return Spread.of([our / their for our, their in zip(ours, theirs, strict=True)])


def waiting(environment: Environment, rounds: int) -> dict[str, list[float]]:
    """Measure the waiting path: one input exists and its partner does not."""
    pair = environment.new_pair(live=environment.live)
    event = environment.event(f"{pair}/live.bin")
    keys = [
        *(f"{pair}/{name}" for name in ("live.bin", "reference.jpg")),
        *(f"{pair}/{name}" for name in ("reference.jpeg", "reference.png")),
        f"{results_of(pair)}/result.json",
    ]

    ledger_keys: list[str] = []  # that the last run of ours asked for

    def ours() -> float:
        earlier = len(environment.sandbox.requests)
        run = environment.run_handler(OURS, event)
        heads = [
            item.key for item in environment.sandbox.requests[earlier:] if item.method == "HEAD"
        ]
        ledger_keys[:] = [key for key in heads if key.startswith(_LEDGER)]
        if sorted(key for key in heads if not key.startswith(_LEDGER)) != sorted(keys):
            raise RunFailed(f"the waiting path sent HEAD for {sorted(heads)}")
        if run.report["result"]["pairs"][0]["state"] != "waiting":
            raise RunFailed(f"the state is not waiting: {run.report['result']}")
        return run.seconds

    def bare() -> float:
        script = str(BENCH / "bare_heads.py")
        run = environment.run_script(
            Path(sys.executable), [script, environment.bucket.name, *keys, *ledger_keys]
        )
        if run.stdout.split() != keys[:1]:
            raise RunFailed(f"the bare script found {run.stdout.split()}")
        return run.seconds

    return in_turn({"ours": ours, "bare": bare}, rounds)


def full(environment: Environment, handlers: list[Handler], rounds: int) -> dict[str, list[float]]:
    """Measure the full path: from the event of the second input to the result."""

    numbers = itertools.count()

    def runner(handler: Handler) -> Callable[[], float]:
        def run() -> float:
            # Two pairs with the same package are not both judged.
            live = environment.live + str(next(numbers)).encode()
            pair = environment.new_pair(live, environment.image)
            event = environment.event(f"{pair}/reference.jpg")
            seconds = environment.run_handler(handler, event).seconds
            environment.check_published(pair)
            return seconds

        return run

    return in_turn({handler.name: runner(handler) for handler in handlers}, rounds)
