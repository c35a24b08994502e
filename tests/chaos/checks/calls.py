"""I2 and I3 at the end of a run: what was billed, and that it had to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from ..billing import Bill, is_billed, is_call
from ..recorder import ObservedEffect
from ..run_record import RunRecord
from ..workload import Submission

# The number of times the function sends a request to COS before it gives up.
_MAX_TRIES = 4
# The response is read concurrently with creating the claim, and may be a little ahead of it.
_CONCURRENT_SECONDS = 1.0


def check_i2_bills(run: RunRecord, bills: Sequence[Bill]) -> Iterator[str]:
    """I2: the injected faults explain every bill. And a result admits every billed call."""
    counted = sum(call.billed for call in run.recording.calls)
    if counted != sum(bill.billed for bill in bills):
        yield f"the API counts {counted} billed calls, but not all are about an uploaded pair"
    for bill in bills:
        if bill.billed > bill.limit:
            yield f"I2: {bill}"
        result = run.result(bill.submission.owner)
        # An invocation that lost its claim after the read-back cannot know of the other's call.
        is_about = result is not None and result["fingerprint"] == bill.submission.fingerprint
        if result is None or not is_about or bill.races:
            continue
        if (admitted := result["possibly_billed_calls"]) < bill.billed:
            yield f"the result of {bill.submission.owner} admits {admitted} calls: {bill}"


def check_i3_response_was_read_before_each_call(run: RunRecord) -> Iterator[str]:
    """I3: a caller's last read of the response found none. And no call mixes people's inputs."""
    effects = run.recording.effects
    for index, effect in enumerate(effects):
        if effect.call is None:
            continue
        submission = next((each for each in run.plan.submissions if is_call(effect, each)), None)
        if submission is None:
            yield f"a call about inputs that were never a pair: {effect.call.live_url}"
            continue
        reads = [
            earlier.status
            for earlier in effects[:index]
            if earlier.instance == effect.instance
            and earlier.method == "GET"
            and earlier.key.startswith(f"{submission.ledger}response")
        ]
        if not reads or reads[-1] != 404:
            yield f"I3: a call for {submission.owner} began although its caller had read a response"


def check_i2_attempts(run: RunRecord) -> Iterator[str]:
    """I2: a claim is released only where its call was not billed, and is not left unused."""
    for submission in run.plan.submissions:
        for key in run.bucket.keys(submission.ledger):
            if not key.endswith(".claim"):
                continue
            created, own = _history_of(run, key)
            if created is None:
                continue
            name = f"{key.rpartition('/')[2]} of {submission.owner}"
            released = _nonce_in(run, f"{key.removesuffix('.claim')}.released")
            if released == created.nonce and any(is_billed(effect, submission) for effect in own):
                yield f"{name} was released although its call was billed"
            if not released and not _is_explained(run, submission, created, own):
                yield f"{name} was left unused for no reason"


def _nonce_in(run: RunRecord, key: str) -> str:
    stored = run.bucket.get(key)
    return str(json.loads(stored.body())["nonce"]) if stored else ""


def _history_of(run: RunRecord, key: str) -> tuple[ObservedEffect | None, list[ObservedEffect]]:
    """Return the creation of the stored claim, and what its owner did until its next claim."""
    folder = key.rpartition("/")[0]
    nonce = _nonce_in(run, key)
    created: ObservedEffect | None = None
    own: list[ObservedEffect] = []
    for effect in run.recording.effects:
        creates = effect.method == "PUT" and effect.status == 200
        if created is None:
            if creates and effect.key == key and effect.nonce == nonce:
                created = effect
        elif effect.instance == created.instance:
            is_next = creates and effect.key.endswith(".claim") and effect.nonce != nonce
            if is_next and effect.key.startswith(folder):
                break
            own.append(effect)
    return created, own


def _is_explained(
    run: RunRecord, submission: Submission, created: ObservedEffect, own: list[ObservedEffect]
) -> bool:
    """Tell whether the claim was used, or not needed, or a fault kept its owner from using it."""
    if any(is_call(effect, submission) or _shows_response(effect, submission) for effect in own):
        return True
    effects = run.recording.effects
    if any(_shows_response(effect, submission) for effect in effects[: effects.index(created)]):
        return True
    # A race hit the second PUT, which proves that create-only works: its owner must not call.
    if any(
        effect.method == "PUT" and effect.key == created.key and effect.status == 200
        for effect in own
    ):
        return True
    if any(kill.instance == created.instance for kill in run.recording.kills):
        return True
    hit = (effect.request for effect in effects if effect.hit_by_fault)
    failed = [
        request
        for request in (*run.recording.stopped, *hit)
        if request.principal == created.instance
        and request.started > created.request.started - _CONCURRENT_SECONDS
    ]
    if any(request.service == "faceid" for request in failed):
        return True
    # Its number as a submission, and as a use of its package, is read beside the claim.
    parts = submission.ledger, "/submissions/", f"/packages/{submission.live.md5}/"
    tries = Counter(
        (request.method, request.key)
        for request in failed
        if any(part in request.key for part in parts)
    )
    return max(tries.values(), default=0) >= _MAX_TRIES


def _shows_response(effect: ObservedEffect, submission: Submission) -> bool:
    return effect.status == 200 and effect.key.startswith(f"{submission.ledger}response")
