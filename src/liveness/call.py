"""Step 3 of the walk: the paid call, under a claim that is ours.

what comes back          billed   then
business verdict         maybe    keep it
not sent, transient      no       again under the same claim, full jitter, bounded
bad link                 no       inputs changed or gone: begin again; else as transient
throttled                no       set back
configuration            no       set back, and raise
sent, no answer          maybe    only another attempt may call again
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import verdicts
from .decision import outcome_of_answer
from .errors import ObjectChanged, ObjectGone
from .face import Answer, DetectRequest, NoAnswer, NotSent, UploadTarget
from .keys import IMAGE, LIVE
from .ledger import LEASE_SECONDS
from .logs import Log
from .look import Input, Work
from .pacing import Turn
from .retry import RetryPolicy
from .services import Services
from .store import CLOCK_GRAIN_SECONDS
from .urls import cos_url_problem

# One call's total deadline, and the least that makes a call worth starting.
CALL_SECONDS = 25.0
LEAST_CALL_SECONDS = 8.0
# How much longer than the call a pre-signed URL lives: the service may begin its download late.
URL_EXTRA_SECONDS = 30
# Calls under one claim while the service says "not now" without billing.
TRANSIENT = RetryPolicy(attempts=3, seconds=LEASE_SECONDS, base=0.5, cap=4.0)
PAUSE_SECONDS = 60.0


class Attempt(NamedTuple):
    """Our permission to make one call, and when its lease began at the earliest (monotonic)."""

    number: int
    nonce: str
    began: float


class Final(NamedTuple):
    """A business verdict, and the MD5s of what was judged, by role."""

    answer: Answer
    md5s: dict[str, str]


class SetBack(NamedTuple):
    """Nothing was billed and nothing more can be done now; due again after `seconds`."""

    seconds: float
    why: str
    misconfigured: bool = False


class Changed(NamedTuple):
    """Nothing was billed; the inputs are not those that were looked at."""


class Unanswered(NamedTuple):
    """A call went out and may be billed."""


class _Prepared(NamedTuple):
    request: Callable[[float], DetectRequest]
    md5s: dict[str, str]


def call(
    on: Services, work: Work, attempt: Attempt, turn: Turn, log: Log
) -> Final | SetBack | Changed | Unanswered:
    """Call, and sort what comes back. Raises StoreUnavailable."""
    prepared: _Prepared | None = None
    failures = 0
    while True:
        if _seconds_for_call(on, attempt) < LEAST_CALL_SECONDS:
            return SetBack(0, "too little of the lease or of the invocation is left for a call")
        try:
            ready = prepared or _prepare(on, work, attempt)
        except (ObjectChanged, ObjectGone):
            return Changed()
        if isinstance(ready, _Prepared):
            prepared = ready
            if not on.pace.start():
                return SetBack(0, "the drain ends before this call could start")
            seconds = _seconds_for_call(on, attempt)
            if seconds < LEAST_CALL_SECONDS:
                return SetBack(0, "preparing took too much of the lease")
            reply = on.face.detect(prepared.request(seconds), seconds)
        else:
            reply = ready
        if isinstance(reply, NoAnswer):
            log("pair.call-unanswered", attempt=attempt.number, why=reply.why)
            return Unanswered()
        if isinstance(reply, NotSent):
            log("pair.call-unsent", attempt=attempt.number, why=reply.why)
            category, why = verdicts.TRANSIENT, "the call could not be sent"
        else:
            outcome = outcome_of_answer(reply, on.settings.sim_threshold)
            log(
                "pair.called",
                attempt=attempt.number,
                code=reply.code,
                category=outcome.category,
                api_request_id=reply.request_id,
                flaw=reply.flaw or None,
            )
            if outcome.final and prepared:
                on.pace.answered()
                return Final(reply, prepared.md5s)
            # What CreateUploadUrl answers is never a verdict on a person.
            category = verdicts.TRANSIENT if outcome.final else outcome.category
            why = f"{reply.code}: {outcome.en}"
        if category == verdicts.THROTTLED:
            on.pace.throttled(turn)
            return SetBack(0, why)
        if category == verdicts.CONFIGURATION:
            return SetBack(PAUSE_SECONDS, why, misconfigured=True)
        if category == verdicts.BAD_LINK and _inputs_changed(on, work):
            return Changed()
        failures += 1
        if failures >= TRANSIENT.attempts:
            return SetBack(PAUSE_SECONDS, why)
        on.clock.sleep(TRANSIENT.wait(failures, on.chance))
        next_turn = on.pace.turn(_seconds_for_call(on, attempt))
        if next_turn is None:
            return SetBack(0, "no turn came while the lease lasted")
        turn = next_turn


def _seconds_for_call(on: Services, attempt: Attempt) -> float:
    """What our own clock leaves of the lease and of the invocation."""
    lease_left = attempt.began + LEASE_SECONDS - CLOCK_GRAIN_SECONDS - on.clock.monotonic()
    return min(CALL_SECONDS, lease_left, on.seconds_left())


def _prepare(on: Services, work: Work, attempt: Attempt) -> _Prepared | Answer | NotSent:
    """URLs and MD5s of both inputs, live package first. Raises ObjectChanged, ObjectGone."""
    if on.settings.transfer == "upload":
        return _upload(on, work, _seconds_for_call(on, attempt))
    bucket = on.settings.bucket
    live, image = work.live, work.image

    def md5(item: Input) -> str:
        return item.md5 or on.store.md5(bucket, item.key, item.etag)

    live_md5, image_md5 = on.concurrency.together(lambda: md5(live), lambda: md5(image))

    def request(seconds: float) -> DetectRequest:
        lifetime = int(seconds) + URL_EXTRA_SECONDS
        return DetectRequest(
            on.store.presign(bucket, live.key, lifetime),
            live_md5,
            on.store.presign(bucket, image.key, lifetime),
            image_md5,
        )

    return _Prepared(request, {LIVE: live_md5, IMAGE: image_md5})


def _upload(on: Services, work: Work, seconds: float) -> _Prepared | Answer | NotSent:
    """Hand both objects over through CreateUploadUrl (document 1061/47648)."""

    def target() -> UploadTarget | Answer | NotSent:
        return on.face.upload_target(seconds)

    targets: list[UploadTarget | Answer | NotSent] = on.concurrency.together(target, target)
    live, image = targets
    if not isinstance(live, UploadTarget):
        return live
    if not isinstance(image, UploadTarget):
        return image
    for item in (live, image):
        if problem := cos_url_problem(item.upload_url, on.settings.endpoint_scheme):
            return NotSent(f"CreateUploadUrl's answer was refused: {problem}")

    def send(item: Input, to: UploadTarget) -> str:
        return on.store.send(on.settings.bucket, item.key, item.etag, to.upload_url)

    live_md5, image_md5 = on.concurrency.together(
        lambda: send(work.live, live), lambda: send(work.image, image)
    )
    request = DetectRequest(live.resource_url, live_md5, image.resource_url, image_md5)
    return _Prepared(lambda _: request, {LIVE: live_md5, IMAGE: image_md5})


def _inputs_changed(on: Services, work: Work) -> bool:
    def changed(item: Input) -> bool:
        head = on.store.head(on.settings.bucket, item.key)
        return head is None or (head.etag, head.size) != (item.etag, item.size)

    return any(on.concurrency.together(*(lambda item=i: changed(item) for i in work.inputs)))
