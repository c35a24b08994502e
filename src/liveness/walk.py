"""Walks one pair from wake-up to result, in six steps.

1 inspect      read the inputs and the current result; stop if there is nothing to do
2 claim        get the only permission to call for this fingerprint, or find the response
3 call         make the paid call
4 record       store the answer before anything else happens (2 to 4: settle.py)
5 publish      store the frame, then result.json
6 re-inspect   start over if the inputs changed, so that the newest content's result stays
"""

from __future__ import annotations

from typing import NamedTuple

from .call import Deferral, InputsChanged
from .context import Context
from .errors import ConfigurationError, LivenessError, PairNotFinishedError
from .inspection import (
    AMBIGUOUS,
    CompletePair,
    IncompletePair,
    Inspection,
    InvalidPair,
    has_package,
    inspect,
    is_unchanged,
)
from .journal import Journal, Parked
from .keys import LIVE
from .ledger import Ledger
from .logs import Log
from .markers import Marker, ParkReason
from .publish import Publisher
from .records import MAX_INVOCATION_SECONDS
from .settle import RecordedResponse, Settlement
from .verdict_table import Outcome

# After this many rounds, content that changes faster than it can be judged is left to the backlog.
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


class Walk:
    """The walk of one pair in one invocation."""

    def __init__(
        self,
        ctx: Context,
        pair_id: str,
        log: Log,
        marker: Marker | None = None,
        urgent: bool = False,
        is_image_alone: bool = False,
        as_configured: bool = False,
    ) -> None:
        """Walk because of `marker`, if any; `urgent` if an operator waits: pauses are ignored.

        `is_image_alone` if all that is known is that a reference image was uploaded. With
        `as_configured`, inputs whose suffix is in another case are not looked for.
        """
        self._ctx = ctx
        self._pair_id = pair_id
        self._urgent = urgent
        self._is_image_alone = is_image_alone
        self._as_configured = as_configured
        self._giving_up = False
        self._journal = Journal(ctx, pair_id, log, marker)
        self._publisher = Publisher(ctx, pair_id, self._journal.log)

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
        """Walk as `run` does, but give the pair up instead of calling.

        For a poison pair: one whose walk has ended too many invocations.
        """
        self._giving_up = True
        return self.run()

    def needs_work(self) -> bool:
        """Whether the pair is complete and its published result is not the current one."""
        inspection = self._inspect()
        pair = inspection.pair
        return pair is not None and not self._is_up_to_date(inspection, self._ledger(pair))

    def grant(self) -> None:
        """Allow one more attempt for the current content, if it failed or was refused."""
        inputs = self._inspect().inputs
        if isinstance(inputs, CompletePair):
            self._ledger(inputs).grant()

    def _walk(self) -> WalkResult:
        if self._is_image_alone and not self._has_package():
            return self._waiting((LIVE,))
        published: WalkResult | None = None
        unreadable = ""  # the fingerprint of inputs that HEAD describes and GET refuses
        for _ in range(_MAX_ROUNDS):
            inspection = self._inspect()
            pair, inputs = inspection.pair, inspection.inputs
            if isinstance(inputs, IncompletePair):
                return published or self._waiting(inputs.missing)
            assert pair is not None
            ledger = self._ledger(pair)
            if published and pair.fingerprint == unreadable:
                return published
            if self._is_up_to_date(inspection, ledger):
                return published or self._result("done", inspection.result_status)
            if isinstance(inputs, InvalidPair) and ledger.response() is None:
                published = self._publish_invalid(inputs)
                continue
            step = self._settle(ledger, inspection, pair)
            if isinstance(step, InvalidPair):
                published = self._publish_invalid(step)
                unreadable = pair.fingerprint
                continue
            if isinstance(step, Deferral):
                step = self._journal.park(step, pair)
            if isinstance(step, Parked):
                _raise_refusal(step.deferral)
                return self._parked(step)
            if isinstance(step, RecordedResponse):
                published = self._publish(pair, step)
                if self._is_settled(pair, ledger):
                    return published
        return self._parked(self._journal.park(Deferral(0, ParkReason.INPUTS_UNSTABLE)))

    # ---- 1 and 6: inspect

    def _inspect(self) -> Inspection:
        ctx = self._ctx
        defers = ctx.pacer.defers_to_drain
        inspection = inspect(
            ctx.settings,
            ctx.store,
            ctx.concurrency,
            self._pair_id,
            with_drain=defers,
            as_configured=self._as_configured,
        )
        self._journal.log(
            "pair.inspected",
            inputs=type(inspection.inputs).__name__.removesuffix("Pair").lower(),
            result=inspection.result_fingerprint,
        )
        return inspection

    def _has_package(self) -> bool:
        """Look for the package alone: the image usually comes first, and that is all there is."""
        ctx = self._ctx
        found = has_package(ctx.settings, ctx.store, ctx.concurrency, self._pair_id)
        if not found:
            self._journal.log("pair.inspected", inputs="incomplete", result=None)
        return found

    def _is_settled(self, pair: CompletePair, ledger: Ledger) -> bool:
        """Whether the inputs are unchanged, and what was just published is the last word.

        `result.json` need not be read back: a walk that overwrites it re-inspects, too.
        """
        ctx = self._ctx
        if not is_unchanged(ctx.settings, ctx.store, ctx.concurrency, pair):
            return False
        inspection = Inspection(pair, self._publisher.published)
        self._journal.log("pair.inspected", inputs="complete", result=inspection.result_fingerprint)
        return self._is_up_to_date(inspection, ledger)

    def _ledger(self, pair: CompletePair) -> Ledger:
        self._journal.turn_to(pair)
        return Ledger(self._ctx, pair.pair_id, pair.fingerprint)

    def _is_up_to_date(self, inspection: Inspection, ledger: Ledger) -> bool:
        """Whether the published result is for exactly this content, and the last word on it."""
        if not inspection.result_is_current or inspection.invalid_result_is_outdated():
            return False
        if inspection.result_may_be_revised:
            response = ledger.response()
            return not inspection.revisable_result_is_outdated(response, ledger.grants)
        if inspection.result_lacks_frame:
            response = ledger.response()
            answer = response.answer if response else None
            # Another invocation may have stored the frame since.
            return answer is None or self._publisher.find_stored_frame(answer) is None
        return True

    # ---- 2 to 4: claim, call, record

    def _settle(
        self, ledger: Ledger, inspection: Inspection, pair: CompletePair
    ) -> RecordedResponse | Deferral | Parked | InputsChanged | InvalidPair:
        settlement = Settlement(
            self._ctx,
            self._journal,
            self._publisher,
            ledger,
            inspection,
            pair,
            urgent=self._urgent,
            giving_up=self._giving_up,
        )
        step = settlement.run()
        self._giving_up = settlement.giving_up  # content uploaded from now on may be called for
        return step

    # ---- 5: publish

    def _publish(self, pair: CompletePair, recorded: RecordedResponse) -> WalkResult:
        outcome = self._publisher.publish_result(pair, recorded.response, recorded.frame)
        return self._published(outcome)

    def _publish_invalid(self, inputs: InvalidPair) -> WalkResult:
        outcome = self._publisher.publish_invalid(inputs)
        if inputs.reason == AMBIGUOUS:
            # A walk that began before the extra key existed publishes what it knows, and does not
            # look for other keys again.
            self._publisher.schedule_recheck(MAX_INVOCATION_SECONDS)
        return self._published(outcome, inputs.detail)

    def _published(self, outcome: Outcome, detail: str | None = None) -> WalkResult:
        self._journal.log("pair.published", status=outcome.status)
        return self._result("published", outcome.status, detail)

    # ---- results

    def _waiting(self, missing: tuple[str, ...]) -> WalkResult:
        return self._result("waiting", detail=f"no {' and '.join(missing)} input yet")

    def _parked(self, parked: Parked) -> WalkResult:
        deferral = parked.deferral
        detail = deferral.detail or deferral.reason.text
        # A pair that was parked because a drainer is busy is left to that drainer.
        is_due = deferral.seconds <= 0 and deferral.reason is not ParkReason.DRAIN_ACTIVE
        return self._result("parked", detail=detail, is_due=is_due)

    def _result(
        self,
        state: str,
        status: str | None = None,
        detail: str | None = None,
        is_due: bool = False,
    ) -> WalkResult:
        return WalkResult(self._pair_id, state, status, detail, is_due)


def _raise_refusal(deferral: Deferral) -> None:
    """After parking, raise if the account was refused, so that an operator learns of it."""
    if deferral.reason is ParkReason.MISCONFIGURED:
        refusal = ConfigurationError(f"the face API refuses: {deferral.detail}")
        raise PairNotFinishedError(refusal, marker_written=True)
