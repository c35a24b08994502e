"""A run as the checks see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from liveness_sandbox import Bucket, Invocation

from .people import Work
from .plan import Person, Plan
from .witness import Record

RESULTS = "liveness/results/"
PENDING = "liveness/ledger/pending/"


@dataclass(frozen=True)
class Scene:
    """A run as it is now."""

    plan: Plan
    bucket: Bucket
    record: Record
    invocations: list[Invocation]
    dead_letters: list[dict[str, Any]]
    events: dict[str, dict[str, Any]]
    """The notification of each upload, by its name."""
    secrets: list[str]

    @property
    def complete(self) -> list[tuple[Person, Work]]:
        return [(person, person.last) for person in self.plan.people if person.last]

    @property
    def markers(self) -> list[str]:
        return self.bucket.keys(PENDING)

    def result(self, name: str) -> dict[str, Any] | None:
        stored = self.bucket.get(f"{RESULTS}{name}/result.json")
        return json.loads(stored.body()) if stored else None

    def is_done(self, work: Work) -> bool:
        result = self.result(work.owner)
        return result is not None and result["fingerprint"] == work.fingerprint

    @property
    def heads_lag(self) -> bool:
        """Two events of a pair may each have missed the other's input."""
        return any(fault.action.head_lag for fault in self.plan.faults)
