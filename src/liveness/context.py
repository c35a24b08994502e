"""What an invocation works with: settings, clients, runtime and its deadline."""

from __future__ import annotations

from typing import NamedTuple

from .face_api import FaceApi, FrameSource
from .pacing import CallPacer
from .records import InvocationInfo
from .runtime import Clock, Concurrency, Random
from .settings import Settings
from .store import RetryingStore

# Reserved at the end of an invocation, to store an answer and publish it.
SHUTDOWN_RESERVE_SECONDS = 15.0


class Context(NamedTuple):
    """Everything that a walk, a drain or a reconcile pass needs, for one invocation."""

    settings: Settings
    store: RetryingStore
    face: FaceApi
    frames: FrameSource
    clock: Clock
    rng: Random
    concurrency: Concurrency
    pacer: CallPacer
    info: InvocationInfo
    deadline: float  # when the platform ends the invocation (monotonic)
    trusted_buckets: set[str]  # in which this instance has seen create-only work

    def seconds_for_calls(self) -> float:
        """Return the seconds left for calls, not counting the reserve for shutdown."""
        return self.deadline - SHUTDOWN_RESERVE_SECONDS - self.clock.monotonic()
