"""The invariant checker: a specification of what the function guarantees, checked at every step.

The first part of `InvariantChecker` has one group of `check_` methods per invariant of
docs/design.md; the first method of a group quotes the invariant. Most of I11 is left to
bench/lasting.py: fair shares take a backlog. The second part, the `on_` and `before_` methods,
receives every effect of a run in order, and says which invariants it concerns. The run adds two
checks that only it can make: that a run comes to rest (I1), and that no invocation fails without a
fault that explains it.

Besides the numbered invariants, "mix-up" means that an answer was attributed to a pair or to
content that it does not belong to.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from liveness.call import CALL_SECONDS
from liveness.face_api import DetectRequest
from liveness.history import MAX_SETBACKS
from liveness.keys import (
    FINGERPRINT_META,
    FRAME_META,
    STATUS_META,
    best_frame_key,
    breaker_key,
    drain_prefix,
    drain_shards,
    drain_slot_key,
    pair_hash,
    result_key,
)
from liveness.logs import write_stdout
from liveness.markers import MAX_DELIVERIES, ParkReason
from liveness.records import LEASE_SECONDS
from liveness.settings import Settings
from liveness.store import CLOCK_RESOLUTION_SECONDS

from .bucket import SECRET, Bucket, Stored, md5
from .history import Violation
from .observations import Call, Claim, Observations, ResponseRead, WalkHistory
from .service import Judgement

if TYPE_CHECKING:
    from .invocation import Invocation

# How long a claim that no fault touched may be held before its call starts.
_MAX_IDLE_SECONDS = 5.0
# I9 and I10.
_MIN_SPAN_SECONDS = 3600.0
_MAX_UNBILLED = 12
# Of one visit to a pair: far more than its longest way through the ledger takes.
_MAX_LEDGER_REQUESTS = 120
_MAX_LINE_BYTES = 8 * 1024
# Those of markers whose pair has had one.
_REASONS_OF_SETBACKS = tuple(
    reason.code
    for reason in (
        ParkReason.OUTCOME_UNKNOWN,
        ParkReason.TRANSIENT,
        ParkReason.BAD_LINK,
        ParkReason.PREPARATION_SLOW,
        ParkReason.SPACED,
        ParkReason.ATTEMPTS_EXHAUSTED,
    )
)

_SETBACKS_WITHOUT_CALLS = (ParkReason.PREPARATION_SLOW.code, ParkReason.PACKAGE_IN_USE.code)


class InvariantChecker:
    """Raises Violation as soon as an invariant does not hold."""

    def __init__(self, settings: Settings, bucket: Bucket, now: Callable[[], float]) -> None:
        self.observations = Observations(settings, bucket, now)
        self._settings = settings
        self._bucket = bucket
        self._now = now

    # ================ The invariants

    # ---- I1

    def check_i1_every_complete_pair_has_its_result(
        self, when: str, except_silent_changes: bool = False
    ) -> None:
        """I1: Once a pair's inputs stay complete and unchanged, and a reconcile pass has run since,
        result.json carries their fingerprint and the stored response's verdict. With no event lost
        and no more crashes than the platform retries, the same holds without reconcile.

        Both halves are checked separately; `when` says which. A change that sends no event, such as
        removing an input, is noticed by reconcile only.
        """
        for pair_id, pair in self.observations.pairs.items():
            current = self.observations.current_fingerprint(pair_id)
            if current is None or (except_silent_changes and pair.changed_silently):
                continue
            if self.observations.published_fingerprint(pair_id) != current:
                raise Violation(f"I1 {when}", f"{pair_id} has no result for its current inputs")
            self.check_i1_result_has_the_verdict_of_the_response(when, pair_id, current)

    def check_i1_result_has_the_verdict_of_the_response(
        self, when: str, pair_id: str, current: str
    ) -> None:
        """I1: result.json carries the stored response's verdict."""
        stored = self._bucket.objects[result_key(self._settings, pair_id)]
        document = json.loads(stored.body)
        folder = self.observations.ledger_folder(pair_id, current)
        responses = self._bucket.keys(folder + "response")
        if not responses:
            if document["status"] != "invalid":
                raise Violation(f"I1 {when}", f"{pair_id} has a verdict without a response")
            return
        response = json.loads(self._bucket.objects[responses[-1]].body)
        record = response["answer"]
        if response["refusal"]:
            if document["reason"]["code"] != response["refusal"]:
                raise Violation(f"I1 {when}", f"{pair_id} was refused, and its result differs")
            return
        if record is None:
            if document["status"] != "failed":
                raise Violation(
                    f"I1 {when}", f"{pair_id} was given up, but its result is {document['status']}"
                )
            return
        request_id = record["request_id"]
        call = self.observations.calls_of_requests[request_id]
        assert call.judgement is not None
        answer = call.judgement.answer
        if document["status"] == "invalid" and document["api"] is None:
            return
        if (document["api"] or {}).get("request_id") != request_id:
            raise Violation(f"I1 {when}", f"{pair_id} has another verdict than its response")
        passes = (
            answer.code == "Success"
            and not answer.contract_violation
            and (answer.similarity or 0) >= response["threshold"]
        )
        if passes != (document["status"] == "passed"):
            raise Violation(
                f"I1 {when}", f"{pair_id} is {document['status']}, which is not what was judged"
            )
        if call.pair_id != pair_id or call.fingerprint != current:
            raise Violation("mix-up", f"the verdict of {pair_id} was made for other content")
        self.check_i3_result_names_the_stored_frame(pair_id, answer.best_frame_md5, stored)
        if stored.metadata[STATUS_META] != document["status"]:
            raise Violation(f"I1 {when}", f"metadata and content of {pair_id}'s result differ")

    def check_i1_response_is_recorded_before_the_result(
        self, pair_id: str, document: Mapping[str, Any]
    ) -> None:
        """I1: a published verdict has a response record, so that a crash cannot change it."""
        if document["attempts"] == 0:
            return  # no call was needed
        folder = self.observations.ledger_folder(pair_id, document["fingerprint"])
        if not self._bucket.keys(folder + "response"):
            raise Violation("I1", f"{pair_id} is published before its response is recorded")

    def check_i1_pair_is_not_given_up_early(
        self, pair_id: str, fingerprint: str, inspected_at: float
    ) -> None:
        """I1: a pair is given up only when all its attempts, or its marker's visits, are used."""
        pair = self.observations.pairs[pair_id]
        counted = len(self.observations.counted_claims(pair_id, fingerprint, inspected_at))
        allowed = self._settings.max_attempts + pair.grants[fingerprint]
        setbacks = pair.setbacks[fingerprint] + pair.setbacks_without_calls
        is_set_back = setbacks >= MAX_SETBACKS - 1  # the last one ends it before its release
        if counted < allowed and pair.visits < MAX_DELIVERIES and not is_set_back:
            raise Violation(
                "I1", f"{pair_id} is given up early: {counted} of {allowed} attempts counted"
            )

    def check_i1_answer_closes_the_breaker(self, invocation: Invocation) -> None:
        """I1: a drain whose last call was answered leaves no open breaker: events would park."""
        calls = [
            call
            for pair in self.observations.pairs.values()
            for call in pair.calls
            if call.invocation is invocation and call.drained
        ]
        answered = bool(calls) and all(call.reply_arrived for call in calls)
        breaker = self._bucket.objects.get(breaker_key(self._settings))
        if not (answered and breaker):
            return
        # A drain whose slot was over may have waited for a last reply that did not come, until now.
        by_another = breaker.creator != invocation.label and breaker.written >= invocation.began
        if not by_another:
            raise Violation("I1", f"{invocation.label} got answers; the breaker is still open")

    # ---- I2

    def check_i2_every_repeated_bill_has_a_fault(self) -> None:
        """I2: For one fingerprint, the calls that may be billed are at most 1 + crashes, lost
        replies and failed response writes between call and record + lease overruns and store races
        between claim and record; and never more than the limit + grants + store races.

        Here the first bound, call by call: of the billed calls for one fingerprint at most one, and
        one per grant, may lack a fault that explains why another followed.
        """
        for pair_id, pair in self.observations.pairs.items():
            by_fingerprint: dict[str, list[Call]] = {}
            for call in pair.calls:
                if call.billed:
                    by_fingerprint.setdefault(call.fingerprint, []).append(call)
            for fingerprint, calls in by_fingerprint.items():
                unexplained = sum(not self.observations.is_excused(call) for call in calls)
                if unexplained > 1 + pair.grants[fingerprint]:
                    raise Violation(
                        "I2",
                        f"{len(calls)} billed calls for {pair_id}, {unexplained} of them without "
                        "a fault that explains another",
                    )

    def check_i2_calls_that_may_be_billed_are_within_the_limit(self, latest: Call) -> None:
        """I2: never more calls that may be billed than the limit + grants + store races."""
        pair = self.observations.pairs[latest.pair_id]
        may_be_billed = sum(
            call.may_be_billed and call.fingerprint == latest.fingerprint for call in pair.calls
        )
        grants = pair.grants[latest.fingerprint]
        races = self.observations.claim_races[latest.fingerprint]
        if may_be_billed > self._settings.max_attempts + grants + races:
            raise Violation(
                "I2", f"{may_be_billed} calls for {latest.pair_id} may be billed: over the limit"
            )

    def check_i2_caller_has_a_claim(
        self, invocation: Invocation, pair_id: str, walk: WalkHistory
    ) -> Claim:
        """I2: a call needs a claim of its caller."""
        claim = walk.claims.get(walk.latest_claim)
        if claim is None:
            raise Violation("I2", f"{invocation.label} calls for {pair_id} without a claim")
        return claim

    def check_i2_claim_is_not_held_idle(
        self, invocation: Invocation, pair_id: str, walk: WalkHistory, claim: Claim
    ) -> None:
        """I2: a claim that no fault delayed is used at once, so that its lease suffices."""
        calls = self.observations.pairs[pair_id].calls
        is_first = not any(
            call.invocation is invocation and call.attempt == walk.latest_claim for call in calls
        )
        idle = self._now() - claim.created_at
        if is_first and not invocation.slowed and idle > _MAX_IDLE_SECONDS:
            raise Violation(
                "I2", f"{invocation.label} held a claim of {pair_id} for {idle:.0f} s idle"
            )

    def check_i2_release_is_by_the_owner_and_nothing_was_billed(
        self, invocation: Invocation, pair_id: str, walk: WalkHistory, key: str
    ) -> None:
        """I2: only a claim's owner releases it, and only where no call may be billed.

        After a race another invocation may have called under that claim: the bound allows for it.
        """
        claim = key.replace(".released", ".claim")
        if claim not in walk.claims:
            raise Violation("I2", f"{key} was created by an invocation that does not own the claim")
        pair = self.observations.pairs[pair_id]
        calls = [call for call in pair.calls if call.invocation is invocation]
        calls = [call for call in calls if call.attempt == claim]
        if any(call.may_be_billed for call in calls):
            raise Violation("I2", f"{key} was created after a call that may be billed")
        is_in_time = self._now() - walk.claims[claim].created_at < LEASE_SECONDS
        for call in calls:
            pair.setbacks[call.fingerprint] += call.is_set_back
            pair.unbilled[call.fingerprint] += call.is_set_back and is_in_time

    def check_i2_claim_was_used_or_released(
        self, invocation: Invocation, pair_id: str, key: str, claim: Claim
    ) -> None:
        """I2: an invocation that no fault hit leaves no attempt unused."""
        objects, folder = self._bucket.objects, key.rpartition("/")[0]
        used_or_released = (
            json.loads(objects[key].body)["nonce"] != claim.nonce
            or key.replace(".claim", ".released") in objects
            or f"{folder}/response" in objects
            or any(call.attempt == key for call in self.observations.pairs[pair_id].calls)
        )
        if not used_or_released:
            raise Violation(
                "I2", f"{invocation.label} leaves an attempt of {pair_id} unused: {key}"
            )

    def check_i2_claim_is_released_after_an_error(
        self, pair_id: str, key: str, claim: Claim, walk: WalkHistory
    ) -> None:
        """I2: whatever ended the walk between claim and call, the attempt is released."""
        stored = self._bucket.objects.get(key)
        is_ours = stored is not None and json.loads(stored.body)["nonce"] == claim.nonce
        if not (claim.created and is_ours) or walk.parked_at < claim.created_at:
            return
        calls = [call for call in self.observations.pairs[pair_id].calls if call.attempt == key]
        if claim.release_tried or any(call.may_be_billed for call in calls):
            return
        ledger_key = self.observations.ledger_key(key)
        if ledger_key and ledger_key.fingerprint in walk.answered:
            return  # no attempt counts for a content that has its response
        if not any(call.reply_arrived for call in calls):
            raise Violation("I2", f"{key} was neither used nor released, though the pair is parked")

    # ---- I3

    def check_i3_response_was_read_after_the_claim(
        self, invocation: Invocation, pair_id: str, walk: WalkHistory, claim: Claim
    ) -> None:
        """I3: No call starts if the response was stored before its caller's last read of the
        response key, and that read comes after the claim's read-back. A stored response, or a
        passed result, is never replaced by something worse.

        Here the first sentence. A grant allows another call over a stored response.
        """
        subject = f"{invocation.label} calls for {pair_id}"
        if not claim.read_back:
            raise Violation("I3", f"{subject}; its claim was not read back")
        ledger_key = self.observations.ledger_key(walk.latest_claim)
        assert ledger_key is not None
        response = walk.response_of(ledger_key.fingerprint)
        if response.read_at < claim.replied_at:
            raise Violation("I3", f"{subject}; the response was not read after the claim")
        grants = self.observations.pairs[pair_id].grants[ledger_key.fingerprint]
        if response.existed and not grants:
            raise Violation("I3", f"{subject} over a stored response")

    def check_i3_ledger_objects_are_never_overwritten(self, key: str) -> None:
        """I3: what the ledger stores for a fingerprint is created, and never replaced."""
        if self.observations.ledger_key(key):
            raise Violation("I3", f"{key} is overwritten instead of created")

    def check_i3_no_verdict_is_replaced_by_a_failure(
        self, pair_id: str, key: str, metadata: Mapping[str, str]
    ) -> None:
        """I3: a result with a verdict is not replaced by "failed" for the same fingerprint.

        After a grant, an invocation that publishes the earlier failure late inspects the pair again
        and repairs it; so does one that lost a race for the response.
        """
        before, fingerprint = self._bucket.objects.get(key), metadata[FINGERPRINT_META]
        if before is None or before.metadata[FINGERPRINT_META] != fingerprint:
            return
        worse = metadata[STATUS_META] == "failed" != before.metadata[STATUS_META]
        grants = self.observations.pairs[pair_id].grants[fingerprint]
        if worse and not (grants or self.observations.response_races):
            raise Violation("I3", f"{pair_id} had a verdict and is failed now")

    def check_i3_no_call_is_under_way(self, pair_id: str, fingerprint: str) -> None:
        """I3: a pair is not given up while a call for it may still be answered."""
        now = self._now()
        for call in self.observations.pairs[pair_id].calls:
            if call.fingerprint != fingerprint:
                continue
            unanswered = not (call.reply_lost or call.reply_arrived)
            waiting = (
                call.recorded_at is None
                and (unanswered or call.in_hand)
                and call.invocation.instance.alive
            )
            overrun = now - call.claimed_at > LEASE_SECONDS
            if waiting and not overrun and now - call.started_at < CALL_SECONDS:
                raise Violation("I3", f"{pair_id} is given up while a call is under way")

    def check_i3_result_names_the_stored_frame(
        self, pair_id: str, frame_md5: str, result: Stored
    ) -> None:
        """I3: a result that names the best frame is not replaced by one that lacks it."""
        key = best_frame_key(self._settings, pair_id, frame_md5) if frame_md5 else ""
        named = result.metadata[FRAME_META]
        if key in self._bucket.objects and named != frame_md5:
            raise Violation("I3", f"the frame of {pair_id} is stored; its result says {named}")

    # ---- I4

    def check_i4_named_frame_exists(self, pair_id: str, document: Mapping[str, Any]) -> None:
        """I4: result.json never names a best frame that does not exist or whose MD5 differs."""
        frame = document["best_frame"]
        if frame["key"] is None:
            return
        stored = self._bucket.objects.get(frame["key"])
        if stored is None or md5(stored.body) != frame["md5"]:
            raise Violation("I4", f"the result of {pair_id} names a frame that does not exist")
        if frame["key"] != best_frame_key(self._settings, pair_id, frame["md5"]):
            raise Violation("I4", f"the frame of {pair_id} has a key that other bytes may get")

    # ---- I5

    def check_i5_write_is_within_own_prefixes(self, invocation: Invocation, key: str) -> None:
        """I5: Nothing is written outside the prefixes of results, best frames and ledger; nothing
        there can wake the function.
        """
        settings = self._settings
        own = (settings.result_prefix, settings.frame_prefix, settings.ledger_prefix)
        if not key.startswith(own):
            raise Violation("I5", f"{invocation.label} writes {key}")

    def check_i5_only_the_backlog_is_deleted(self, invocation: Invocation, key: str) -> None:
        """I5: the function deletes its own markers, drain slots, breaker and the URLs of frames,
        and nothing else.
        """
        prefix = self._settings.ledger_prefix
        deletable = ("pending/", "drain/", "frame-urls/")
        names = *(prefix + name for name in deletable), breaker_key(self._settings)
        if not key.startswith(names):
            raise Violation("I5", f"{invocation.label} deletes {key}")

    # ---- I6

    def check_i6_no_secret_in(self, text: str, where: str) -> None:
        """I6: No credential, signature, pre-signed URL or raw event reaches a log or a result."""
        if SECRET in text:
            raise Violation("I6", f"{where} holds a signature")

    # ---- I7

    def check_i7_drain_calls_are_within_the_rate(self, call: Call) -> None:
        """I7: Calls started by drains never exceed the set rate in any window of one second, the
        hand-over included; those not counted that were refused for the rate.

        It counts every drain, whatever woke it; calls that handle an event at once are not paced.
        Nor does a call count whose instance was suspended when it was to start, or less than a
        window before: its drainer cannot know when its calls started.
        """
        if self._now() < call.invocation.instance.paused_until + self._window:
            return
        rate = max(1, int(self._settings.rate_limit))
        self.observations.drain_calls.append(call.started_at)
        recent = self.observations.drain_calls[-rate - 1 :]
        seconds = recent[-1] - recent[0]
        if len(recent) > rate and seconds < self._window - 1e-6:
            raise Violation("I7", f"{len(recent)} calls of drainers in {seconds:.3f} s")

    @property
    def _window(self) -> float:
        """The seconds in which as many calls may start as the rate says, or one."""
        return max(1.0, 1 / self._settings.rate_limit)

    def check_i7_caller_holds_a_slot(self, invocation: Invocation) -> None:
        """I7: none starts in the last second of a slot that its drainer does not renew.

        A new drainer may begin a moment before its slot does, by the resolution of the store's
        clock.
        """
        slots = [
            self._bucket.objects.get(drain_slot_key(self._settings, self._now() + ahead, shard))
            for shard in range(drain_shards(self._settings))
            for ahead in (1, CLOCK_RESOLUTION_SECONDS)
        ]
        if not any(slot and slot.creator == invocation.label for slot in slots):
            raise Violation("I7", f"{invocation.label} calls in a slot that is not its own")

    def check_i7_slot_is_deleted_once(self, invocation: Invocation, key: str) -> None:
        """I7: a DELETE of a slot is never repeated: by then it may be another drainer's."""
        claim = invocation.label, key
        self.observations.slot_claims[claim] -= 1
        if self.observations.slot_claims[claim] < 0:
            raise Violation("I7", f"{invocation.label} deletes {key} once more than it took it")

    # ---- I8

    def check_i8_pair_is_settled_on_return(self, invocation: Invocation, pair_id: str) -> None:
        """I8: An invocation returns normally only when its pair is incomplete, its result is
        published, or a marker for it exists.
        """
        walk = self.observations.walk(invocation, pair_id)
        if not (walk.parked or self.observations.is_settled(pair_id, walk)):
            raise Violation(
                "I8",
                f"{invocation.label} returned; {pair_id} is complete, with no result and no marker",
            )

    def check_i8_marker_exists_before_the_release(
        self, pair_id: str, walk: WalkHistory, key: str
    ) -> None:
        """I8: a claim is released only when a crash afterwards would not lose the pair.

        Once the response is recorded, it makes no difference whether the claim is released.
        """
        recorded = key.rpartition("/")[0] + "/response" in self._bucket.objects
        if not (recorded or self.observations.is_settled(pair_id, walk)):
            raise Violation("I8", f"{key} while no marker exists: a crash would lose {pair_id}")

    def check_i8_marker_is_not_the_last_trace(
        self, pair_id: str, walk: WalkHistory, key: str
    ) -> None:
        """I8: a marker is deleted only when its pair needs no further walk: deleting it completes
        the return of the invocation that wrote it.
        """
        if not self.observations.is_settled(pair_id, walk, ignoring=key):
            raise Violation("I8", f"a marker of {pair_id} is deleted before the pair is finished")

    # ---- I9

    def check_i9_pair_fails_only_after_an_hour_without_an_answer(
        self, pair_id: str, fingerprint: str, inspected_at: float
    ) -> None:
        """I9: A pair ends failed for want of an answer only if its attempts spanned at least an
        hour, and never while an answer to one of them is in hand.

        An attempt that was given back, after a set-back, is none of them.
        """
        pair = self.observations.pairs[pair_id]
        calls = [call for call in pair.calls if call.fingerprint == fingerprint]
        if not calls:
            return  # a pair that kills its instances before it can be called for
        claimed = self._unanswered_since(pair_id, fingerprint, inspected_at)
        span = self._now() - min(claimed, default=-math.inf)
        if span < _MIN_SPAN_SECONDS - CLOCK_RESOLUTION_SECONDS:
            raise Violation("I9", f"{pair_id} is given up {span:.0f} s after its first attempt")
        for call in calls:
            if call.in_hand and call.invocation.instance.alive:
                raise Violation("I9", f"{pair_id} is given up while {call.attempt} has an answer")
        self.check_i9_no_late_answer_is_passed_over(pair_id, fingerprint, inspected_at, "given up")
        self.check_i9_attempts_are_spaced(pair_id, fingerprint, inspected_at)

    def _unanswered_since(self, pair_id: str, fingerprint: str, inspected_at: float) -> list[float]:
        """Return when the attempts were claimed that got no answer, as far as a walk knows."""
        claims = self.observations.counted_claims(pair_id, fingerprint, inspected_at)
        calls = self.observations.pairs[pair_id].calls
        answered = {call.attempt for call in calls}
        answered -= {call.attempt for call in calls if call.may_be_billed}
        if self.observations.was_released_late_or_never(pair_id, fingerprint):
            answered = set()  # for all that others know
        return [written for key, written in claims.items() if key not in answered]

    def check_i9_no_late_answer_is_passed_over(
        self, pair_id: str, fingerprint: str, inspected_at: float, what: str
    ) -> None:
        """I9: a late answer in the ledger is used before anybody calls again or gives up.

        After a grant a failure is no answer.
        """
        folder = self.observations.ledger_folder(pair_id, fingerprint)
        for key in self._bucket.keys(folder + "late-"):
            stored = self._bucket.objects[key]
            answer = json.loads(stored.body)["answer"]
            attempt = key.replace("late-", "") + ".claim"
            if attempt in self.observations.raced_claims or stored.written >= inspected_at:
                continue
            call = self.observations.calls_of_requests[answer["request_id"]]
            assert call.judgement is not None
            granted = self.observations.pairs[pair_id].grants[fingerprint]
            if not (granted and call.judgement.is_failure):
                raise Violation("I9", f"{pair_id} is {what} though {key} exists")

    def check_i9_late_answer_is_stored(self, call: Call) -> None:
        """I9: an answer that came late, or second, is stored, if nothing goes wrong meanwhile.

        After a race for the claim two answers belong to one attempt, which keeps the first.
        """
        if call.recorded_at is None and call.attempt not in self.observations.raced_claims:
            raise Violation("I9", f"a late answer for {call.pair_id} is thrown away")

    def check_i9_attempts_are_spaced(
        self, pair_id: str, fingerprint: str, inspected_at: float
    ) -> None:
        """I9: the attempts spanned an hour: the last of several did not begin earlier.

        An operator who retries a pair does not wait.
        """
        pair = self.observations.pairs[pair_id]
        calls = [call for call in pair.calls if call.fingerprint == fingerprint]
        attempts = {call.attempt for call in calls if call.may_be_billed}
        urgent = any("retry" in call.invocation.event for call in calls)
        if len(attempts) < 2 or urgent or pair.visits >= MAX_DELIVERIES:
            return
        if self.observations.was_released_late_or_never(pair_id, fingerprint):
            return
        claimed = self._unanswered_since(pair_id, fingerprint, inspected_at)
        # The last attempt may have died between claim and call: it counts all the same.
        span = max(calls[-1].started_at, *claimed) - min(claimed)
        if span < _MIN_SPAN_SECONDS - 2 * CLOCK_RESOLUTION_SECONDS - LEASE_SECONDS:
            raise Violation("I9", f"the attempts for {pair_id} spanned {span:.0f} s")

    # ---- I10

    def check_i10_unbilled_calls_are_within_the_limit(self, latest: Call) -> None:
        """I10: For one content: at most MAX_ATTEMPTS + grants calls that may be billed, at most
        twelve that are not, and a bounded number of store requests, however long anything lasts.

        Here the second bound. What the account is refused is free; it is paced, and not counted. An
        attempt that was released after its lease counts as one that may be billed.
        """
        pair, fingerprint = self.observations.pairs[latest.pair_id], latest.fingerprint
        unbilled, grants = pair.unbilled[fingerprint], pair.grants[fingerprint]
        if unbilled >= _MAX_UNBILLED + grants:
            raise Violation("I10", f"call {unbilled + 1} for {latest.pair_id} that is not billed")

    def check_i10_visit_costs_no_more_than_the_first(self, pair_id: str, walk: WalkHistory) -> None:
        """I10: a visit's requests for the ledger are bounded, whatever happened before."""
        if self.observations.has_shared_package(pair_id):
            return  # the walks of other pairs look at its attempts, too
        walk.ledger_requests += 1
        if walk.ledger_requests > _MAX_LEDGER_REQUESTS:
            raise Violation("I10", f"{walk.ledger_requests} requests in one visit to {pair_id}")

    # ---- I11

    def check_i11_marker_of_a_pair_with_setbacks_says_so(
        self, key: str, marker: Mapping[str, Any]
    ) -> None:
        """I11: With any number of pairs whose inputs cannot be judged in the backlog, the others'
        time to result stays within 1.35 of what it is without them.

        Here only what that rests on: a marker's key tells drains whether its pair had set-backs.
        bench/lasting.py measures the rest.
        """
        if marker["reason"] in _REASONS_OF_SETBACKS and not key.endswith("-s"):
            raise Violation("I11", f"{key} does not tell that its pair had a set-back")

    # ---- I12

    def check_i12_submissions_are_within_the_limit(self, latest: Call) -> None:
        """I12: For one pair: calls that may be billed <= MAX_SUBMISSIONS x what I2 allows.

        I2 is checked for each content; here, how many contents are called for.
        """
        pair = self.observations.pairs[latest.pair_id]
        contents = {call.fingerprint for call in pair.calls if call.may_be_billed}
        races = self.observations.submission_races[latest.pair_id]
        if len(contents) > self._settings.max_submissions + races:
            raise Violation("I12", f"{len(contents)} contents of {latest.pair_id} are called for")

    def check_i12_refusal_is_justified(
        self, pair_id: str, fingerprint: str, response: Mapping[str, Any]
    ) -> None:
        """I12: a content is refused only if the pair's numbers are used up, or another pair was
        judged with its package.
        """
        if response["refusal"] == "TooManySubmissions":
            folder = f"{self._settings.ledger_prefix}submissions/{pair_hash(pair_id)}/"
            stored = [
                json.loads(self._bucket.objects[key].body) for key in self._bucket.keys(folder)
            ]
            others = {item["fingerprint"] for item in stored} - {fingerprint}
            if len(others) < self._settings.max_submissions:
                raise Violation("I12", f"{pair_id} is refused its submission {len(others) + 1}")
            return
        package = response["digests"]["live"]["md5"]
        if not any(
            call.judgement and call.judgement.is_verdict and call.judgement.package == package
            for other, pair in self.observations.pairs.items()
            for call in pair.calls
            if other != pair_id
        ):
            raise Violation("I14", f"{pair_id} is refused, and its package was never judged")

    # ---- I13

    def check_i13_no_output_ends_an_invocation(self, line: str, failure: str) -> None:
        """I13: Nothing that is logged can end an invocation.

        The line goes to the real output function, whose stdout may be full, closed or missing.
        """
        if len(line.encode("utf-8", "replace")) > _MAX_LINE_BYTES:
            raise Violation("I13", f"a line of {len(line)} characters: {line[:80]}...")
        if not failure:
            return
        before, sys.stdout = sys.stdout, _broken_stdout(failure)
        try:
            write_stdout(line)
        except Exception as error:
            raise Violation("I13", f"logging raised {type(error).__name__}") from None
        finally:
            sys.stdout = before

    # ---- I14

    def check_i14_package_is_judged_for_one_pair(self, latest: Call) -> None:
        """I14: Unless REUSED_PACKAGE is `report`, at most one pair + store races gets a verdict on
        the same liveness package, as far as `failed` is none.
        """
        judgement = latest.judgement
        assert judgement is not None
        races = self.observations.package_races[judgement.package]
        if self._settings.reused_package != "reject" or races:
            return
        for pair_id, pair in self.observations.pairs.items():
            for call in pair.calls:
                other = call.judgement
                if pair_id == latest.pair_id or not other or other.package != judgement.package:
                    continue
                if call.recorded_at is not None and other.is_verdict and not other.is_failure:
                    raise Violation(
                        "I14", f"the package of {pair_id} is judged again for {latest.pair_id}"
                    )

    # ---- mix-ups

    def check_answer_belongs_to_the_record(self, call: Call, fingerprint: str) -> None:
        """An answer is recorded for the content that it was given for."""
        if call.fingerprint != fingerprint:
            raise Violation(
                "mix-up", f"an answer for {call.pair_id} is recorded for another pair or content"
            )

    # ================ What happens in a run, and which invariants it concerns

    # ---- customers

    def before_input_change(self, pair_id: str, silently: bool) -> None:
        """A customer is about to change the pair's inputs; `silently`: without an event."""
        self.observations.note_current(pair_id)
        pair = self.observations.pairs[pair_id]
        pair.changed_at, pair.changed_silently = self._now(), silently

    # ---- store requests; `sent` is when the request was sent

    def on_head(self, invocation: Invocation, key: str, sent: float) -> None:
        result_of = self.observations.result_pair(key)
        if result_of is not None:
            self.observations.walk(invocation, result_of).result_seen_at = sent
        pair_id = self.observations.input_pair(key)
        if pair_id is not None:
            walk = self.observations.walk(invocation, pair_id)
            if not walk.calling:
                walk.heads[key] = sent
                walk.ledger_requests = 0

    def on_get(self, invocation: Invocation, key: str, stored: Stored | None, sent: float) -> None:
        ledger_key = self.observations.ledger_key(key)
        if ledger_key is None:
            return
        walk = self.observations.walk(invocation, ledger_key.pair_id)
        self.check_i10_visit_costs_no_more_than_the_first(ledger_key.pair_id, walk)
        if ledger_key.name.startswith("response"):
            # The walk of another pair with the same package may read it at the same time.
            if sent >= walk.response_of(ledger_key.fingerprint).read_at:
                walk.responses[ledger_key.fingerprint] = ResponseRead(sent, stored is not None)
            if stored is not None:
                walk.answered.add(ledger_key.fingerprint)
        elif (claim := walk.claims.get(key)) and stored and sent >= claim.replied_at > 0:
            claim.read_back = json.loads(stored.body)["nonce"] == claim.nonce

    def on_create(self, invocation: Invocation, key: str, body: bytes) -> None:
        """An object was created."""
        self.check_i5_write_is_within_own_prefixes(invocation, key)
        if key.startswith(drain_prefix(self._settings)):
            self.observations.drainers.add(invocation.label)
        ledger_key = self.observations.ledger_key(key)
        if ledger_key is None:
            return
        pair_id, fingerprint, name = ledger_key
        walk, pair = self.observations.walk(invocation, pair_id), self.observations.pairs[pair_id]
        walk.calling = False
        if name.endswith(".claim"):
            walk.claims[key] = Claim(json.loads(body)["nonce"], self._now())
        elif name.endswith(".released"):
            self.check_i2_release_is_by_the_owner_and_nothing_was_billed(
                invocation, pair_id, walk, key
            )
            self.check_i8_marker_exists_before_the_release(pair_id, walk, key)
        elif name.startswith("grant-"):
            pair.grants[fingerprint] += 1
        elif name.startswith(("response", "late-")):
            self._on_response_recorded(pair_id, fingerprint, body, walk.inspected_at)

    def _on_response_recorded(
        self, pair_id: str, fingerprint: str, body: bytes, inspected_at: float
    ) -> None:
        response = json.loads(body)
        answer = response["answer"]
        if response["refusal"]:
            self.check_i3_no_call_is_under_way(pair_id, fingerprint)
            self.check_i12_refusal_is_justified(pair_id, fingerprint, response)
            return
        if answer is not None:
            call = self.observations.calls_of_requests[answer["request_id"]]
            self.check_answer_belongs_to_the_record(call, fingerprint)
            call.recorded_at, call.in_hand = self._now(), False
            assert call.judgement is not None
            if call.judgement.is_verdict:
                self.check_i14_package_is_judged_for_one_pair(call)
                return
        self.check_i3_no_call_is_under_way(pair_id, fingerprint)
        self.check_i1_pair_is_not_given_up_early(pair_id, fingerprint, inspected_at)
        self.check_i9_pair_fails_only_after_an_hour_without_an_answer(
            pair_id, fingerprint, inspected_at
        )

    def before_create(self, invocation: Invocation, key: str) -> None:
        """A create is about to be sent."""
        if key.startswith(drain_prefix(self._settings)):
            self.observations.slot_claims[invocation.label, key] += 1
        ledger_key = self.observations.ledger_key(key)
        if ledger_key and ledger_key.name.endswith(".released"):
            walk = self.observations.walk(invocation, ledger_key.pair_id)
            claim = walk.claims.get(key.replace(".released", ".claim"))
            if claim:
                claim.release_tried = True

    def on_create_reply(self, invocation: Invocation, key: str, created: bool) -> None:
        """A create was answered by 200 or 409: from now on the claim may be read back."""
        ledger_key = self.observations.ledger_key(key)
        if ledger_key and ledger_key.name.endswith(".claim"):
            walk = self.observations.walk(invocation, ledger_key.pair_id)
            claim = walk.claims.get(key)
            if claim:
                claim.created = claim.created or created
            if claim and not claim.replied_at:
                walk.latest_claim, claim.replied_at = key, self._now()

    def on_create_race(self, key: str) -> None:
        """Two creates of one key both get 200."""
        ledger_key = self.observations.ledger_key(key)
        parts = key.removeprefix(self._settings.ledger_prefix).split("/")
        if parts[0] == "submissions":
            self.observations.submission_races[self.observations.pair_of(key) or ""] += 1
        if parts[0] == "drain":
            self.observations.slot_races += 1
        if parts[0] == "packages":
            self.observations.package_races[parts[1]] += 1
        if ledger_key is None:
            return
        if ledger_key.name.startswith("response"):
            self.observations.response_races += 1
        if ledger_key.name.endswith(".claim"):
            self.observations.claim_races[ledger_key.fingerprint] += 1
            self.observations.raced_claims.add(key)

    def before_put(self, key: str, metadata: Mapping[str, str]) -> None:
        """An object is about to be overwritten."""
        pair_id = self.observations.result_pair(key)
        if pair_id is not None:
            self.observations.note_current(pair_id)
            self.check_i3_no_verdict_is_replaced_by_a_failure(pair_id, key, metadata)

    def on_put(self, invocation: Invocation, key: str, body: bytes) -> None:
        self.check_i5_write_is_within_own_prefixes(invocation, key)
        if key.startswith(self.observations.pending_prefix):
            marker = json.loads(body)
            pair = self.observations.pairs[marker["pair_id"]]
            pair.visits = max(pair.visits, marker["deliveries"])
            self.check_i11_marker_of_a_pair_with_setbacks_says_so(key, marker)
            pair.setbacks_without_calls += marker["reason"] in _SETBACKS_WITHOUT_CALLS
            walk = self.observations.walk(invocation, marker["pair_id"])
            walk.parked, walk.parked_at, walk.calling = True, self._now(), False
        self.check_i3_ledger_objects_are_never_overwritten(key)
        pair_id = self.observations.result_pair(key)
        if pair_id is not None:
            document = json.loads(body)
            self.check_i6_no_secret_in(json.dumps(document), f"the result of {pair_id}")
            self.check_i4_named_frame_exists(pair_id, document)
            self.check_i1_response_is_recorded_before_the_result(pair_id, document)
            self.observations.note_current(pair_id)

    def before_delete(self, invocation: Invocation, key: str) -> None:
        """A DELETE is about to be sent."""
        if key.startswith(drain_prefix(self._settings)) and not key.endswith("-busy"):
            self.check_i7_slot_is_deleted_once(invocation, key)

    def on_delete(self, invocation: Invocation, key: str, stored: Stored | None) -> None:
        self.check_i5_only_the_backlog_is_deleted(invocation, key)
        if stored is not None and key.startswith(self.observations.pending_prefix):
            pair_id = json.loads(stored.body)["pair_id"]
            walk = self.observations.walk(invocation, pair_id)
            self.check_i8_marker_is_not_the_last_trace(pair_id, walk, key)

    # ---- calls

    def on_upload(self, url: str, key: str) -> None:
        """An input was uploaded to a URL of the service, which identifies it in a request."""
        self.observations.uploads[url] = key

    def on_call(self, invocation: Invocation, request: DetectRequest) -> Call:
        """A call starts."""
        key = self.observations.uploads.get(request.live_url)
        if key is None:
            key = "liveness/" + request.live_url.partition("/liveness/")[2].partition("?")[0]
        pair_id = self.observations.input_pair(key)
        assert pair_id is not None
        walk = self.observations.walk(invocation, pair_id)
        claim = self.check_i2_caller_has_a_claim(invocation, pair_id, walk)
        self.check_i3_response_was_read_after_the_claim(invocation, pair_id, walk, claim)
        self.check_i2_claim_is_not_held_idle(invocation, pair_id, walk, claim)
        walk.calling = True
        ledger_key = self.observations.ledger_key(walk.latest_claim)
        assert ledger_key is not None
        call = Call(
            invocation,
            pair_id,
            ledger_key.fingerprint,
            walk.latest_claim,
            claim.created_at,
            self._now(),
        )
        self.check_i9_no_late_answer_is_passed_over(
            pair_id, call.fingerprint, walk.inspected_at, "called for"
        )
        self.check_i10_unbilled_calls_are_within_the_limit(call)
        self.observations.pairs[pair_id].calls.append(call)
        self.check_i2_calls_that_may_be_billed_are_within_the_limit(call)
        self.check_i12_submissions_are_within_the_limit(call)
        call.drained = self.observations.drains(invocation)
        # No promise holds for two drainers that won one slot, or one that does not know the time.
        in_order = not (self.observations.slot_races or invocation.time_is_unknown)
        if call.drained and in_order:
            self.check_i7_caller_holds_a_slot(invocation)
            self.check_i7_drain_calls_are_within_the_rate(call)
        return call

    def on_judgement(self, call: Call, judgement: Judgement) -> None:
        """The service has judged the content of a call."""
        call.judgement = judgement
        self.observations.calls_of_requests[judgement.answer.request_id] = call

    def on_reply(self, call: Call) -> None:
        """The caller knows what became of the call."""
        call.reply_arrived = True
        if call.drained and call.judgement and call.judgement.is_throttled:
            with suppress(ValueError):  # it was not counted
                self.observations.drain_calls.remove(call.started_at)
        call.in_hand = call.judgement is not None and call.judgement.is_verdict

    def on_late_answer(self, call: Call) -> None:
        """The caller's instance gets an answer after the deadline."""
        alive, verdict = call.invocation.instance.alive, call.judgement
        call.in_hand = alive and verdict is not None and verdict.is_verdict

    def on_out_of_hand(self, call: Call, disturbed: bool) -> None:
        """The caller's instance has stored a late answer, or could not: `disturbed` by faults."""
        if call.in_hand and not disturbed:
            self.check_i9_late_answer_is_stored(call)
        call.in_hand = False

    def on_reply_lost(self, call: Call) -> None:
        call.reply_lost = True

    # ---- invocations

    def on_log_line(self, line: str) -> None:
        self.check_i6_no_secret_in(line, f"the log line {line[:80]}...")

    def on_end(self, invocation: Invocation, alive: bool) -> None:
        """An invocation ended, or was killed: of what it did not store it has nothing in hand."""
        if alive:
            for pair_id, walk in self.observations.walks_of(invocation):
                for key, claim in walk.claims.items():
                    self.check_i2_claim_is_released_after_an_error(pair_id, key, claim, walk)
        for pair in self.observations.pairs.values():
            for call in pair.calls:
                if call.invocation is invocation and call.reply_arrived:
                    call.in_hand = False

    def on_return(self, invocation: Invocation, pair_ids: Iterable[str]) -> None:
        """An invocation for these pairs ended without an error."""
        if not invocation.faults:
            self.check_i1_answer_closes_the_breaker(invocation)
        for pair_id, walk in self.observations.walks_of(invocation):
            for key, claim in walk.claims.items():
                if not invocation.hit_at(pair_id):
                    self.check_i2_claim_was_used_or_released(invocation, pair_id, key, claim)
        for pair_id, pair in self.observations.pairs.items():
            for call in pair.calls:
                in_hand = call.invocation is invocation and call.in_hand and call.reply_arrived
                if in_hand and not invocation.hit_at(pair_id):
                    self.check_i9_late_answer_is_stored(call)
        for pair_id in pair_ids:
            self.check_i8_pair_is_settled_on_return(invocation, pair_id)


class _FullDisk(io.RawIOBase):
    """A file that cannot be written to."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        raise OSError(28, "No space left on device")


def _broken_stdout(failure: str) -> TextIO:
    if failure == "missing":
        return None  # type: ignore[return-value]  # as Python has it without a descriptor
    if failure == "full":
        return io.TextIOWrapper(io.BufferedWriter(_FullDisk(), 1), encoding="ascii")
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stdout.close()
    return stdout
