"""What others do with the same uploads: handlers for the World, beside ours.

Both do the useful work in the fewest requests, and are kinder than most: they look for a result
before they call, so that an event that comes late costs nothing. What they lack is coordination.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liveness.face import Answer
from liveness.store import JPEG, JSON

from .world import BUCKET, World

# Full jitter as it is mostly written: up to a second, doubling, up to this many.
_LONGEST_WAIT_SECONDS = 32.0
# The longest timeout that the platform allows; the closing seconds are for the result.
FUNCTION_SECONDS = 900.0
_CLOSING_SECONDS = 15.0

Handler = Callable[[dict[str, Any]], None]


class Throttled(Exception):
    """Raised to the platform, which tries the event twice more, a minute apart."""


def naive(world: World) -> Handler:
    """Calls at once, and leaves what is throttled to the platform's retries."""

    def call(pair: str) -> Answer:
        answer = _call(world, pair)
        if answer is None:
            raise Throttled
        return answer

    return _handler(world, call)


def waiting_in_place(world: World) -> Handler:
    """Tries again in the same invocation, with full jitter, as long as the function may run."""
    kernel = world.kernel

    def call(pair: str) -> Answer:
        ends, longest = kernel.now + FUNCTION_SECONDS - _CLOSING_SECONDS, 1.0
        while (answer := _call(world, pair)) is None:
            kernel.sleep(kernel.random.uniform(0, longest))
            longest = min(2 * longest, _LONGEST_WAIT_SECONDS)
            if kernel.now > ends:
                raise Throttled
        return answer

    return _handler(world, call)


def _handler(world: World, call: Callable[[str], Answer]) -> Handler:
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


def _call(world: World, pair: str) -> Answer | None:
    """None: throttled."""
    answer = world.face.use(9, pair)
    return None if answer.code == "RequestLimitExceeded" else answer
