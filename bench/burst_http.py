"""Compare a burst over HTTP, against the sandbox, with the same burst in the simulator.

The sandbox runs in this process. Another process stands in for the platform: instances of the real
function, each in a separate thread, take the events in turn.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from liveness.cloud.system import ThreadConcurrency
from liveness.handler import Function
from liveness_sandbox import Sandbox
from liveness_sandbox.faceid.rate_limit import SlidingWindow
from tests.simulation.burst_world import BurstWorld

from .burst import RATE, SEED
from .environment import BUCKET, ROOT, function_environment, run_process

PAIRS = 100
INSTANCES = 20
# The mean of the simulator's calls.
CALL_SECONDS = 1.0
LIMIT_MS = 900_000
_MAX_SECONDS = 150


@dataclass(frozen=True)
class Outcome:
    """The outcome of the burst, measured the same way in both worlds."""

    finished: int
    billed: int
    throttled: int
    last: float  # seconds from the first event to the last result

    @property
    def over_ideal(self) -> float:
        return self.last / (PAIRS / RATE)


def over_http() -> Outcome:
    """Run the burst against a sandbox of its own. Raises RunFailed."""
    with Sandbox() as sandbox:
        bucket = sandbox.create_bucket(BUCKET)
        sandbox.faceid.rate_limit = RATE
        live = json.dumps({"sandbox": True, "delay": CALL_SECONDS})
        image = (ROOT / "events/sample/reference.jpg").read_bytes()
        events = []
        for number in range(PAIRS):
            folder = f"liveness/incoming/pair-{number}"
            for name, body in (("live.bin", f"{live}{' ' * number}"), ("reference.jpg", image)):
                bucket.put(f"{folder}/{name}", body)
            for name in ("live.bin", "reference.jpg"):
                events.append(sandbox.trigger_event(bucket, f"{folder}/{name}"))
        run = run_process(
            [sys.executable, "-m", "bench.burst_http"],
            json.dumps(events),
            {**os.environ, **function_environment(sandbox)},
            _MAX_SECONDS,
            ROOT,
        )
        began = float(run.stdout)
        results = [
            request.ended
            for request in sandbox.requests
            if request.method == "PUT" and request.key.endswith("/result.json") and request.ended
        ]
        throttled = [
            request for request in sandbox.requests if request.error_code == "RequestLimitExceeded"
        ]
        finished = len(bucket.keys("liveness/results/"))
        last = max(results) - began
        return Outcome(finished, len(sandbox.faceid.billed), len(throttled), last)


def simulated() -> Outcome:
    """Run the same burst in virtual time."""
    world = BurstWorld(SEED, SlidingWindow(), RATE, INSTANCES)
    world.handler = world.run_function
    began = world.kernel.now
    for number in range(PAIRS):
        world.store_pair(f"pair-{number}")
    events = iter([event for number in range(PAIRS) for event in world.events(f"pair-{number}")])

    def instance() -> None:
        for event in events:
            world.run_function(event)

    for _ in range(INSTANCES):
        world.kernel.spawn(instance)
    world.kernel.run(until=began + _MAX_SECONDS)
    latencies = world.latencies()
    billed = sum(world.face.billed.values())
    return Outcome(len(latencies), billed, len(world.face.throttled), max(latencies.values()))


def platform() -> None:
    """Handle the events on stdin, each in a free instance; print when the first began."""
    events: list[dict[str, Any]] = json.load(sys.stdin)
    instance = threading.local()

    def handle(event: dict[str, Any]) -> None:
        if not hasattr(instance, "function"):
            instance.function = Function(write=lambda line: None)
        instance.function(event, {"time_limit_in_ms": LIMIT_MS})

    def tasks() -> Iterator[Callable[[], Any]]:
        for event in events:
            yield partial(handle, event)

    began = time.monotonic()
    ThreadConcurrency().run_pool(tasks(), workers=INSTANCES)
    print(began)


if __name__ == "__main__":
    platform()
