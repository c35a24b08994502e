"""Step 3 of the walk: the paid call, under a claim that is ours.

outcome                  billed?   action
business verdict         maybe     record it
not sent, transient      no        call again under the same claim, full jitter, bounded
bad link                 no        inputs changed or gone: begin again; else as transient
throttled                no        defer, and slow down
configuration            no        defer, and raise
sent, no reply           maybe     only another attempt may call again
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .context import Context
from .errors import ObjectChangedError, ObjectGoneError
from .face_api import Answer, DetectRequest, NoReply, NotSent, UploadTarget
from .inspection import CompletePair, Input
from .keys import IMAGE, LIVE
from .ledger import Mine
from .logs import Log
from .markers import ParkReason
from .pacing import Permit
from .records import LEASE_SECONDS
from .retry import RetryPolicy
from .store import CLOCK_RESOLUTION_SECONDS
from .urls import cos_url_problem
from .verdicts import Action, Disposition, dispose, dispose_unprepared

# One call's total deadline, and the time that makes a call worth starting.
CALL_SECONDS = 25.0
MIN_CALL_SECONDS = 8.0
# How much longer than the call a pre-signed URL lives: the service may begin its download late.
URL_EXTRA_SECONDS = 30
# Calls under one claim while the service says "not now" without billing.
TRANSIENT_POLICY = RetryPolicy(attempts=3, seconds=LEASE_SECONDS, base=0.5, cap=4.0)
PAUSE_SECONDS = 60.0


class FinalAnswer(NamedTuple):
    """A business verdict, and the MD5s of what was judged, by role."""

    answer: Answer
    md5s: dict[str, str]


class Deferral(NamedTuple):
    """Nothing was billed and nothing more can be done now; due again after `seconds`."""

    seconds: float
    reason: ParkReason
    detail: str = ""


class InputsChanged(NamedTuple):
    """The inputs are no longer those that were inspected; nothing was billed for them."""


class OutcomeUnknown(NamedTuple):
    """A call was sent and got no reply: it may have been billed."""


class _Prepared(NamedTuple):
    build_request: Callable[[float], DetectRequest]  # given the seconds that the call may take
    md5s: dict[str, str]


def call(
    ctx: Context, pair: CompletePair, claim: Mine, permit: Permit, log: Log
) -> FinalAnswer | Deferral | InputsChanged | OutcomeUnknown:
    """Make the call, and decide what its reply means. Raises StoreUnavailableError."""
    prepared: _Prepared | Answer | NotSent | None = None
    failures = 0
    while True:
        if _seconds_for_call(ctx, claim) < MIN_CALL_SECONDS:
            return Deferral(0, ParkReason.TIME_EXHAUSTED)
        if not isinstance(prepared, _Prepared):
            try:
                prepared = _prepare(ctx, pair, claim)
            except (ObjectChangedError, ObjectGoneError):
                return InputsChanged()
        reply = _send(ctx, claim, prepared) if isinstance(prepared, _Prepared) else prepared
        if isinstance(reply, Deferral):
            return reply
        disposition = _dispose(ctx, prepared, reply)
        _log_reply(log, claim, reply, disposition)

        match disposition.action:
            case Action.RECORD:
                assert isinstance(prepared, _Prepared) and isinstance(reply, Answer)
                ctx.pacer.on_success()
                return FinalAnswer(reply, prepared.md5s)
            case Action.SPEND:
                return OutcomeUnknown()
            case Action.BACK_OFF:
                ctx.pacer.on_throttled(permit)
                return Deferral(0, ParkReason.THROTTLED, disposition.detail)
            case Action.GIVE_BACK:
                return Deferral(PAUSE_SECONDS, ParkReason.MISCONFIGURED, disposition.detail)
            case Action.CHECK_INPUTS if _inputs_changed(ctx, pair):
                return InputsChanged()
        failures += 1
        if failures >= TRANSIENT_POLICY.attempts:
            bad_link = disposition.action is Action.CHECK_INPUTS
            reason = ParkReason.BAD_LINK if bad_link else ParkReason.TRANSIENT
            return Deferral(PAUSE_SECONDS, reason, disposition.detail)
        ctx.clock.sleep(TRANSIENT_POLICY.wait(failures, ctx.rng))
        next_permit = ctx.pacer.acquire(_seconds_for_call(ctx, claim))
        if next_permit is None:
            return Deferral(0, ParkReason.LEASE_EXHAUSTED)
        permit = next_permit


def _send(ctx: Context, claim: Mine, prepared: _Prepared) -> Answer | NotSent | NoReply | Deferral:
    """Send the one request that may be billed, if there still is time for it."""
    if not ctx.pacer.await_start():
        return Deferral(0, ParkReason.DRAIN_ENDING)
    seconds = _seconds_for_call(ctx, claim)
    if seconds < MIN_CALL_SECONDS:
        return Deferral(0, ParkReason.LEASE_EXHAUSTED)
    return ctx.face.detect(prepared.build_request(seconds), seconds)


def _dispose(
    ctx: Context, prepared: _Prepared | Answer | NotSent, reply: Answer | NotSent | NoReply
) -> Disposition:
    if isinstance(prepared, _Prepared):
        return dispose(reply, ctx.settings.sim_threshold)
    return dispose_unprepared(prepared)


def _log_reply(
    log: Log, claim: Mine, reply: Answer | NotSent | NoReply, disposition: Disposition
) -> None:
    if isinstance(reply, NoReply):
        log("pair.call-outcome-unknown", attempt=claim.number, reason=reply.reason)
    elif isinstance(reply, NotSent):
        log("pair.call-not-sent", attempt=claim.number, reason=reply.reason)
    else:
        log(
            "pair.called",
            attempt=claim.number,
            code=reply.code,
            category=disposition.category,
            api_request_id=reply.request_id,
            contract_violation=reply.contract_violation or None,
        )


def _seconds_for_call(ctx: Context, claim: Mine) -> float:
    """Return what is left of the lease, by our own clock, and of the invocation."""
    lease_end = claim.started + LEASE_SECONDS - CLOCK_RESOLUTION_SECONDS
    return min(CALL_SECONDS, lease_end - ctx.clock.monotonic(), ctx.seconds_for_calls())


def _prepare(ctx: Context, pair: CompletePair, claim: Mine) -> _Prepared | Answer | NotSent:
    """Find URLs and MD5s of both inputs. Raises ObjectChangedError, ObjectGoneError."""
    if ctx.settings.transfer == "upload":
        return _upload(ctx, pair, _seconds_for_call(ctx, claim))
    bucket, live, image = ctx.settings.bucket, pair.live, pair.image

    def md5(item: Input) -> str:
        return item.md5 or ctx.store.md5(bucket, item.key, item.etag)

    live_md5, image_md5 = ctx.concurrency.gather(lambda: md5(live), lambda: md5(image))

    def build_request(seconds: float) -> DetectRequest:
        lifetime = int(seconds) + URL_EXTRA_SECONDS
        return DetectRequest(
            live_url=ctx.store.presign(bucket, live.key, lifetime),
            live_md5=live_md5,
            image_url=ctx.store.presign(bucket, image.key, lifetime),
            image_md5=image_md5,
        )

    return _Prepared(build_request, {LIVE: live_md5, IMAGE: image_md5})


def _upload(ctx: Context, pair: CompletePair, seconds: float) -> _Prepared | Answer | NotSent:
    """Copy both inputs to the service through CreateUploadUrl (document 1061/47648)."""

    def request_target() -> UploadTarget | Answer | NotSent:
        return ctx.face.upload_target(seconds)

    targets: list[UploadTarget | Answer | NotSent] = ctx.concurrency.gather(
        request_target, request_target
    )
    live, image = targets
    if not isinstance(live, UploadTarget):
        return live
    if not isinstance(image, UploadTarget):
        return image
    for target in (live, image):
        if problem := cos_url_problem(target.upload_url, ctx.settings.endpoint_scheme):
            return NotSent(f"CreateUploadUrl's answer was refused: {problem}")

    def copy(item: Input, target: UploadTarget) -> str:
        return ctx.store.upload_to_url(ctx.settings.bucket, item.key, item.etag, target.upload_url)

    live_md5, image_md5 = ctx.concurrency.gather(
        lambda: copy(pair.live, live), lambda: copy(pair.image, image)
    )
    request = DetectRequest(live.resource_url, live_md5, image.resource_url, image_md5)
    return _Prepared(lambda _: request, {LIVE: live_md5, IMAGE: image_md5})


def _inputs_changed(ctx: Context, pair: CompletePair) -> bool:
    def changed(item: Input) -> bool:
        head = ctx.store.head(ctx.settings.bucket, item.key)
        return head is None or (head.etag, head.size) != (item.etag, item.size)

    return any(ctx.concurrency.gather(*(lambda item=i: changed(item) for i in pair.inputs)))
