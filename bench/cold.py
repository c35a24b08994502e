"""Cold starts: fresh processes from spawn to exit, handlers in turn, ratios run by run."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .environment import BENCH, OURS, Environment, Handler, Run, RunFailed, results_of

# Where the function looks for a drainer and a breaker.
_LEDGER = "liveness/ledger/"
_IMPORT_SDKS = "import qcloud_cos, tencentcloud.common.common_client"

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum."""

    lowest: float
    median: float
    highest: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))


def in_turn(runs: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Measure each once per round (A B A B), so that drift affects all equally.

    The first round does not count: it writes bytecode and warms the machine's file cache.
    """
    measured: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            one = run()
            if number:
                measured[name].append(one)
    return measured


def ratios(ours: list[float], theirs: list[float]) -> Spread:
    """Divide ours by theirs, round by round."""
    return Spread.of([our / their for our, their in zip(ours, theirs, strict=True)])


def waiting(environment: Environment, rounds: int) -> dict[str, list[Run]]:
    """Measure the waiting path: one input exists and its partner does not."""
    pair = environment.new_pair(live=environment.live)
    event = environment.event(f"{pair}/live.bin")
    keys = [
        *(f"{pair}/{name}" for name in ("live.bin", "reference.jpg")),
        *(f"{pair}/{name}" for name in ("reference.jpeg", "reference.png")),
        f"{results_of(pair)}/result.json",
    ]

    ledger_keys: list[str] = []  # that our last run requested

    def ours() -> Run:
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
        return run

    def bare() -> Run:
        script = str(BENCH / "bare_heads.py")
        run = environment.run_script(
            Path(sys.executable), [script, environment.bucket.name, *keys, *ledger_keys]
        )
        if run.stdout.split() != keys[:1]:
            raise RunFailed(f"the bare script found {run.stdout.split()}")
        return run

    return in_turn({"ours": ours, "bare": bare}, rounds)


def full(environment: Environment, handlers: list[Handler], rounds: int) -> dict[str, list[Run]]:
    """Measure the full path: from the event of the second input to the result."""

    numbers = itertools.count()

    def runner(handler: Handler) -> Callable[[], Run]:
        def run() -> Run:
            # Of two pairs with the same package, only one is judged.
            live = environment.live + str(next(numbers)).encode()
            pair = environment.new_pair(live, environment.image)
            event = environment.event(f"{pair}/reference.jpg")
            ran = environment.run_handler(handler, event)
            environment.check_published(pair)
            return ran

        return run

    return in_turn({handler.name: runner(handler) for handler in handlers}, rounds)


def imports(environment: Environment, rounds: int) -> dict[str, list[Run]]:
    """Measure a process that imports the function, and one that imports both SDKs."""

    def runner(script: str) -> Callable[[], Run]:
        return lambda: environment.run_script(Path(sys.executable), ["-c", script])

    ours = f"import sys; sys.path.insert(0, {str(OURS.code)!r}); import {OURS.module}"
    return in_turn({"ours": runner(ours), "SDKs": runner(_IMPORT_SDKS)}, rounds)
