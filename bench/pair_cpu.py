"""CPU of one pair in a real process over HTTP, beside an earlier commit's in the same run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .cold import in_turn
from .environment import BENCH, ROOT, Environment, results_of
from .pacing import baseline

# The last commit that sent requests with the SDK's client, before there was admission.
BASELINE = "c62739e"
KINDS = {"event": "an event's pair", "drain": "a drained pair"}
_PAIRS = 40
# So high that CPU determines how long a drain takes.
_SETTINGS = {"LIVENESS_RATE_LIMIT": "100"}


def measure(environment: Environment, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return milliseconds per pair by kind and code, `ours` and `baseline` in turn.

    Raises RunFailed, also in a copy of the repository without its history.
    """
    sources = {"ours": ROOT / "src", "baseline": baseline.source(BASELINE)}
    return {kind: in_turn(_runs(environment, kind, sources), rounds) for kind in KINDS}


def _runs(
    environment: Environment, kind: str, sources: Mapping[str, Path]
) -> dict[str, Callable[[], float]]:
    def runner(source: Path) -> Callable[[], float]:
        def run() -> float:
            pairs = [
                environment.new_pair(f"{kind} {number} {source}".encode(), environment.image)
                for number in range(_PAIRS)
            ]
            events = [environment.event(f"{pair}/live.bin") for pair in pairs]
            script = [str(BENCH / "pair_driver.py"), str(source), kind]
            output = environment.run_script(
                Path(sys.executable), script, json.dumps(events), _SETTINGS
            ).stdout
            for pair in pairs:
                environment.check_published(pair)
                _remove(environment, pair)
            return float(output)

        return run

    return {name: runner(source) for name, source in sources.items()}


def _remove(environment: Environment, pair: str) -> None:
    """Remove the pair, and what the function wrote, which the other code may not understand."""
    for prefix in (f"{pair}/", f"{results_of(pair)}/", "liveness/ledger/"):
        for key in environment.bucket.keys(prefix):
            environment.bucket.delete(key)
