"""Step 1 of the walk: from what lies in the bucket to what has to be done. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .keys import IMAGE, LIVE, InputKey, fingerprint
from .settings import Settings
from .store import ObjectHead

# Names of the result's metadata, without x-cos-meta-; COS allows no underscore there.
FINGERPRINT_META = "liveness-fingerprint"
STATUS_META = "liveness-status"
REASON_META = "liveness-reason"
ATTEMPT_META = "liveness-attempt"
# The frame's MD5, or one of: the service gave none; it gave one that could not be copied.
FRAME_META = "liveness-best-frame"
FRAME_NONE = "none"
FRAME_MISSING = "missing"


# Our own reasons for a result without a call.
UNUSABLE = ("InputAmbiguous", "InputEmpty", "InputTooLarge")


class Input(NamedTuple):
    """One input object as it was when we looked."""

    role: str
    key: str
    etag: str
    size: int
    last_modified: float  # seconds since 1970
    md5: str | None


class Work(NamedTuple):
    """A complete pair: the same inputs always give the same fingerprint."""

    pair_id: str
    fingerprint: str
    inputs: tuple[Input, ...]

    @property
    def live(self) -> Input:
        return next(item for item in self.inputs if item.role == LIVE)

    @property
    def image(self) -> Input:
        return next(item for item in self.inputs if item.role == IMAGE)


class Waiting(NamedTuple):
    """The partner has not come yet, or both have gone."""

    pair_id: str
    missing: tuple[str, ...]


class Unusable(NamedTuple):
    """A complete pair that must not be sent: `reason` is one of our own reasons."""

    work: Work
    reason: str
    detail: str


class Look(NamedTuple):
    """What was found, and the fingerprint and status that the published result carries."""

    found: Work | Waiting | Unusable
    result: ObjectHead | None

    @property
    def work(self) -> Work | None:
        """The complete pair, usable or not; None where something is missing."""
        if isinstance(self.found, Waiting):
            return None
        return self.found.work if isinstance(self.found, Unusable) else self.found

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles of which there is no input yet."""
        return self.found.missing if isinstance(self.found, Waiting) else ()

    @property
    def published(self) -> str | None:
        """Fingerprint of the published result."""
        return self.result.metadata.get(FINGERPRINT_META) if self.result else None

    @property
    def published_status(self) -> str | None:
        return self.result.metadata.get(STATUS_META) if self.result else None

    @property
    def published_attempt(self) -> str | None:
        """The number of the attempt whose response was published."""
        return self.result.metadata.get(ATTEMPT_META) if self.result else None

    @property
    def published_unusable(self) -> bool:
        """The published result says that an input cannot be used, without a call."""
        reason = self.result.metadata.get(REASON_META) if self.result else None
        return reason in UNUSABLE

    @property
    def published_frameless(self) -> bool:
        """The published result lacks a best frame that the service had given."""
        return self.result is not None and self.result.metadata.get(FRAME_META) == FRAME_MISSING


def judge(
    settings: Settings,
    pair_id: str,
    heads: Sequence[tuple[InputKey, ObjectHead | None]],
    result: ObjectHead | None,
) -> Look:
    """What the heads of all candidate keys and of `result.json` mean."""
    inputs = tuple(
        Input(key.role, key.key, head.etag, head.size, head.last_modified, head.md5)
        for key, head in heads
        if head is not None
    )
    missing = tuple(role for role in (LIVE, IMAGE) if all(item.role != role for item in inputs))
    if missing:
        return Look(Waiting(pair_id, missing), result)
    work = Work(
        pair_id,
        fingerprint(pair_id, ((item.key, item.etag, item.size) for item in inputs)),
        inputs,
    )
    limits = {LIVE: settings.max_live_bytes, IMAGE: settings.max_image_bytes}
    return Look(_unusable(work, limits) or work, result)


def _unusable(work: Work, limits: Mapping[str, int]) -> Unusable | None:
    if len(work.inputs) > 2:
        keys = ", ".join(repr(item.key) for item in work.inputs)
        return Unusable(work, "InputAmbiguous", f"one of each is needed, there are: {keys}")
    for item in work.inputs:
        if item.size == 0:
            return Unusable(work, "InputEmpty", f"{item.key!r} has no bytes")
        if item.size > limits[item.role]:
            return Unusable(
                work,
                "InputTooLarge",
                f"{item.key!r} has {item.size} bytes, the limit is {limits[item.role]}",
            )
    return None
