"""The walk of one pair, from wake-up to result.

1 look      what lies in the bucket; nothing to do, or
2 claim     get the one permission to call for this fingerprint, or find the response
3 call      the paid call (call.py)
4 keep      the answer, before anything else happens
5 publish   the frame, then result.json
6 look      again: the newest content's result is what must stay
"""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

from .backlog import Marker, park, slot_key
from .call import (
    CALL_SECONDS,
    LEAST_CALL_SECONDS,
    PAUSE_SECONDS,
    Attempt,
    Final,
    SetBack,
    Unanswered,
    call,
)
from .decision import may_be_billed, outcome_of_response
from .errors import ConfigurationError, LivenessError, StoreUnavailable
from .frames import FrameCopy, NoFrame
from .keys import candidate_keys, result_key
from .ledger import Claim, Ledger, Response
from .logs import Log
from .look import Look, Unusable, Work, judge
from .pacing import Turn
from .publish import Publisher
from .retry import patiently
from .services import Services
from .verdicts import Outcome

# Content that changes faster than it can be judged is left to the backlog after so many rounds.
_MAX_ROUNDS = 5


class Ended(NamedTuple):
    """How a walk ended: `state` is waiting, done, published or parked."""

    pair_id: str
    state: str
    status: str | None = None
    detail: str | None = None
    due: bool = False  # parked, and due at once


class Park(NamedTuple):
    """Nothing more can be done now; due again after `seconds`."""

    seconds: float
    why: str


class Parked(NamedTuple):
    """A marker is written; `due` says whether it is due at once."""

    why: str
    due: bool


class Again(NamedTuple):
    """The inputs changed; nothing was billed for them."""


class Standing(NamedTuple):
    """The response that stands, and its frame where that is published already."""

    response: Response
    frame: FrameCopy | NoFrame | None = None


class Walk:
    """The walk of one pair in one invocation."""

    def __init__(self, services: Services, pair_id: str, log: Log, visits: int = 0) -> None:
        self._on = services
        self._pair_id = pair_id
        self._visits = visits
        self._drained = False
        self._log = log.about(pair_id=pair_id)
        self._publisher = Publisher(services, pair_id, self._tell)
        self._lap = services.clock.monotonic()

    def run(self) -> Ended:
        """Walk until there is nothing left to do.

        On a normal return the pair is incomplete, its result is published, or a marker for it
        exists. Raises ConfigurationError, StoreUnavailable, LedgerDamaged.
        """
        published: Ended | None = None
        for _ in range(_MAX_ROUNDS):
            look = self.look()
            work = look.work
            if work is None:
                missing = " and ".join(look.missing)
                return published or Ended(self._pair_id, "waiting", None, f"no {missing} input yet")
            ledger = self._ledger(work)
            if look.published == work.fingerprint and not self._outdated(look, ledger):
                return published or Ended(self._pair_id, "done", look.published_status)
            if isinstance(look.found, Unusable) and ledger.response() is None:
                found = look.found
                published = self._published(self._publisher.unusable(found), found.detail)
                continue
            step = self.obtain(ledger, work)
            if isinstance(step, Park):
                step = self._park(step)
            if isinstance(step, Parked):
                return Ended(self._pair_id, "parked", None, step.why, step.due)
            if isinstance(step, Standing):
                published = self.publish(work, step)
        parked = self._park(Park(0, "the inputs change faster than they can be judged"))
        return Ended(self._pair_id, "parked", None, parked.why, parked.due)

    def needs_work(self) -> bool:
        """Whether the pair is complete and its published result is not the current one."""
        look = self.look()
        work = look.work
        if work is None:
            return False
        return look.published != work.fingerprint or self._outdated(look, self._ledger(work))

    def abandon(self) -> Ended:
        """Give the pair up without a call: walking it has ended too many invocations."""
        look = self.look()
        if not isinstance(look.found, Work):
            return self.run()
        ledger = self._ledger(look.found)
        response = ledger.response()
        if response is not None:
            return self.publish(look.found, Standing(response))
        claims = ledger.survey(1)
        counted = [claim for claim in claims if not claim.released]
        left = max((CALL_SECONDS + claim.lease_left() for claim in counted), default=0)
        if left > 0:
            parked = self._park(Park(left, "the last call may still be answered"))
            return Ended(self._pair_id, "parked", None, parked.why)
        # Under a claim of our own: nobody may begin a call meanwhile.
        number, nonce = len(claims) + 1, self._on.chance.nonce()
        fresh, response = ledger.try_claim(number, nonce)
        if response is None:
            claim, response = ledger.standing(number, nonce, fresh)
        if response is not None:
            return self.publish(look.found, Standing(response))
        if claim.nonce != nonce:
            parked = self._park(Park(claim.lease_left(), "another invocation holds the lease"))
            return Ended(self._pair_id, "parked", None, parked.why)
        step = self._give_up(ledger, number, len(counted))
        return self.publish(look.found, step) if isinstance(step, Standing) else self.run()

    def grant(self) -> None:
        """Allow one more attempt for what the bucket holds now, if it ended `failed`."""
        found = self.look().found
        if isinstance(found, Work):
            self._ledger(found).grant()

    # 1 look

    def look(self) -> Look:
        """HEAD every key an input may have, and `result.json`, in one round trip."""
        settings, store = self._on.settings, self._on.store
        keys = candidate_keys(settings, self._pair_id)
        slot = slot_key(settings, store.now()) if self._on.pace.yields else None
        *heads, result, drainer = self._on.concurrency.together(
            *(lambda key=key.key: store.head(settings.bucket, key) for key in keys),
            lambda: store.head(settings.result_bucket, result_key(settings, self._pair_id)),
            lambda: store.head(settings.ledger_bucket, slot) if slot else None,
        )
        self._drained = drainer is not None
        if keys and not any(heads):
            # A HEAD's 404 does not tell whether key or bucket is missing; a GET's does, by raising.
            store.get(settings.bucket, keys[0].key, max_bytes=0)
        look = judge(settings, self._pair_id, list(zip(keys, heads, strict=True)), result)
        self._tell("pair.looked", found=type(look.found).__name__.lower(), published=look.published)
        return look

    def _ledger(self, work: Work) -> Ledger:
        on = self._on
        self._log = self._log.about(fingerprint=work.fingerprint)
        owner = {**on.origin._asdict(), "at": on.clock.now()}
        return Ledger(on.settings, on.store, on.concurrency, work, owner, on.trusted_buckets)

    # 2 claim

    def obtain(self, ledger: Ledger, work: Work) -> Standing | Park | Parked | Again:
        """The response: one that stands already, or by a call that nobody else may make."""
        number, spent = 1, 0
        turn: Turn | None = None
        while True:
            if self._on.seconds_left() < LEAST_CALL_SECONDS:
                return Park(0, "too little of this invocation is left for a call")
            if self._drained:
                return Park(0, "a drainer is at work, and the limit is its")
            # One turn is one call: what is found out on the way to an attempt costs none.
            turn = turn or self._on.pace.turn(self._on.seconds_left() - LEAST_CALL_SECONDS)
            if turn is None:
                return Park(0, "no turn for a call comes while this invocation lasts")
            nonce, began = self._on.chance.nonce(), self._on.clock.monotonic()
            fresh, response = ledger.try_claim(number, nonce)
            if response is None:
                claim, response = ledger.standing(number, nonce, fresh)
            if response is not None:
                return Standing(response)
            if claim.nonce == nonce:
                step = self._use(ledger, work, Attempt(number, nonce, began), turn, spent)
                if not isinstance(step, Unanswered):
                    return step
                turn = None
                # We know that our call is over, so nobody has to wait for the lease.
                age = self._on.clock.monotonic() - began
                taken = counted = [Claim(number, nonce, age, released=False)]
            else:
                taken = [claim, *(ledger.survey(number + 1) if claim.passable() else [])]
                counted = [item for item in taken if not item.released]
                left = max((item.lease_left() for item in counted), default=0)
                if left > 0:
                    return Park(left, "another invocation holds the lease")
            number += len(taken)
            spent += len(counted)
            if ledger.grants and (late := ledger.late(range(1, number))):
                ledger.keep(late)
                return Standing(self._read_back(ledger, late))
            if spent >= self._on.settings.max_attempts + ledger.grants:
                # The last caller's answer may still come, and must not find us giving up.
                left = CALL_SECONDS + max((item.lease_left() for item in counted), default=0)
                if left > 0:
                    return Park(left, "all attempts are used up; the last may still be answered")
                return self._give_up(ledger, number - 1, spent)

    def _give_up(self, ledger: Ledger, attempt: int, spent: int) -> Standing | Again:
        self._tell("pair.gave-up", attempts=attempt, possibly_billed=spent)
        now = self._on.clock.now()
        settings = self._on.settings
        response = Response(
            attempt, spent, settings.sim_threshold, settings.transfer, {}, now, now, None
        )
        ledger.keep(response)
        standing = ledger.response()
        # None: an operator granted another attempt meanwhile.
        return Again() if standing is None else Standing(standing)

    # 3 call

    def _use(
        self, ledger: Ledger, work: Work, attempt: Attempt, turn: Turn, spent: int
    ) -> Standing | Parked | Again | Unanswered:
        """Use our attempt: call, and either keep the answer or give the attempt back."""
        self._tell("pair.claimed", attempt=attempt.number)
        try:
            came = call(self._on, work, attempt, turn, self._log)
        except LivenessError as error:
            # What `call` raises was before any request or after a free one: nothing was billed.
            with contextlib.suppress(LivenessError):
                self._park(Park(PAUSE_SECONDS, "preparing the call failed"))
                error.parked = True
                self._release(ledger, attempt)
            raise
        if isinstance(came, Unanswered):
            return came
        if isinstance(came, Final):
            return self.keep(ledger, self._response(came, attempt, spent))
        if isinstance(came, SetBack):
            # First the marker, then the release: in between a crash forgets nobody.
            parked = self._park(Park(came.seconds, came.why))
            self._release(ledger, attempt)
            if came.misconfigured:
                refused = ConfigurationError(f"the face API refuses: {came.why}")
                refused.parked = True
                raise refused
            return parked
        self._release(ledger, attempt)
        return Again()

    def _release(self, ledger: Ledger, attempt: Attempt) -> None:
        ledger.release(attempt.number, attempt.nonce)
        self._tell("pair.released", attempt=attempt.number)

    def _response(self, final: Final, attempt: Attempt, spent: int) -> Response:
        settings, clock = self._on.settings, self._on.clock
        now = clock.now()
        return Response(
            attempt=attempt.number,
            possibly_billed=spent + may_be_billed(final.answer),
            threshold=settings.sim_threshold,
            transfer=settings.transfer,
            md5s=final.md5s,
            claimed_at=now - (clock.monotonic() - attempt.began),
            answered_at=now,
            answer=final.answer,
        )

    # 4 keep

    def keep(self, ledger: Ledger, mine: Response) -> Standing:
        """Write the answer down; the frame is fetched meanwhile, and put while we read back.

        The frame's key names its content, so it may lie there before anybody points to it.
        """
        answer = mine.answer
        assert answer is not None
        (frame,) = ledger.keep(mine, lambda: self._publisher.fetch(answer))
        copy, response = self._on.concurrency.together(
            lambda: self._publisher.try_put_frame(frame), lambda: self._read_back(ledger, mine)
        )
        if response == mine:
            self._tell("pair.kept", attempt=mine.attempt)
            return Standing(response, copy)
        ledger.keep_late(mine)
        alarm = may_be_billed(answer) and response.answer is None
        self._tell("pair.paid-after-give-up" if alarm else "pair.answer-late", attempt=mine.attempt)
        return Standing(response)

    def _read_back(self, ledger: Ledger, mine: Response) -> Response:
        """The response that stands after ours was written."""

        def read() -> Response:
            response = ledger.response()
            if response is None:
                # Ours was passed over: an operator granted an attempt after others gave up. What
                # was paid for takes that attempt's place.
                ledger.keep(mine)
                raise StoreUnavailable("the response was written but cannot be read")
            return response

        return patiently(read, self._on.clock, self._on.chance)

    # 5 publish

    def publish(self, work: Work, standing: Standing) -> Ended:
        """First the frame, then `result.json`; see publish.py."""
        return self._published(self._publisher.result(work, standing.response, standing.frame))

    def _published(self, outcome: Outcome, detail: str | None = None) -> Ended:
        self._tell("pair.published", status=outcome.status)
        return Ended(self._pair_id, "published", outcome.status, detail)

    # beside the walk

    def _outdated(self, look: Look, ledger: Ledger) -> bool:
        """Whether a published result for this very content is not the last word on it.

        A `failed` one, when an operator granted another attempt: it is still to be made, or it was
        made and not published, or a slow publisher of the failure came after it. One for an
        unusable input, when a limit was raised since. One without its frame, when another
        invocation copied that.
        """
        if look.published_unusable:
            return isinstance(look.found, Work)
        if look.published_status == "failed":
            response = ledger.response()
            if response is None:
                return ledger.grants > 0
            again = look.published_attempt != str(response.attempt)
            return again or outcome_of_response(response).status != "failed"
        if look.published_frameless:
            response = ledger.response()
            answer = response.answer if response else None
            return answer is not None and self._publisher.frame_lying_there(answer) is not None
        return False

    def _park(self, step: Park) -> Parked:
        on = self._on
        marker = Marker(self._pair_id, step.why, self._visits)
        park(on.settings, on.store, on.chance, marker, step.seconds)
        self._tell("pair.parked", seconds=round(step.seconds, 1), why=step.why)
        return Parked(step.why, due=step.seconds <= 0)

    def _tell(self, event: str, **fields: Any) -> None:
        """Log a step with the milliseconds since the one before."""
        now = self._on.clock.monotonic()
        self._log(event, ms=round((now - self._lap) * 1000), **fields)
        self._lap = now
