"""The record of a run, as the checks read it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from liveness_sandbox import Bucket, Invocation

from .plan import Person, Plan
from .recorder import Recording
from .workload import Submission

RESULTS, FRAMES = "liveness/results/", "liveness/frames/"
PENDING = "liveness/ledger/pending/"


@dataclass(frozen=True)
class RunRecord:
    """Everything that is known of a run at some moment."""

    plan: Plan
    bucket: Bucket
    recording: Recording
    invocations: list[Invocation]
    dead_letters: list[dict[str, Any]]
    events: dict[str, dict[str, Any]]
    """The notification of each upload, by its token."""
    secrets: list[str]

    @property
    def output_keys(self) -> list[str]:
        """The keys of all results and best frames."""
        return [*self.bucket.keys(RESULTS), *self.bucket.keys(FRAMES)]

    @property
    def complete(self) -> list[tuple[Person, Submission]]:
        """Each person with a complete pair, and its latest content."""
        return [(person, person.latest) for person in self.plan.people if person.latest]

    @property
    def markers(self) -> list[str]:
        return self.bucket.keys(PENDING)

    def result(self, name: str) -> dict[str, Any] | None:
        stored = self.bucket.get(f"{RESULTS}{name}/result.json")
        if stored is None:
            return None
        document: dict[str, Any] = json.loads(stored.body())
        return document

    def is_done(self, submission: Submission) -> bool:
        result = self.result(submission.owner)
        return result is not None and result["fingerprint"] == submission.fingerprint

    @property
    def heads_lag(self) -> bool:
        """Whether two events of a pair may each have missed the other's input."""
        return any(fault.action.head_lag for fault in self.plan.faults)
