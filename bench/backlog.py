"""A long backlog in a real process over HTTP: the peak memory, and the time to the first result.

bench/pacing measures the speed of the drain, in virtual time: here it would depend on the machine.
"""

from __future__ import annotations

import json
import sys
import time

from liveness.cloud.system import SystemRandom
from tests.simulation.markers import markers

from .environment import (
    BENCH,
    OURS,
    Environment,
    RunFailed,
    function_environment,
    run_process,
)
from .table import Row

MARKERS = 100_000
MAX_PEAK_KB = 64 * 1024
MAX_FIRST_SECONDS = 10.0
_RATE = 5
# The time limit of the invocation, which drains in all but its last 50 s.
_TIME_LIMIT_SECONDS = 100
# How many of the oldest and of the newest pairs have inputs: more than are drained.
_PAIRS_WITH_INPUTS = 2_000


def measure(environment: Environment, number: int = MARKERS) -> list[Row]:
    """Drain a backlog for half a minute. Raises RunFailed."""
    sandbox, bucket = environment.sandbox, environment.bucket
    sandbox.faceid.rate_limit = _RATE
    pairs = [f"backlog-{count}" for count in range(number)]
    settings = function_environment(sandbox)
    now = time.time()
    for key, body in markers(settings, SystemRandom(), pairs, now - number / _RATE, now - 30):
        bucket.put(key, body)
    for pair in {*pairs[:_PAIRS_WITH_INPUTS], *pairs[-_PAIRS_WITH_INPUTS:]}:
        bucket.put(f"liveness/incoming/{pair}/live.bin", environment.live + pair.encode())
        bucket.put(f"liveness/incoming/{pair}/reference.jpg", environment.image)
    began = time.monotonic()
    event = {"Type": "Timer", "Message": "drain"}
    context = {"time_limit_in_ms": _TIME_LIMIT_SECONDS * 1000}
    run = run_process(
        [sys.executable, str(BENCH / "driver.py"), str(OURS.code), OURS.module],
        json.dumps({"event": event, "context": context}),
        settings,
        _TIME_LIMIT_SECONDS + 20,
    )
    written = [
        request.ended - began
        for request in sandbox.requests
        if request.method == "PUT"
        and request.key.endswith("/result.json")
        and request.ended
        and request.ended >= began
    ]
    if not written:
        raise RunFailed(f"no result: {run.report['result']}")
    peak, first = run.report["peak_kb"], min(written)
    name = f"backlog of {number:,} in a real process"
    return [
        Row(
            f"{name}: peak memory",
            f"{peak / 1024:.1f} MB",
            "",
            f"<= {MAX_PEAK_KB // 1024} MB",
            peak <= MAX_PEAK_KB,
            numbers={"peak_kb": peak, "finished": len(written)},
        ),
        Row(
            f"{name}: first result after its start",
            f"{first:.1f} s",
            "",
            f"<= {MAX_FIRST_SECONDS:g} s",
            first <= MAX_FIRST_SECONDS,
        ),
    ]
