"""Step 3 of the walk: makes the paid call under our claim, and decides what its reply means.

reply                         owner      billed?   then
business verdict                         maybe     record it
throttled                     account    no        a drain sends it again; give the attempt back
credentials, arrears ...      account    no        give the attempt back, and raise
never sent                    service    no        once more at once, then give the attempt back
answered without a verdict    service    no        once more at once, then a set-back
sent, no reply                service    maybe     only another attempt may call, after a pause
bad link, codes of content    pair       no        inputs changed: start over; else a set-back
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .breaker import CallOutcome
from .context import Context
from .errors import (
    ConfigurationError,
    ObjectChangedError,
    ObjectGoneError,
    ObjectUnreadableError,
    UnreadableReplyError,
)
from .face_api import Answer, DetectRequest, NoReply, NotSent, UploadTarget
from .inspection import UNREADABLE, CompletePair, Input, InvalidPair, may_read
from .keys import IMAGE, LIVE
from .ledger import Mine
from .logs import Log
from .markers import ParkReason
from .pacing import Permit
from .records import LEASE_SECONDS
from .retry import RetryPolicy
from .store import CLOCK_RESOLUTION_SECONDS, Digests
from .urls import cos_url_problem
from .verdict_table import BAD_LINK, THROTTLED, Owner
from .verdicts import Disposition, dispose, dispose_unprepared

# One call's total deadline: the lease, less its uncertainty and the round trip of its claim.
CALL_SECONDS = LEASE_SECONDS - CLOCK_RESOLUTION_SECONDS - 1.0
# The minimum time for which a call is worth starting.
MIN_CALL_SECONDS = 8.0
# How much longer than the call a pre-signed URL lives: the service may begin its download late.
URL_EXTRA_SECONDS = 30
# For the second try under the same claim, which only an unbilled failure of the service gets.
_RETRY_POLICY = RetryPolicy(attempts=2, seconds=LEASE_SECONDS, base=0.5, cap=4.0)
# For what history.py does not space: the account is refused, or the service is not reached.
PAUSE_SECONDS = 60.0


class FinalAnswer(NamedTuple):
    """A business verdict."""

    answer: Answer


class Deferral(NamedTuple):
    """Nothing was billed and nothing more can be done now; due again after `seconds`."""

    seconds: float
    reason: ParkReason
    detail: str = ""


class SetBack(NamedTuple):
    """The content was not judged, which counts against it; `answer` is the service's, if any."""

    reason: ParkReason
    detail: str
    answer: Answer | None = None


class InputsChanged(NamedTuple):
    """The inputs are no longer those that were inspected; nothing was billed for them."""


class OutcomeUnknown(NamedTuple):
    """A call was sent and got no reply: it may have been billed."""

    detail: str


class Prepared(NamedTuple):
    """What a call needs besides a claim."""

    build_request: Callable[[float], DetectRequest]  # given the seconds that the call may take
    digests: dict[str, Digests]  # of what is judged, by role


OnLateAnswer = Callable[[Answer], None]


def call(
    ctx: Context,
    prepared: Prepared,
    pair: CompletePair,
    claim: Mine,
    permit: Permit,
    may_retry: bool,
    on_late_answer: OnLateAnswer,
    log: Log,
) -> FinalAnswer | Deferral | SetBack | InputsChanged | OutcomeUnknown:
    """Make the call, and decide what its reply means.

    Any error is raised before a request was sent, or after one that was not billed.
    """
    permits = [permit]
    try:
        return _call(ctx, prepared, pair, claim, permits, may_retry, on_late_answer, log)
    finally:
        for taken in permits[1:]:
            ctx.pacer.close(taken)


def _call(
    ctx: Context,
    prepared: Prepared,
    pair: CompletePair,
    claim: Mine,
    permits: list[Permit],
    may_retry: bool,
    on_late_answer: OnLateAnswer,
    log: Log,
) -> FinalAnswer | Deferral | SetBack | InputsChanged | OutcomeUnknown:
    """Make the call under the last of `permits`; each further permit is added there."""
    failures = 0
    set_back: SetBack | None = None  # by an earlier try; it counts, whatever stops the next one
    while True:
        permit = permits[-1]
        if not ctx.pacer.await_start(permit):
            return set_back or Deferral(0, ParkReason.DRAIN_ENDING)
        seconds = seconds_for_call(ctx, claim)
        if seconds < MIN_CALL_SECONDS:
            return set_back or Deferral(0, ParkReason.TIME_EXHAUSTED)
        request = prepared.build_request(seconds)
        reply = ctx.face.detect(request, seconds, on_late_answer)
        disposition = dispose(reply, ctx.settings.sim_threshold)
        _log_reply(log, claim, reply, disposition)
        ctx.pacer.on_outcome(outcome_of_reply(reply, disposition), permit)

        if disposition.owner is None and isinstance(reply, Answer):
            return FinalAnswer(reply)
        if isinstance(reply, NoReply):
            return OutcomeUnknown(disposition.detail)
        if disposition.category == THROTTLED and ctx.pacer.may_resend(permit):
            continue
        if disposition.owner is Owner.ACCOUNT:
            return set_back or account_deferral(disposition)
        if disposition.category == BAD_LINK and _inputs_changed(ctx, pair):
            return InputsChanged()
        failures += 1
        outcome = set_back_by(reply, disposition)
        set_back = outcome if isinstance(outcome, SetBack) else set_back
        retries = disposition.owner is Owner.SERVICE and may_retry
        if not retries or failures >= _RETRY_POLICY.attempts:
            return set_back or outcome
        ctx.clock.sleep(_RETRY_POLICY.wait(failures, ctx.rng))
        next_permit = ctx.pacer.acquire(seconds_for_call(ctx, claim))
        if next_permit is None:
            return set_back or Deferral(0, ParkReason.NO_CALL_SLOT)
        permits.append(next_permit)


def outcome_of_reply(reply: Answer | NotSent | NoReply, disposition: Disposition) -> CallOutcome:
    """Return what a reply says about the service and the account."""
    if not isinstance(reply, Answer):
        return CallOutcome.UNANSWERED
    if disposition.owner is None:
        return CallOutcome.VERDICT
    if disposition.category == THROTTLED:
        return CallOutcome.THROTTLED
    if disposition.category == BAD_LINK:
        return CallOutcome.BAD_LINK
    return CallOutcome.REFUSED if disposition.owner is Owner.ACCOUNT else CallOutcome.ANSWERED


def account_deferral(disposition: Disposition) -> Deferral:
    """Defer because of the account, which never counts against the pair."""
    if disposition.category == THROTTLED:
        return Deferral(0, ParkReason.THROTTLED, disposition.detail)
    return Deferral(PAUSE_SECONDS, ParkReason.MISCONFIGURED, disposition.detail)


def set_back_by(reply: Answer | NotSent | NoReply, disposition: Disposition) -> SetBack | Deferral:
    """Return what follows from an unbilled failure of the service or the pair."""
    if not isinstance(reply, Answer):
        return Deferral(PAUSE_SECONDS, ParkReason.UNREACHABLE, disposition.detail)
    bad_link = disposition.category == BAD_LINK
    reason = ParkReason.BAD_LINK if bad_link else ParkReason.TRANSIENT
    return SetBack(reason, disposition.detail, reply)


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
            owner=disposition.owner.value if disposition.owner else None,
            api_request_id=reply.request_id,
            contract_violation=reply.contract_violation or None,
        )


def seconds_for_call(ctx: Context, claim: Mine) -> float:
    """Return the seconds left for a call in both the lease, by our clock, and the invocation."""
    lease_end = claim.started + CALL_SECONDS
    return min(lease_end - ctx.clock.monotonic(), ctx.seconds_for_calls())


# ---- preparation, which needs no claim


def needs_preparation(ctx: Context, pair: CompletePair) -> bool:
    """Whether preparing a call takes requests: to copy inputs, or to hash what no ETag gives."""
    return ctx.settings.transfer == "upload" or not all(item.md5 for item in pair.inputs)


def prepare(
    ctx: Context, pair: CompletePair
) -> Prepared | Deferral | SetBack | InputsChanged | InvalidPair:
    """Get URLs and MD5s of both inputs. Raises StoreUnavailableError, ConfigurationError."""
    if not needs_preparation(ctx, pair):
        return _presign(ctx, pair)
    work = _upload if ctx.settings.transfer == "upload" else _presign
    seconds = ctx.seconds_for_calls() - MIN_CALL_SECONDS
    try:
        prepared: Prepared | Deferral | SetBack = ctx.concurrency.with_timeout(
            lambda: work(ctx, pair), seconds
        )
        return prepared
    except TimeoutError:
        return SetBack(ParkReason.PREPARATION_SLOW, f"not done after {seconds:.0f} s")
    except (ObjectChangedError, ObjectGoneError):
        return InputsChanged()
    except ObjectUnreadableError as error:
        return InvalidPair(pair, error.reason, str(error))
    except (ConfigurationError, UnreadableReplyError) as error:
        if not may_read(ctx.settings, ctx.store):
            raise
        return InvalidPair(pair, UNREADABLE, str(error))


def _presign(ctx: Context, pair: CompletePair) -> Prepared:
    bucket, live, image = ctx.settings.bucket, pair.live, pair.image

    def digest(item: Input) -> Digests:
        return Digests(item.md5) if item.md5 else ctx.store.digest(bucket, item.key, item.etag)

    of_live, of_image = ctx.concurrency.gather(lambda: digest(live), lambda: digest(image))
    digests = {LIVE: of_live, IMAGE: of_image}

    def build_request(seconds: float) -> DetectRequest:
        # Links are signed by our clock: if it is behind COS's, they expire that much earlier.
        lifetime = int(seconds + URL_EXTRA_SECONDS + max(0.0, ctx.store.clock_offset))
        return DetectRequest(
            live_url=ctx.store.presign(bucket, live.key, lifetime),
            live_md5=digests[LIVE].md5,
            image_url=ctx.store.presign(bucket, image.key, lifetime),
            image_md5=digests[IMAGE].md5,
        )

    return Prepared(build_request, digests)


def _upload(ctx: Context, pair: CompletePair) -> Prepared | Deferral | SetBack:
    """Copy both inputs to the service through CreateUploadUrl (document 1061/47648)."""

    def request_target() -> UploadTarget | Answer | NotSent:
        return ctx.face.upload_target(CALL_SECONDS)

    targets: list[UploadTarget | Answer | NotSent] = ctx.concurrency.gather(
        request_target, request_target
    )
    for target in targets:
        if not isinstance(target, UploadTarget):
            return _unprepared(ctx, target)
        scheme, region = ctx.settings.endpoint_scheme, ctx.settings.region
        if problem := cos_url_problem(target.upload_url, scheme, region):
            reason = f"CreateUploadUrl's answer was refused: {problem}"
            return _unprepared(ctx, NotSent(reason))

    def copy(item: Input, target: UploadTarget | Answer | NotSent) -> Digests:
        assert isinstance(target, UploadTarget)
        return ctx.store.upload_to_url(ctx.settings.bucket, item.key, item.etag, target.upload_url)

    live, image = targets
    live_digests, image_digests = ctx.concurrency.gather(
        lambda: copy(pair.live, live), lambda: copy(pair.image, image)
    )
    assert isinstance(live, UploadTarget) and isinstance(image, UploadTarget)
    request = DetectRequest(
        live.resource_url, live_digests.md5, image.resource_url, image_digests.md5
    )
    return Prepared(lambda _: request, {LIVE: live_digests, IMAGE: image_digests})


def _unprepared(ctx: Context, reply: Answer | NotSent) -> Deferral | SetBack:
    disposition = dispose_unprepared(reply)
    outcome = outcome_of_reply(reply, disposition)
    if outcome is not CallOutcome.THROTTLED:  # that limit is not the paid call's
        ctx.pacer.on_outcome(outcome, None)
    if disposition.owner is Owner.ACCOUNT:
        return account_deferral(disposition)
    return set_back_by(reply, disposition)


def _inputs_changed(ctx: Context, pair: CompletePair) -> bool:
    def changed(item: Input) -> bool:
        head = ctx.store.head(ctx.settings.bucket, item.key)
        return head is None or (head.etag, head.size) != (item.etag, item.size)

    return any(ctx.concurrency.gather(*(lambda item=i: changed(item) for i in pair.inputs)))
