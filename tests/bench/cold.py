"""Cold starts: fresh processes from spawn to exit, the rivals in turn, ratios run by run."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .arena import BENCH, OURS, Arena, Handler, RunFailed, results_of

# Where the function looks whether a drainer is at work; the last part of the key tells the time.
_DRAINER = "liveness/ledger/drain/"


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))


def in_turn(rivals: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each rival, one run of each a round: A B A B, so that drift hits all alike.

    A first round is not counted: it writes bytecode and warms the machine's file cache.
    """
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for number in range(rounds + 1):
        for name, run in rivals.items():
            took = run()
            if number:
                seconds[name].append(took)
    return seconds


def ratios(ours: list[float], theirs: list[float]) -> Spread:
    """Ours over theirs, round by round."""
    return Spread.of([mine / other for mine, other in zip(ours, theirs, strict=True)])


def waiting(arena: Arena, rounds: int) -> dict[str, list[float]]:
    """One input is there and its partner is not: look, and go."""
    pair = arena.new_pair(live=arena.live)
    event = arena.event(f"{pair}/live.bin")
    keys = [
        *(f"{pair}/{name}" for name in ("live.bin", "reference.jpg")),
        *(f"{pair}/{name}" for name in ("reference.jpeg", "reference.png")),
        f"{results_of(pair)}/result.json",
    ]

    def ours() -> float:
        seen = len(arena.sandbox.requests)
        run = arena.run_handler(OURS, event)
        heads = [item.key for item in arena.sandbox.requests[seen:] if item.method == "HEAD"]
        inputs = [key for key in heads if not key.startswith(_DRAINER)]
        if sorted(inputs) != sorted(keys) or len(heads) != len(keys) + 1:
            raise RunFailed(f"the waiting path looked at {sorted(heads)}")
        if run.report["result"]["pairs"][0]["state"] != "waiting":
            raise RunFailed(f"not waiting but {run.report['result']}")
        return run.seconds

    def bare() -> float:
        script = str(BENCH / "bare_heads.py")
        run = arena.run_script(
            Path(sys.executable), [script, arena.bucket.name, *keys, f"{_DRAINER}0"]
        )
        if run.stdout.split() != keys[:1]:
            raise RunFailed(f"the bare script found {run.stdout.split()}")
        return run.seconds

    return in_turn({"ours": ours, "bare": bare}, rounds)


def full(arena: Arena, handlers: list[Handler], rounds: int) -> dict[str, list[float]]:
    """The second input has come: from the event to the result."""

    def runner(handler: Handler) -> Callable[[], float]:
        def run() -> float:
            pair = arena.new_pair(arena.live, arena.image)
            took = arena.run_handler(handler, arena.event(f"{pair}/reference.jpg"))
            arena.check_published(pair)
            return took.seconds

        return run

    return in_turn({handler.name: runner(handler) for handler in handlers}, rounds)
