"""The contents of the local file, as values. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

STATUSES = ("passed", "rejected", "retake", "invalid", "failed")
UNREADABLE = "unreadable"
"""The status of a `result.json` that is not a valid liveness-result/1."""
DECISIONS = ("approve", "reject", "retake")
# How people judged the two faces; ISO/IEC 19795-1 says mated and non-mated comparisons.
GENUINE, IMPOSTOR, CONTRADICTORY = "genuine", "impostor", "contradictory"
# The reason codes of liveness-review/1 that are statements about the two faces.
SAME_PERSON, DIFFERENT_PERSON = "same-person", "different-person"


class ResultRow(NamedTuple):
    """The parts of one result that lists and figures need."""

    pair_id: str
    at: float
    """When it was published; of an unreadable one, when the object was written."""
    status: str
    """One of STATUSES, or UNREADABLE."""
    reason: str = ""
    """The reason code, such as `FailedOperation.CompareLowSimilarity`."""
    category: str = ""
    similarity: float | None = None
    threshold: float | None = None
    completed_at: float | None = None
    """When the later of the two inputs was uploaded."""
    claimed_at: float | None = None
    answered_at: float | None = None
    attempts: int = 0
    billed_calls: int = 0
    """1 if the answer is one that the vendor bills, otherwise 0."""
    possibly_billed_calls: int = 0
    """Calls for this content that were or may have been billed, the one above included."""
    earlier_calls: int = 0
    """The same for earlier contents of this pair, whose results were replaced."""
    submission: int | None = None
    """The number of the content that this result is about; None if it was one too many."""
    submissions: int | None = None
    """How many contents of the pair were admitted; None if none was needed."""
    is_package_reused: bool | None = None
    has_frame: bool = False
    region: str = ""
    version: str = ""
    fingerprint: str = ""
    result_sha256: str = ""
    """Of the bytes of `result.json`; empty if they were not all read."""
    problem: str = ""
    """Why the result is UNREADABLE."""
    decision: str = ""
    """The latest decision on this content, one of DECISIONS; empty if there is none."""
    decisions: int = 0
    """How many decisions there are on this content."""
    is_disputed: bool = False
    """Whether those decisions differ."""
    judged: str = ""
    """GENUINE, IMPOSTOR or CONTRADICTORY, by the decisions that are about the faces; or empty."""


class DecisionRow(NamedTuple):
    """One `review-<n>.json`."""

    pair_id: str
    number: int
    decision: str = ""
    """One of DECISIONS; empty if there is a problem."""
    reason: str = ""
    """The reason code of liveness-review/1."""
    note: str = ""
    reviewer: str = ""
    """The ARN of the one who decided."""
    decided_at: float = 0.0
    fingerprint: str = ""
    result_sha256: str = ""
    problem: str = ""
    """Why the object is not a valid liveness-review/1."""
    is_current: bool = False
    """Whether the result is still about the content that was decided on."""


class RefreshSummary(NamedTuple):
    """What a refresh did."""

    listed: int
    """Results and decisions in the bucket."""
    read: int
    """Those of them that were new or changed."""
    removed: int
    """Those that were in the file and no longer in the bucket."""
    unreadable: int
    """Results and decisions in the file that are marked with a problem."""


def judgement_of(reasons: Sequence[str]) -> str:
    """Return the judgement of the faces by the reasons of all decisions on one content. Pure."""
    said = {reason for reason in reasons if reason in (SAME_PERSON, DIFFERENT_PERSON)}
    if len(said) > 1:
        return CONTRADICTORY
    if SAME_PERSON in said:
        return GENUINE
    return IMPOSTOR if said else ""
