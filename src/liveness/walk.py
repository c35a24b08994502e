"""The walk of one pair, from wake-up to result.

1 inspect      read the inputs and the current result; stop if it is up to date, or
2 claim        get the one permission to call for this fingerprint, or find the response
3 call         make the paid call (call.py)
4 record       store the answer, before anything else happens
5 publish      store the frame, then result.json
6 re-inspect   begin again if the inputs changed: the newest content's result must stay
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from .best_frame import StoredFrame
from .call import (
    CALL_SECONDS,
    MIN_CALL_SECONDS,
    PAUSE_SECONDS,
    Deferral,
    FinalAnswer,
    InputsChanged,
    OutcomeUnknown,
    call,
)
from .context import Context
from .errors import (
    ConfigurationError,
    LivenessError,
    PairNotFinishedError,
    StoreUnavailableError,
)
from .face_api import NoFrame
from .inspection import CompletePair, Inspection, InvalidPair, inspect
from .keys import drain_slot_key
from .ledger import Ledger, Mine, Theirs
from .logs import Log
from .markers import Marker, ParkReason, park
from .pacing import Permit
from .publish import Publisher
from .records import Claim, Response
from .retry import with_retries
from .verdict_table import Outcome
from .verdicts import may_be_billed

# Content that changes faster than it can be judged is left to the backlog after so many rounds.
_MAX_ROUNDS = 5


class WalkResult(NamedTuple):
    """How a walk ended: `state` is waiting, done, published or parked."""

    pair_id: str
    state: str
    status: str | None = None
    detail: str | None = None
    is_due: bool = False  # parked, and due at once

    def to_summary(self) -> dict[str, str]:
        summary = {
            "pair_id": self.pair_id,
            "state": self.state,
            "status": self.status,
            "detail": self.detail,
        }
        return {name: value for name, value in summary.items() if value is not None}


class Parked(NamedTuple):
    """A marker was written because of this deferral."""

    deferral: Deferral


class RecordedResponse(NamedTuple):
    """The response in force, and its frame if that was dealt with already."""

    response: Response
    frame: StoredFrame | NoFrame | None = None


class Attempts(NamedTuple):
    """The attempts known so far: the table in ledger.py, summed up."""

    number: int = 0  # of the latest
    counted: int = 0  # those that count towards the limit
    lease_left: float = -math.inf  # of those counted that were found last; negative once over

    def extended(self, claims: Iterable[Claim]) -> Attempts:
        """Return the attempts with these claims, which follow the latest one."""
        claims = list(claims)
        counted = [claim for claim in claims if not claim.released]
        return Attempts(
            self.number + len(claims),
            self.counted + len(counted),
            max((claim.lease_left for claim in counted), default=-math.inf),
        )

    @property
    def seconds_until_settled(self) -> float:
        """Seconds until the last caller's answer, too, cannot come any more."""
        return self.lease_left + CALL_SECONDS


class Walk:
    """The walk of one pair in one invocation."""

    def __init__(self, ctx: Context, pair_id: str, log: Log, deliveries: int = 0) -> None:
        self._ctx = ctx
        self._pair_id = pair_id
        self._deliveries = deliveries
        self._drain_active = False
        self._giving_up = False
        self._log = log.about(pair_id=pair_id)
        self._publisher = Publisher(ctx, pair_id, self._log_step)
        self._last_step = ctx.clock.monotonic()

    def run(self) -> WalkResult:
        """Walk until there is nothing left to do.

        On a normal return the pair is incomplete, its result is published, or a marker for it
        exists. Raises PairNotFinishedError.
        """
        try:
            return self._walk()
        except PairNotFinishedError:
            raise
        except LivenessError as error:
            raise PairNotFinishedError(error, marker_written=False) from error

    def abandon(self) -> WalkResult:
        """Walk as `run` does, but give the pair up where a call would be made.

        For a poison pair, one whose walk has ended too many invocations.
        """
        self._giving_up = True
        return self.run()

    def needs_work(self) -> bool:
        """Whether the pair is complete and its published result is not the current one."""
        inspection = self._inspect()
        pair = inspection.pair
        return pair is not None and not self._is_up_to_date(inspection, self._ledger(pair))

    def grant(self) -> None:
        """Allow one more attempt for what the bucket holds now, if it ended `failed`."""
        inputs = self._inspect().inputs
        if isinstance(inputs, CompletePair):
            self._ledger(inputs).grant()

    def _walk(self) -> WalkResult:
        published: WalkResult | None = None
        for _ in range(_MAX_ROUNDS):
            inspection = self._inspect()
            pair, inputs = inspection.pair, inspection.inputs
            if pair is None:
                missing = f"no {' and '.join(inspection.missing)} input yet"
                return published or self._result("waiting", detail=missing)
            ledger = self._ledger(pair)
            if self._is_up_to_date(inspection, ledger):
                return published or self._result("done", inspection.result_status)
            if isinstance(inputs, InvalidPair) and ledger.response() is None:
                outcome = self._publisher.publish_invalid(inputs)
                published = self._published(outcome, inputs.detail)
                continue
            step = self._settle(ledger, pair)
            if isinstance(step, Deferral):
                step = self._park(step)
            if isinstance(step, Parked):
                return self._parked(step)
            if isinstance(step, RecordedResponse):
                published = self._publish(pair, step)
        return self._parked(self._park(Deferral(0, ParkReason.INPUTS_UNSTABLE)))

    # ---- 1 and 6: inspect

    def _inspect(self) -> Inspection:
        ctx = self._ctx
        defers = ctx.pacer.defers_to_drain
        slot = drain_slot_key(ctx.settings, ctx.store.now()) if defers else None
        inspection = inspect(ctx.settings, ctx.store, ctx.concurrency, self._pair_id, slot)
        self._drain_active = inspection.drain_active
        self._log_step(
            "pair.inspected",
            inputs=type(inspection.inputs).__name__.removesuffix("Pair").lower(),
            result=inspection.result_fingerprint,
        )
        return inspection

    def _ledger(self, pair: CompletePair) -> Ledger:
        self._log = self._log.about(fingerprint=pair.fingerprint)
        return Ledger(self._ctx, pair)

    def _is_up_to_date(self, inspection: Inspection, ledger: Ledger) -> bool:
        """Whether the published result is of this very content, and the last word on it."""
        if not inspection.result_is_current or inspection.invalid_result_is_outdated():
            return False
        if inspection.result_status == "failed":
            response = ledger.response()
            return not inspection.failed_result_is_outdated(response, ledger.grants)
        if inspection.result_lacks_frame:
            response = ledger.response()
            answer = response.answer if response else None
            # Another invocation may have stored the frame since.
            return answer is None or self._publisher.find_stored_frame(answer) is None
        return True

    # ---- 2: claim

    def _settle(
        self, ledger: Ledger, pair: CompletePair
    ) -> RecordedResponse | Deferral | Parked | InputsChanged:
        """Find the recorded response, or make the one call that may be made."""
        attempts = Attempts()
        permit: Permit | None = None
        while True:
            if not self._giving_up:
                # One permit is one call: what is found out on the way to an attempt costs none.
                ready = self._get_ready_to_call(permit)
                if isinstance(ready, Deferral):
                    return ready
                permit = ready
            match ledger.claim(attempts.number + 1):
                case Response() as response:
                    return RecordedResponse(response)
                case Mine() as mine:
                    if permit is None:  # under this claim no call begins while we give up
                        return self._give_up(ledger, mine.number, attempts.counted)
                    outcome = self._call_under(ledger, pair, mine, permit, attempts.counted)
                    if not isinstance(outcome, OutcomeUnknown):
                        return outcome
                    # We know that our call is over, so its lease need not be waited for.
                    age = self._ctx.clock.monotonic() - mine.started
                    lost = Claim(mine.number, mine.nonce, age, released=False)
                    attempts, permit = attempts.extended([lost]), None
                case Theirs(claim):
                    superseded = claim.is_expired_or_released
                    later = ledger.list_attempts(claim.number + 1) if superseded else []
                    attempts = attempts.extended([claim, *later])
                    if attempts.lease_left > 0:
                        return Deferral(attempts.lease_left, ParkReason.LEASE_HELD)
            late = ledger.late_response(range(1, attempts.number + 1)) if ledger.grants else None
            if late:
                ledger.store_response(late)
                return RecordedResponse(self._read_recorded(ledger, late))
            exhausted = attempts.counted >= self._ctx.settings.max_attempts + ledger.grants
            if exhausted or self._giving_up:
                if attempts.seconds_until_settled > 0:
                    # The last caller's answer may still come, and must not find us giving up.
                    wait = attempts.seconds_until_settled
                    return Deferral(wait, ParkReason.ATTEMPTS_EXHAUSTED)
                if exhausted:
                    return self._give_up(ledger, attempts.number, attempts.counted)

    def _get_ready_to_call(self, permit: Permit | None) -> Permit | Deferral:
        """Return a permit to call, or why none can be had now."""
        seconds = self._ctx.seconds_for_calls()
        if seconds < MIN_CALL_SECONDS:
            return Deferral(0, ParkReason.TIME_EXHAUSTED)
        if self._drain_active:
            return Deferral(0, ParkReason.DRAIN_ACTIVE)
        permit = permit or self._ctx.pacer.acquire(seconds - MIN_CALL_SECONDS)
        return permit or Deferral(0, ParkReason.NO_CALL_SLOT)

    def _give_up(
        self, ledger: Ledger, attempt: int, counted: int
    ) -> RecordedResponse | InputsChanged:
        self._giving_up = False  # what is uploaded from now on is called for
        self._log_step("pair.given-up", attempts=attempt, possibly_billed=counted)
        now, settings = self._ctx.clock.now(), self._ctx.settings
        ledger.store_response(
            Response(
                attempt=attempt,
                possibly_billed=counted,
                threshold=settings.sim_threshold,
                transfer=settings.transfer,
                md5s={},
                claimed_at=now,
                answered_at=now,
                answer=None,
            )
        )
        recorded = ledger.response()
        # None: an operator granted another attempt meanwhile, so begin again.
        return InputsChanged() if recorded is None else RecordedResponse(recorded)

    # ---- 3: call

    def _call_under(
        self, ledger: Ledger, pair: CompletePair, claim: Mine, permit: Permit, counted: int
    ) -> RecordedResponse | Parked | InputsChanged | OutcomeUnknown:
        """Use our claim: call, and either record the answer or give the attempt back."""
        self._log_step("pair.claimed", attempt=claim.number)
        try:
            outcome = call(self._ctx, pair, claim, permit, self._log)
        except LivenessError as error:
            # What `call` raises came before any request or after a free one: nothing was billed.
            parked = self._park_and_release(ledger, claim)
            raise PairNotFinishedError(error, marker_written=parked) from error
        match outcome:
            case OutcomeUnknown():
                return outcome
            case FinalAnswer():
                return self._record(ledger, self._response(outcome, claim, counted))
            case InputsChanged():
                self._release(ledger, claim)
                return outcome
            case Deferral():
                # First the marker, then the release: a crash in between forgets no pair.
                parked_step = self._park(outcome)
                self._release(ledger, claim)
                if outcome.reason is ParkReason.MISCONFIGURED:
                    refusal = ConfigurationError(f"the face API refuses: {outcome.detail}")
                    raise PairNotFinishedError(refusal, marker_written=True)
                return parked_step

    def _park_and_release(self, ledger: Ledger, claim: Mine) -> bool:
        """Give the attempt back after an error; return whether a marker was written."""
        parked = False
        with contextlib.suppress(LivenessError):
            self._park(Deferral(PAUSE_SECONDS, ParkReason.PREPARATION_FAILED))
            parked = True
            self._release(ledger, claim)
        return parked

    def _release(self, ledger: Ledger, claim: Mine) -> None:
        ledger.release(claim)
        self._log_step("pair.released", attempt=claim.number)

    def _response(self, final: FinalAnswer, claim: Mine, counted: int) -> Response:
        settings, clock = self._ctx.settings, self._ctx.clock
        now = clock.now()
        return Response(
            attempt=claim.number,
            possibly_billed=counted + may_be_billed(final.answer),
            threshold=settings.sim_threshold,
            transfer=settings.transfer,
            md5s=final.md5s,
            claimed_at=now - (clock.monotonic() - claim.started),
            answered_at=now,
            answer=final.answer,
        )

    # ---- 4: record

    def _record(self, ledger: Ledger, ours: Response) -> RecordedResponse:
        """Store the answer; meanwhile fetch its frame, which is stored while we read back.

        The frame's key names its content, so it may be stored before anything refers to it.
        """
        answer = ours.answer
        assert answer is not None
        (frame,) = ledger.store_response(ours, lambda: self._publisher.fetch_frame(answer))
        stored_frame, recorded = self._ctx.concurrency.gather(
            lambda: self._publisher.try_store_frame(frame),
            lambda: self._read_recorded(ledger, ours),
        )
        if recorded == ours:
            self._log_step("pair.response-stored", attempt=ours.attempt)
            return RecordedResponse(recorded, stored_frame)
        ledger.store_late_response(ours)
        too_late = may_be_billed(answer) and recorded.answer is None
        event = "pair.billed-after-give-up" if too_late else "pair.late-response"
        self._log_step(event, attempt=ours.attempt)
        return RecordedResponse(recorded)

    def _read_recorded(self, ledger: Ledger, ours: Response) -> Response:
        """Read the response in force after ours was written."""

        def read() -> Response:
            response = ledger.response()
            if response is None:
                # Ours was passed over: an operator granted an attempt after others gave up. What
                # was paid for takes that attempt's place.
                ledger.store_response(ours)
                raise StoreUnavailableError("the response was written but cannot be read")
            return response

        return with_retries(read, self._ctx.clock, self._ctx.rng)

    # ---- 5: publish

    def _publish(self, pair: CompletePair, recorded: RecordedResponse) -> WalkResult:
        outcome = self._publisher.publish_result(pair, recorded.response, recorded.frame)
        return self._published(outcome)

    def _published(self, outcome: Outcome, detail: str | None = None) -> WalkResult:
        self._log_step("pair.published", status=outcome.status)
        return self._result("published", outcome.status, detail)

    # ---- common to several steps

    def _park(self, deferral: Deferral) -> Parked:
        marker = Marker(self._pair_id, deferral.reason, deferral.detail, self._deliveries)
        park(self._ctx, marker, deferral.seconds)
        self._log_step(
            "pair.parked",
            seconds=round(deferral.seconds, 1),
            reason=deferral.reason.code,
            detail=deferral.detail or None,
        )
        return Parked(deferral)

    def _parked(self, parked: Parked) -> WalkResult:
        deferral = parked.deferral
        detail = deferral.detail or deferral.reason.text
        return self._result("parked", detail=detail, is_due=deferral.seconds <= 0)

    def _result(
        self,
        state: str,
        status: str | None = None,
        detail: str | None = None,
        is_due: bool = False,
    ) -> WalkResult:
        return WalkResult(self._pair_id, state, status, detail, is_due)

    def _log_step(self, event: str, **fields: Any) -> None:
        """Log a step with the milliseconds since the one before."""
        now = self._ctx.clock.monotonic()
        self._log(event, ms=round((now - self._last_step) * 1000), **fields)
        self._last_step = now
