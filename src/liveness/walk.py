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
from typing import Any, NamedTuple, NoReturn

from .best_frame import StoredFrame
from .breaker import open_until
from .call import (
    MIN_CALL_SECONDS,
    PAUSE_SECONDS,
    Deferral,
    FinalAnswer,
    InputsChanged,
    OutcomeUnknown,
    Prepared,
    SetBack,
    call,
    needs_preparation,
    prepare,
)
from .context import Context
from .errors import (
    ConfigurationError,
    LivenessError,
    PairNotFinishedError,
    StoreUnavailableError,
)
from .face_api import Answer, NoFrame
from .history import JITTER, MAX_SETBACKS, History
from .inspection import CompletePair, Inspection, InvalidPair, inspect
from .ledger import Ledger, Mine, Theirs, Unread
from .logs import Log
from .markers import DRAINED_EARLY_SECONDS, Marker, ParkReason, park
from .pacing import Permit
from .publish import Publisher
from .records import Response
from .retry import with_retries
from .verdict_table import Outcome
from .verdicts import may_be_billed, outcome_of_answer

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


class Walk:
    """The walk of one pair in one invocation."""

    def __init__(
        self,
        ctx: Context,
        pair_id: str,
        log: Log,
        marker: Marker | None = None,
        urgent: bool = False,
    ) -> None:
        """Walk because of `marker`, if any; `urgent` if an operator waits: no pause counts."""
        self._ctx = ctx
        self._pair_id = pair_id
        self._marker = marker
        self._urgent = urgent
        self._known: tuple[str, History] | None = None
        if marker is not None:
            self._known = marker.fingerprint, marker.history
        self._breaker_until: float | None = None
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
        unreadable = ""  # the fingerprint of inputs that HEAD describes and GET refuses
        for _ in range(_MAX_ROUNDS):
            inspection = self._inspect()
            pair, inputs = inspection.pair, inspection.inputs
            if pair is None:
                missing = f"no {' and '.join(inspection.missing)} input yet"
                return published or self._result("waiting", detail=missing)
            ledger = self._ledger(pair)
            if published and pair.fingerprint == unreadable:
                return published
            if self._is_up_to_date(inspection, ledger):
                return published or self._result("done", inspection.result_status)
            if isinstance(inputs, InvalidPair) and ledger.response() is None:
                outcome = self._publisher.publish_invalid(inputs)
                published = self._published(outcome, inputs.detail)
                continue
            step = self._settle(ledger, pair)
            if isinstance(step, InvalidPair):
                outcome = self._publisher.publish_invalid(step)
                published = self._published(outcome, step.detail)
                unreadable = pair.fingerprint
                continue
            if isinstance(step, Deferral):
                deferral, step = step, self._park(step, pair)
                _raise_refusal(deferral)
            if isinstance(step, Parked):
                return self._parked(step)
            if isinstance(step, RecordedResponse):
                published = self._publish(pair, step)
        return self._parked(self._park(Deferral(0, ParkReason.INPUTS_UNSTABLE), None))

    # ---- 1 and 6: inspect

    def _inspect(self) -> Inspection:
        ctx = self._ctx
        defers = ctx.pacer.defers_to_drain
        inspection = inspect(
            ctx.settings, ctx.store, ctx.concurrency, self._pair_id, with_drain=defers
        )
        self._drain_active = inspection.drain_active
        self._breaker_until = open_until(inspection.breaker, ctx.store.now())
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
    ) -> RecordedResponse | Deferral | Parked | InputsChanged | InvalidPair:
        """Find the recorded response, or make the one call that may be made."""
        history = self._known_history(pair)
        prepared: Prepared | None = None
        permit: Permit | None = None
        while True:
            if history != History() and (step := self._before_next_attempt(ledger, history)):
                return step
            if not self._giving_up:
                ready = self._get_ready_to_call()
                if isinstance(ready, Deferral):
                    return ready
                # Before the claim: its lease is for the call alone.
                outcome = prepared or self._prepare(ledger, pair, history)
                if not isinstance(outcome, Prepared):
                    return outcome
                prepared = outcome
                # One permit is one call: what is found out on the way to an attempt costs none.
                permit = permit or self._ctx.pacer.acquire(self._seconds_for_permit())
                if permit is None:
                    return Deferral(0, ParkReason.NO_CALL_SLOT)
            match ledger.claim(history):
                case Response() as response:
                    return RecordedResponse(response)
                case Mine() as mine:
                    if prepared is None or permit is None:  # no call begins while we give up
                        return self._give_up_under(ledger, mine, history.released(mine.number))
                    return self._call_under(ledger, pair, mine, prepared, permit, history)
                case Unread(mine, error):
                    self._raise_unfinished(ledger, pair, mine, history, error)
                case Theirs(claim):
                    limit = self._limit(ledger)
                    history, lease_left = ledger.catch_up(history, claim, limit)
                    self._known = pair.fingerprint, history
                    if lease_left > 0:
                        return Deferral(lease_left, ParkReason.LEASE_HELD)

    def _known_history(self, pair: CompletePair) -> History:
        """Return what is known of this very content; the ledger has the rest."""
        fingerprint, history = self._known or ("", History())
        return history if fingerprint == pair.fingerprint else History()

    def _limit(self, ledger: Ledger) -> int:
        return self._ctx.settings.max_attempts + ledger.grants

    def _before_next_attempt(
        self, ledger: Ledger, history: History
    ) -> RecordedResponse | Deferral | InputsChanged | None:
        """Use a late answer, give up, or wait; None if another attempt may be made now."""
        late = ledger.late_response(history.unanswered) if history.unanswered else None
        if late:
            ledger.store_response(late)
            return RecordedResponse(self._read_recorded(ledger, late))
        if self._is_exhausted(ledger, history):
            response = ledger.response()  # finds out about grants, too
            if response is not None:
                return RecordedResponse(response)
        exhausted = self._is_exhausted(ledger, history)
        now = self._ctx.store.now()
        if exhausted or self._giving_up:
            if wait := history.wait_to_give_up(now):
                # An answer may still come, and must not find us giving up.
                return Deferral(wait + DRAINED_EARLY_SECONDS, ParkReason.ATTEMPTS_EXHAUSTED)
            return self._give_up(ledger, history, None) if exhausted else None
        if history.wait(now) and not self._urgent:
            return Deferral(self._pause(history), ParkReason.SPACED)
        return None

    def _is_exhausted(self, ledger: Ledger, history: History) -> bool:
        return (
            len(history.unanswered) >= self._limit(ledger)
            or history.setbacks >= MAX_SETBACKS + ledger.grants
        )

    def _get_ready_to_call(self) -> Deferral | None:
        """Return why no call can be made now; None if one can."""
        if self._ctx.seconds_for_calls() < MIN_CALL_SECONDS:
            return Deferral(0, ParkReason.TIME_EXHAUSTED)
        if self._drain_active:
            return Deferral(0, ParkReason.DRAIN_ACTIVE)
        if self._breaker_until is not None:
            wait = max(0.0, self._breaker_until - self._ctx.store.now())
            return Deferral(wait, ParkReason.BREAKER_OPEN)
        return None

    def _seconds_for_permit(self) -> float:
        return self._ctx.seconds_for_calls() - MIN_CALL_SECONDS

    def _prepare(
        self, ledger: Ledger, pair: CompletePair, history: History
    ) -> Prepared | RecordedResponse | Parked | Deferral | InputsChanged | InvalidPair:
        """Prepare the call; what takes too long counts against the content, without a claim."""
        if needs_preparation(self._ctx, pair):
            # An answer that is recorded already needs no input any more.
            response = ledger.response()
            if response is not None:
                return RecordedResponse(response)
        outcome = prepare(self._ctx, pair)
        if not isinstance(outcome, SetBack):
            return outcome
        later = self._set_back(history, history.number)
        deferral = Deferral(self._pause(later), outcome.reason, outcome.detail)
        return self._park(deferral, pair, later)

    def _give_up(
        self, ledger: Ledger, history: History, answer: Answer | None
    ) -> RecordedResponse | InputsChanged:
        """Record that there will be no verdict; `answer` is the last that the service gave."""
        self._giving_up = False  # what is uploaded from now on is called for
        self._log_step(
            "pair.given-up",
            attempts=history.number,
            possibly_billed=len(history.unanswered),
            setbacks=history.setbacks,
            code=answer.code if answer else None,
        )
        now, settings = self._ctx.clock.now(), self._ctx.settings
        ledger.store_response(
            Response(
                attempt=history.number,
                possibly_billed=len(history.unanswered),
                threshold=settings.sim_threshold,
                transfer=settings.transfer,
                md5s={},
                claimed_at=now,
                answered_at=now,
                answer=answer,
            )
        )
        recorded = ledger.response()
        # None: an operator granted another attempt meanwhile, so begin again.
        return InputsChanged() if recorded is None else RecordedResponse(recorded)

    def _give_up_under(
        self, ledger: Ledger, claim: Mine, history: History, answer: Answer | None = None
    ) -> RecordedResponse | InputsChanged:
        """Give up under our claim, and then give it back: nothing was billed under it.

        In this order: until the end is recorded, no one else may call.
        """
        step = self._give_up(ledger, history, answer)
        self._release(ledger, claim, history)
        return step

    # ---- 3: call

    def _call_under(
        self,
        ledger: Ledger,
        pair: CompletePair,
        claim: Mine,
        prepared: Prepared,
        permit: Permit,
        history: History,
    ) -> RecordedResponse | Parked | InputsChanged:
        """Use our claim: call, and either record the answer or give the attempt back."""
        self._log_step("pair.claimed", attempt=claim.number)
        released = history.released(claim.number)

        def response_of(answer: Answer) -> Response:
            return self._response(answer, prepared, claim, len(history.unanswered))

        def keep_late_answer(answer: Answer) -> None:
            if not outcome_of_answer(answer, self._ctx.settings.sim_threshold).final:
                return
            with contextlib.suppress(LivenessError):  # in a thread of its own, with no one to tell
                ledger.store_late_response(response_of(answer))
                self._log("pair.late-response", attempt=claim.number)

        try:
            outcome = call(
                self._ctx,
                prepared,
                pair,
                claim,
                permit,
                may_retry=history.setbacks == 0,
                on_late_answer=keep_late_answer,
                log=self._log,
            )
        except Exception as error:
            # What `call` raises came before any request or after an unbilled one.
            self._raise_unfinished(ledger, pair, claim, history, error)
        match outcome:
            case FinalAnswer(answer):
                return self._record(ledger, response_of(answer))
            case OutcomeUnknown(detail):
                began = self._ctx.store.now() - (self._ctx.clock.monotonic() - claim.started)
                later = history.left_unanswered(
                    claim.number, began, self._limit(ledger), self._jitter()
                )
                deferral = Deferral(self._pause(later), ParkReason.OUTCOME_UNKNOWN, detail)
                return self._park(deferral, pair, later)
            case InputsChanged():
                self._release(ledger, claim, released)
                return outcome
            case SetBack(reason, detail, answer):
                later = self._set_back(history, claim.number)
                if self._is_exhausted(ledger, later):
                    return self._give_up_under(ledger, claim, later, answer)
                outcome = Deferral(self._pause(later), reason, detail)
            case Deferral():
                later = released
        # First the marker, then the release: a crash in between forgets no pair.
        parked_step = self._park(outcome, pair, later)
        self._release(ledger, claim, later)
        _raise_refusal(outcome)
        return parked_step

    def _set_back(self, history: History, number: int) -> History:
        return history.set_back(number, self._ctx.store.now(), self._jitter())

    def _jitter(self) -> float:
        return self._ctx.rng.uniform(JITTER)

    def _pause(self, history: History) -> float:
        """Return the seconds after which a drain is sure to find the pause over."""
        return history.wait(self._ctx.store.now()) + DRAINED_EARLY_SECONDS

    def _raise_unfinished(
        self, ledger: Ledger, pair: CompletePair, claim: Mine, history: History, error: Exception
    ) -> NoReturn:
        """Park, give the attempt back, and raise the error that ended it: nothing was billed."""
        released, parked = history.released(claim.number), False
        with contextlib.suppress(LivenessError):
            deferral = Deferral(PAUSE_SECONDS, ParkReason.PREPARATION_FAILED)
            self._park(deferral, pair, released)
            parked = True
        with contextlib.suppress(LivenessError):
            self._release(ledger, claim, released)
        if not isinstance(error, LivenessError):
            raise error
        raise PairNotFinishedError(error, marker_written=parked) from error

    def _release(self, ledger: Ledger, claim: Mine, history: History) -> None:
        ledger.release(claim, history)
        self._log_step("pair.released", attempt=claim.number)

    def _response(self, answer: Answer, prepared: Prepared, claim: Mine, counted: int) -> Response:
        settings, clock = self._ctx.settings, self._ctx.clock
        now = clock.now()
        return Response(
            attempt=claim.number,
            possibly_billed=counted + may_be_billed(answer),
            threshold=settings.sim_threshold,
            transfer=settings.transfer,
            md5s=prepared.md5s,
            claimed_at=now - (clock.monotonic() - claim.started),
            answered_at=now,
            answer=answer,
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

    def _park(
        self, deferral: Deferral, pair: CompletePair | None, history: History | None = None
    ) -> Parked:
        marker = Marker(
            self._pair_id,
            deferral.reason,
            deferral.detail,
            deliveries=self._marker.deliveries if self._marker else 0,
        )
        if pair is not None:
            known = history or self._known_history(pair)
            marker = marker._replace(fingerprint=pair.fingerprint, history=known)
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


def _raise_refusal(deferral: Deferral) -> None:
    """Raise if the account was refused, after parking, so that an operator learns of it."""
    if deferral.reason is ParkReason.MISCONFIGURED:
        refusal = ConfigurationError(f"the face API refuses: {deferral.detail}")
        raise PairNotFinishedError(refusal, marker_written=True)
