"""A burst over HTTP, against the sandbox, and the same burst in the simulator: do they agree?

The sandbox runs here; a process of its own plays the platform: so many instances of the real
function, each in a thread, take events from one queue.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from liveness.handler import Function
from liveness_sandbox import Sandbox
from tests.simulation.world import SlidingWindow, World

from .arena import BUCKET, ROOT, RunFailed
from .burst import RATE, SEED

PAIRS = 100
INSTANCES = 20
# As long as the simulator's calls take on the average.
CALL_SECONDS = 1.0
LIMIT_MS = 900_000
_MOST_SECONDS = 150


@dataclass(frozen=True)
class Outcome:
    """What became of the burst, the same way in both worlds."""

    finished: int
    billed: int
    throttled: int
    last: float  # seconds from the first event to the last result

    @property
    def over_ideal(self) -> float:
        return self.last / (PAIRS / RATE)


def over_http() -> Outcome:
    """Against a sandbox of its own. Raises RunFailed."""
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
        credentials = sandbox.temporary_credentials()
        environment = {
            **os.environ,
            **sandbox.client_environment(),
            "TENCENTCLOUD_SECRETID": credentials.secret_id,
            "TENCENTCLOUD_SECRETKEY": credentials.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": credentials.token or "",
            "LIVENESS_BUCKET": BUCKET,
            "LIVENESS_ENDPOINT_SCHEME": "http",
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tests.bench.burst_http"],
                input=json.dumps(events),
                capture_output=True,
                text=True,
                env=environment,
                cwd=ROOT,
                timeout=_MOST_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise RunFailed(f"not done after {_MOST_SECONDS} s") from None
        if done.returncode != 0:
            raise RunFailed((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        began = float(done.stdout)
        results = [
            request.ended
            for request in sandbox.requests
            if request.method == "PUT" and request.key.endswith("/result.json") and request.ended
        ]
        throttled = [
            request for request in sandbox.requests if request.error_code == "RequestLimitExceeded"
        ]
        finished = len(bucket.keys("liveness/results/")) // 2  # each with its best frame
        last = max(results) - began
        return Outcome(finished, len(sandbox.faceid.billed), len(throttled), last)


def simulated() -> Outcome:
    """The same in virtual time."""
    world = World(SEED, SlidingWindow(RATE), INSTANCES)
    world.handler = world.run_ours
    began = world.kernel.now
    for number in range(PAIRS):
        world.store_pair(f"pair-{number}")
    events = iter([event for number in range(PAIRS) for event in world.events(f"pair-{number}")])

    def instance() -> None:
        for event in events:
            world.run_ours(event)

    for _ in range(INSTANCES):
        world.kernel.spawn(instance)
    world.kernel.run(until=began + _MOST_SECONDS)
    took = world.latencies()
    billed = sum(world.face.billed.values())
    return Outcome(len(took), billed, len(world.face.throttled), max(took.values()))


def platform() -> None:
    """Events on stdin, one after the other to whichever instance is free; prints when it began."""
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for event in json.load(sys.stdin):
        events.put(event)
    failed: list[BaseException] = []

    def instance() -> None:
        function = Function(write=lambda line: None)
        try:
            while True:
                function(events.get_nowait(), {"time_limit_in_ms": LIMIT_MS})
        except queue.Empty:
            return
        except BaseException as error:
            failed.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=instance) for _ in range(INSTANCES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    print(began)


if __name__ == "__main__":
    platform()
