"""What a walk works with, for the length of one invocation."""

from __future__ import annotations

from typing import NamedTuple

from .face import FaceApi
from .frames import FrameSource
from .pacing import Pace
from .result import Origin
from .seams import Chance, Clock, Concurrency
from .settings import Settings
from .store import PatientStore

# What an invocation keeps back for writing an answer down and publishing it.
CLOSING_SECONDS = 15.0


class Services(NamedTuple):
    """Settings, remotes and seams, and when the platform ends the invocation (monotonic)."""

    settings: Settings
    store: PatientStore
    face: FaceApi
    frames: FrameSource
    clock: Clock
    chance: Chance
    concurrency: Concurrency
    pace: Pace
    origin: Origin
    ends_at: float
    trusted_buckets: set[str]  # in which this instance has seen create-only work

    def seconds_left(self) -> float:
        """For calls: what closing needs is not counted."""
        return self.ends_at - CLOSING_SECONDS - self.clock.monotonic()
