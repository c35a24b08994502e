"""Steps 2 to 4 of the walk, which settle one content: claim, call, record.

2 claim     get the only permission to call for this fingerprint, or find the response
3 call      make the paid call (call.py), and keep its answer, however late
4 record    store the answer before anything else happens

history.py says when the next attempt may be made, and when none is left.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple, NoReturn, TypeVar

from .admission import AdmissionControl, InUse, Refusal, UsesExhausted
from .best_frame import StoredFrame, fetch_frame, keep_frame_url
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
from .errors import LivenessError, PairNotFinishedError, StoreUnavailableError
from .face_api import Answer, NoFrame
from .history import JITTER, MAX_SETBACKS, History
from .inspection import CompletePair, Inspection, InvalidPair
from .journal import Journal, Parked
from .keys import LIVE
from .ledger import Ledger, Mine, Theirs, Unread
from .markers import DRAINED_EARLY_SECONDS, ParkReason
from .pacing import Permit
from .publish import Publisher
from .records import Admission, Response
from .retry import with_retries
from .verdicts import may_be_billed, outcome_of_answer

T = TypeVar("T")


class RecordedResponse(NamedTuple):
    """The response in force, and its frame if that was handled already."""

    response: Response
    frame: StoredFrame | NoFrame | None = None


class Settlement:
    """Settles one content of a pair: finds or gets its response, or says why there is none yet."""

    def __init__(
        self,
        ctx: Context,
        journal: Journal,
        publisher: Publisher,
        ledger: Ledger,
        inspection: Inspection,
        pair: CompletePair,
        urgent: bool,
        giving_up: bool,
    ) -> None:
        """`urgent` if an operator waits: ignore pauses; `giving_up` if no call may be made."""
        self._ctx = ctx
        self._journal = journal
        self._publisher = publisher
        self._ledger = ledger
        self._inspection = inspection
        self._pair = pair
        self._urgent = urgent
        self.giving_up = giving_up
        self._permit: Permit | None = None

    # ---- 2: claim

    def run(
        self,
    ) -> RecordedResponse | Deferral | Parked | InputsChanged | InvalidPair:
        """Find the recorded response, or make the one call that may be made."""
        try:
            return self._run()
        finally:
            if self._permit is not None:
                self._ctx.pacer.close(self._permit)

    def _run(
        self,
    ) -> RecordedResponse | Deferral | Parked | InputsChanged | InvalidPair:
        history = self._journal.history_of(self._pair)
        prepared: Prepared | None = None
        while True:
            if history != History() and (step := self._before_next_attempt(history)):
                return step
            if not self.giving_up:
                ready = self._get_ready_to_call()
                if isinstance(ready, Deferral):
                    return ready
                # Before the claim: its lease is for the call alone.
                outcome = prepared or self._prepare(history)
                if not isinstance(outcome, Prepared):
                    return outcome
                prepared = outcome
                # A permit is for one call: catching up with other attempts takes no further one.
                if self._permit is None:
                    self._permit = self._ctx.pacer.acquire(self._seconds_for_permit())
                if self._permit is None:
                    return Deferral(0, ParkReason.NO_CALL_SLOT)
            admission = self._admission_control(prepared, history)
            match self._claim(history, admission):
                case Response() as response:
                    return RecordedResponse(response)
                case Mine() as mine:
                    if prepared is None or self._permit is None:  # no call begins while we give up
                        return self._give_up_under(mine, admission, history.released(mine.number))
                    return self._call_under(mine, admission, prepared, self._permit, history)
                case Unread(mine, error):
                    self._raise_unfinished(mine, history, error)
                case Theirs(claim):
                    history, lease_left = self._ledger.catch_up(history, claim, self._limit)
                    self._journal.learn(self._pair, history)
                    if lease_left > 0:
                        return Deferral(lease_left, ParkReason.LEASE_HELD)

    def _claim(
        self, history: History, admission: AdmissionControl
    ) -> Mine | Theirs | Unread | Response:
        """Claim; meanwhile open a connection for the call, if one is needed."""
        connect = None if self.giving_up else self._ctx.face.reserve_connection()
        if connect is None:
            return self._ledger.claim(history, admission)
        claim: Mine | Theirs | Unread | Response
        _, claim = self._ctx.concurrency.gather(
            connect, lambda: self._ledger.claim(history, admission)
        )
        return claim

    @property
    def _limit(self) -> int:
        """How many attempts may go without a reply."""
        return self._ctx.settings.max_attempts + self._ledger.grants

    def _before_next_attempt(
        self, history: History
    ) -> RecordedResponse | Deferral | InputsChanged | None:
        """Use a late answer, give up, or wait; None if another attempt may be made now."""
        late = self._ledger.late_response(history.unanswered) if history.unanswered else None
        if late:
            self._ledger.store_response(late)
            return RecordedResponse(self._read_recorded(late))
        if self._is_exhausted(history):
            response = self._ledger.response()  # finds out about grants, too
            if response is not None:
                return RecordedResponse(response)
        exhausted = self._is_exhausted(history)
        now = self._ctx.store.now()
        if exhausted or self.giving_up:
            if wait := history.wait_to_give_up(now):
                # An answer may still come: do not give up until it no longer can.
                return Deferral(wait + DRAINED_EARLY_SECONDS, ParkReason.ATTEMPTS_EXHAUSTED)
            return self._give_up(history) if exhausted else None
        if history.wait(now) and not self._urgent:
            return Deferral(self._pause(history), ParkReason.SPACED)
        return None

    def _admission_control(self, prepared: Prepared | None, history: History) -> AdmissionControl:
        package = prepared.digests[LIVE].md5 if prepared else self._pair.live.md5
        return AdmissionControl(self._ctx, self._pair, package, first_attempt=history.number == 0)

    def _is_exhausted(self, history: History) -> bool:
        return (
            len(history.unanswered) >= self._limit
            or history.setbacks >= MAX_SETBACKS + self._ledger.grants
        )

    def _get_ready_to_call(self) -> Deferral | None:
        """Return why no call can be made now; None if one can."""
        if self._ctx.seconds_for_calls() < MIN_CALL_SECONDS:
            return Deferral(0, ParkReason.TIME_EXHAUSTED)
        if self._inspection.drain_active:
            return Deferral(0, ParkReason.DRAIN_ACTIVE)
        now = self._ctx.store.now()
        next_probe = open_until(self._inspection.breaker, now)
        if next_probe is not None:
            return Deferral(next_probe - now, ParkReason.BREAKER_OPEN)
        return None

    def _seconds_for_permit(self) -> float:
        return self._ctx.seconds_for_calls() - MIN_CALL_SECONDS

    def _prepare(
        self, history: History
    ) -> Prepared | RecordedResponse | Parked | Deferral | InputsChanged | InvalidPair:
        """Prepare the call; a set-back counts against the content, though it has no claim yet."""
        if needs_preparation(self._ctx, self._pair):
            # If an answer is recorded already, the inputs are no longer needed.
            response = self._ledger.response()
            if response is not None:
                return RecordedResponse(response)
        outcome = prepare(self._ctx, self._pair)
        if not isinstance(outcome, SetBack):
            return outcome
        later = self._set_back(history, history.number)
        deferral = Deferral(self._pause(later), outcome.reason, outcome.detail)
        return self._park(deferral, later)

    def _give_up(
        self,
        history: History,
        answer: Answer | None = None,
        control: AdmissionControl | None = None,
    ) -> RecordedResponse | InputsChanged:
        """Record that there will be no verdict; `answer` is the last that the service gave.

        `control` has read the content's numbers beside our claim, if we have one.
        """
        self.giving_up = False  # content uploaded from now on may be called for
        self._journal.log(
            "pair.given-up",
            attempts=history.number,
            possibly_billed=len(history.unanswered),
            setbacks=history.setbacks,
            code=answer.code if answer else None,
        )
        admission = (control or self._admission_control(None, history)).number()
        return self._end(self._unanswered(history, admission)._replace(answer=answer))

    def _end(self, response: Response) -> RecordedResponse | InputsChanged:
        """Record why there is no verdict."""
        self._ledger.store_response(response)
        recorded = self._ledger.response()
        # None: an operator granted another attempt meanwhile, so begin again.
        return InputsChanged() if recorded is None else RecordedResponse(recorded)

    def _unanswered(self, history: History, admission: Admission) -> Response:
        now, settings = self._ctx.clock.now(), self._ctx.settings
        return Response(
            attempt=history.number,
            possibly_billed=len(history.unanswered),
            threshold=settings.sim_threshold,
            transfer=settings.transfer,
            digests={},
            claimed_at=now,
            answered_at=now,
            answer=None,
            admission=admission,
        )

    # Nothing was billed under the claim. Both of these record the end before they give it back,
    # because nobody else may call until the end is recorded.

    def _give_up_under(
        self,
        claim: Mine,
        control: AdmissionControl,
        history: History,
        answer: Answer | None = None,
    ) -> RecordedResponse | InputsChanged:
        return self._then_release(claim, history, lambda: self._give_up(history, answer, control))

    def _refuse_under(
        self, claim: Mine, refusal: Refusal, prepared: Prepared, history: History
    ) -> RecordedResponse | InputsChanged:
        self._journal.log("pair.refused", attempt=claim.number, reason=refusal.code)
        response = self._unanswered(history, refusal.admission)
        response = response._replace(refusal=refusal.code, digests=prepared.digests)
        return self._then_release(claim, history, lambda: self._end(response))

    # ---- 3: call

    def _call_under(
        self,
        claim: Mine,
        control: AdmissionControl,
        prepared: Prepared,
        permit: Permit,
        history: History,
    ) -> RecordedResponse | Parked | InputsChanged:
        """Use our claim: call, and either record the answer or give the attempt back."""
        self._journal.log("pair.claimed", attempt=claim.number)
        released = history.released(claim.number)
        admission = self._admit(claim, control, prepared, history)
        if not isinstance(admission, Admission):
            return admission

        def response_of(answer: Answer) -> Response:
            return self._response(answer, prepared, claim, len(history.unanswered), admission)

        def keep_late_answer(answer: Answer) -> None:
            if not outcome_of_answer(answer, self._ctx.settings.sim_threshold).final:
                return
            with contextlib.suppress(LivenessError):  # in its own thread: nobody could catch it
                self._ledger.store_late_response(response_of(answer))
                self._keep_frame_url(claim.number, answer)
                self._journal.plain_log("pair.late-response", attempt=claim.number)

        try:
            outcome = call(
                self._ctx,
                prepared,
                self._pair,
                claim,
                permit,
                may_retry=history.setbacks == 0,
                on_late_answer=keep_late_answer,
                log=self._journal.plain_log,
            )
        except Exception as error:
            # `call` raises only before any request, or after an unbilled one.
            self._raise_unfinished(claim, history, error)
        match outcome:
            case FinalAnswer(answer):
                return self._record(response_of(answer), answer)
            case OutcomeUnknown(detail):
                began = self._ctx.store.now() - (self._ctx.clock.monotonic() - claim.started)
                later = history.left_unanswered(claim.number, began, self._limit, self._jitter())
                deferral = Deferral(self._pause(later), ParkReason.OUTCOME_UNKNOWN, detail)
                return self._park(deferral, later)
            case InputsChanged():
                self._release(claim, released)
                return outcome
            case SetBack(reason, detail, answer):
                later = self._set_back(history, claim.number)
                if self._is_exhausted(later):
                    return self._give_up_under(claim, control, later, answer)
                outcome = Deferral(self._pause(later), reason, detail)
            case Deferral():
                later = released
        return self._defer_under(claim, outcome, later)

    def _admit(
        self, claim: Mine, control: AdmissionControl, prepared: Prepared, history: History
    ) -> Admission | RecordedResponse | Parked | InputsChanged:
        """Decide whether to call; if not, give the claim back."""
        try:
            admission = control.decide()
        except Exception as error:
            self._raise_unfinished(claim, history, error)
        if isinstance(admission, Admission):
            return admission
        later = history.released(claim.number)
        match admission:
            case Refusal():
                return self._refuse_under(claim, admission, prepared, later)
            case InUse(seconds):
                deferral = Deferral(seconds, ParkReason.PACKAGE_IN_USE)
            case UsesExhausted():
                later = self._set_back(history, claim.number)
                if self._is_exhausted(later):
                    return self._give_up_under(claim, control, later)
                deferral = Deferral(self._pause(later), ParkReason.PACKAGE_IN_USE)
        return self._defer_under(claim, deferral, later)

    def _defer_under(self, claim: Mine, deferral: Deferral, history: History) -> Parked:
        """Park, and then give the claim back, so that a crash in between loses no pair."""
        return self._then_release(claim, history, lambda: self._park(deferral, history))

    def _then_release(self, claim: Mine, history: History, step: Callable[[], T]) -> T:
        """Take a step, then give our claim back, even if the store fails at the step."""
        try:
            result = step()
        except LivenessError as error:
            self._raise_unfinished(claim, history, error)
        self._release(claim, history)
        return result

    def _set_back(self, history: History, number: int) -> History:
        return history.set_back(number, self._ctx.store.now(), self._jitter())

    def _jitter(self) -> float:
        return self._ctx.rng.uniform(JITTER)

    def _pause(self, history: History) -> float:
        """Return the seconds after which a drain is sure to find the pause over."""
        return history.wait(self._ctx.store.now()) + DRAINED_EARLY_SECONDS

    def _raise_unfinished(self, claim: Mine, history: History, error: Exception) -> NoReturn:
        """Park, give the attempt back, and raise the error that ended it: nothing was billed."""
        released, parked = history.released(claim.number), False
        with contextlib.suppress(LivenessError):
            deferral = Deferral(PAUSE_SECONDS, ParkReason.PREPARATION_FAILED)
            self._park(deferral, released)
            parked = True
        with contextlib.suppress(LivenessError):
            self._release(claim, released)
        if not isinstance(error, LivenessError):
            raise error
        raise PairNotFinishedError(error, marker_written=parked) from error

    def _release(self, claim: Mine, history: History) -> None:
        self._ledger.release(claim, history)
        self._journal.log("pair.released", attempt=claim.number)

    def _response(
        self, answer: Answer, prepared: Prepared, claim: Mine, counted: int, admission: Admission
    ) -> Response:
        settings, clock = self._ctx.settings, self._ctx.clock
        now = clock.now()
        return Response(
            attempt=claim.number,
            possibly_billed=counted + may_be_billed(answer),
            threshold=settings.sim_threshold,
            transfer=settings.transfer,
            digests=prepared.digests,
            claimed_at=now - (clock.monotonic() - claim.started),
            answered_at=now,
            answer=answer._replace(best_frame_url=""),
            admission=admission,
        )

    # ---- 4: record

    def _record(self, ours: Response, answer: Answer) -> RecordedResponse:
        """Store the answer while its frame is fetched; read it back while the frame is stored.

        The frame's key names its content, so it may be stored before anything refers to it. Its URL
        is kept as well, for the invocation that takes over if this one crashes.
        """
        _, frame = self._ledger.store_response(
            ours,
            lambda: self._keep_frame_url(ours.attempt, answer),
            lambda: fetch_frame(self._ctx, answer, answer.best_frame_url),
        )
        stored_frame, recorded = self._ctx.concurrency.gather(
            lambda: self._publisher.try_store_frame(frame),
            lambda: self._read_recorded(ours),
        )
        if recorded == ours:
            self._journal.log("pair.response-stored", attempt=ours.attempt)
            return RecordedResponse(recorded, stored_frame)
        self._ledger.store_late_response(ours)
        too_late = may_be_billed(answer) and recorded.answer is None
        event = "pair.billed-after-give-up" if too_late else "pair.late-response"
        self._journal.log(event, attempt=ours.attempt)
        return RecordedResponse(recorded)

    def _keep_frame_url(self, attempt: int, answer: Answer) -> None:
        if answer.has_best_frame:
            keep_frame_url(self._ctx, self._pair, attempt, answer.best_frame_url)

    def _read_recorded(self, ours: Response) -> Response:
        """Read the response in force after ours was written."""

        def read() -> Response:
            response = self._ledger.response()
            if response is None:
                # Ours was passed over: an operator granted an attempt after others gave up. What
                # was paid for takes that attempt's place.
                self._ledger.store_response(ours)
                raise StoreUnavailableError("the response was written but cannot be read")
            return response

        return with_retries(read, self._ctx.clock, self._ctx.rng)

    def _park(self, deferral: Deferral, history: History) -> Parked:
        return self._journal.park(deferral, self._pair, history)
