"""Baselines: handlers for the same uploads without coordination, to compare the function with.

Both do the useful work in the fewest requests, and better than usual: they look for a result before
they call, so that a late event costs nothing. What they lack is coordination.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liveness.face_api import Answer
from liveness.store import JPEG, JSON

from .burst_world import BUCKET, BurstWorld

# Full jitter as usually written: up to a second at first, doubling, up to this many seconds.
_MAX_WAIT_SECONDS = 32.0
# The longest timeout that the platform allows; its last seconds are reserved for the result.
FUNCTION_SECONDS = 900.0
_RESERVE_SECONDS = 15.0

Handler = Callable[[dict[str, Any]], None]


class Throttled(Exception):
    """Raised to the platform, which retries the event twice, a minute apart."""


def naive(world: BurstWorld) -> Handler:
    """Return a handler that calls at once, and leaves throttling to the platform's retries."""

    def call(pair: str) -> Answer:
        answer = _call(world, pair)
        if answer is None:
            raise Throttled
        return answer

    return _handler(world, call)


def waiting_in_place(world: BurstWorld) -> Handler:
    """Return a handler that retries within its invocation, with full jitter, until its timeout."""
    kernel = world.kernel

    def call(pair: str) -> Answer:
        deadline, limit = kernel.now + FUNCTION_SECONDS - _RESERVE_SECONDS, 1.0
        while (answer := _call(world, pair)) is None:
            kernel.sleep(kernel.random.uniform(0, limit))
            limit = min(2 * limit, _MAX_WAIT_SECONDS)
            if kernel.now > deadline:
                raise Throttled
        return answer

    return _handler(world, call)


def _handler(world: BurstWorld, call: Callable[[str], Answer]) -> Handler:
    store = world.store

    def handle(event: dict[str, Any]) -> None:
        key = event["Records"][0]["cos"]["cosObject"]["key"].split("/", 3)[3]
        folder = key.rpartition("/")[0]
        results = folder.replace("/incoming/", "/results/")
        if store.head(BUCKET, f"{results}/result.json"):
            return
        inputs = [store.head(BUCKET, f"{folder}/{name}") for name in ("live.bin", "reference.jpg")]
        if not all(inputs):
            return
        answer = call(folder.rpartition("/")[2])
        frame = store.fetch(answer.best_frame_url, 1 << 20)
        assert isinstance(frame, bytes)
        store.put(BUCKET, f"{results}/best-frame.jpg", frame, JPEG, {})
        store.put(BUCKET, f"{results}/result.json", b"{}", JSON, {})

    return handle


def _call(world: BurstWorld, pair: str) -> Answer | None:
    """Call the face API once; return None if it is throttled."""
    answer = world.face.use(9, pair)
    return None if answer.code == "RequestLimitExceeded" else answer
