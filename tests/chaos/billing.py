"""I2 under injected faults: how many calls were billed, and how many may be.

A call is "hit" when something injected came between it and its record: its reply was lost, its
instance was killed before the record was written, or every try to write the record failed. Each
such call explains one further call. A race in the store explains one more, but only where the loser
had read its claim back before it was overwritten. So for one fingerprint

    billed <= 1 + calls that were hit + claims lost after their read-back
    billed <= allowed attempts + granted attempts + claims lost after their read-back
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from liveness_sandbox import RequestRecord

from .recorder import ObservedEffect, Recording
from .workload import Submission

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Bill:
    """The costs of one fingerprint."""

    submission: Submission
    billed: int
    reply_lost: int
    killed: int
    not_written: int
    races: int
    granted: int

    @property
    def hit(self) -> int:
        return self.reply_lost + self.killed + self.not_written

    @property
    def limit(self) -> int:
        """The largest number of billed calls that the injected faults explain."""
        return min(1 + self.hit, MAX_ATTEMPTS + self.granted) + self.races

    def __str__(self) -> str:
        name = f"{self.submission.live.token}{self.submission.image.token}"
        return (
            f"{self.billed} billed calls for {name}, at most {self.limit} are explained: "
            f"{self.reply_lost} replies were lost, {self.killed} instances "
            f"killed before the record, {self.not_written} records not written, {self.races} "
            f"claims lost after the read-back, {self.granted} attempts granted"
        )


def bill_of(submission: Submission, recording: Recording) -> Bill:
    """Return the costs of this fingerprint, as the recording of a run shows them."""
    effects = recording.effects
    calls = [index for index, effect in enumerate(effects) if is_billed(effect, submission)]
    causes = [_what_hit(index, submission, recording) for index in calls]
    grants = {
        effect.key
        for effect in effects
        if effect.method == "PUT" and effect.key.startswith(f"{submission.ledger}grant-")
    }
    return Bill(
        submission,
        len(calls),
        causes.count("reply lost"),
        causes.count("killed"),
        causes.count("not written"),
        len(list(_lost_claims(submission, effects))),
        len(grants),
    )


def is_call(effect: ObservedEffect, submission: Submission) -> bool:
    """Tell whether this is a call for the submission, by the MD5s of its inputs."""
    md5s = (submission.live.md5, submission.image.md5)
    return effect.call is not None and (effect.call.live_md5, effect.call.image_md5) == md5s


def is_billed(effect: ObservedEffect, submission: Submission) -> bool:
    return is_call(effect, submission) and effect.call is not None and effect.call.billed


def _what_hit(index: int, submission: Submission, recording: Recording) -> str:
    """Return what came between a call and its record; empty if nothing did."""
    call, later = recording.effects[index], recording.effects[index + 1 :]
    if call.hit_by_fault:
        return "reply lost"
    own = [effect for effect in later if effect.instance == call.instance]
    if any(
        effect.method == "PUT" and effect.key.startswith(f"{submission.ledger}response")
        for effect in own
    ):
        return ""  # it was written, or existed already
    if any(kill.instance == call.instance for kill in recording.kills):
        # Only the last thing that the instance did can have been cut off.
        return "" if any(is_billed(effect, submission) for effect in own) else "killed"
    tries = [each for each in recording.stopped if _is_try_to_write(each, call, submission)]
    return "not written" if tries else ""


def _is_try_to_write(request: RequestRecord, call: ObservedEffect, submission: Submission) -> bool:
    return (
        request.method == "PUT"
        and request.key.startswith(f"{submission.ledger}response")
        and request.principal == call.instance
        and request.started > call.request.started
    )


def _lost_claims(submission: Submission, effects: Sequence[ObservedEffect]) -> Iterator[str]:
    """Yield the nonces of claims that were replaced after their creator had read them back."""
    stored: dict[str, ObservedEffect] = {}
    read_back: set[str] = set()
    for effect in effects:
        key = effect.key
        if not (key.startswith(submission.ledger) and key.endswith(".claim")):
            continue
        if effect.status != 200:
            continue
        claim = stored.get(key)
        if effect.method == "PUT":
            if claim is not None and claim.nonce != effect.nonce and claim.nonce in read_back:
                yield claim.nonce
            stored[key] = effect
        elif claim is not None and effect.instance == claim.instance:
            read_back.add(claim.nonce)
