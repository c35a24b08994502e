"""The invariants of the design, held against every step of a run.

The judge sees effects in the order in which they happen, and knows what faults were dealt. It never
asks the code what it believes: only requests and their effects count. Names are the design's, and

    I1  without reconcile, and with it    World.settle asks `finished` twice
    I2  the bound is what the faults excuse, call by call; and the limit
    I8  an invocation's return; and a marker's end, which is another's return come true
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from liveness.backlog import MAX_VISITS
from liveness.call import CALL_SECONDS
from liveness.face import DetectRequest
from liveness.keys import (
    InputKey,
    best_frame_key,
    candidate_keys,
    fingerprint,
    pair_hash,
    result_key,
)
from liveness.ledger import LEASE_SECONDS
from liveness.look import FINGERPRINT_META, FRAME_META, STATUS_META
from liveness.settings import Settings

from .bucket import SECRET, Bucket, Stored, md5
from .history import Violation
from .service import Judged

if TYPE_CHECKING:
    from .invocation import Invocation

# How long a claim that no fault touched may be held before its call starts.
_IDLE_SECONDS = 5.0


@dataclass
class Call:
    """One call to the face API, from its caller's side and from the service's."""

    who: Invocation
    pair_id: str
    print_: str
    attempt: str
    claimed_at: float
    started_at: float
    judged: Judged | None = None
    reply_lost: bool = False
    kept_at: float | None = None  # when its answer was in the ledger

    @property
    def may_be_billed(self) -> bool:
        return self.reply_lost or self.billed

    @property
    def billed(self) -> bool:
        return self.judged is not None and self.judged.billed


@dataclass
class _Claim:
    """One claim that a walk created, whether it knows or not."""

    nonce: str
    at: float
    told_at: float = 0.0  # when a reply, 200 or 409, said that the number is taken
    read_back: bool = False


@dataclass
class Walked:
    """What one invocation did for one pair, as far as rules ask for it."""

    claims: dict[str, _Claim] = field(default_factory=dict)  # that it created, by key
    claim: str = ""  # the latest whose creation it was told of
    response_asked_at: float = -1.0  # when its latest read of the response was sent
    response_there: bool = False
    heads: dict[str, float] = field(default_factory=dict)  # when each was sent last, by key
    calling: bool = False  # HEADs now are to explain an answer, and no look
    parked: bool = False

    @property
    def looked_at(self) -> float:
        """Since when what lies there may be other than this walk believes."""
        return min(self.heads.values(), default=-1.0)


@dataclass
class _Pair:
    """What is known of one pair."""

    keys: list[InputKey]  # that its inputs may have
    changed_at: float = -1.0  # its inputs
    silent: bool = False  # the last change made no event
    current_at: float = -1.0  # when its result was last known to be the current one
    visits: int = 0  # the most that a marker has told
    calls: list[Call] = field(default_factory=list)
    grants: Counter[str] = field(default_factory=Counter)  # by fingerprint


class Judge:
    """Raises Violation as soon as an invariant does not hold."""

    def __init__(self, settings: Settings, bucket: Bucket, now: Callable[[], float]) -> None:
        self._settings = settings
        self._bucket = bucket
        self._now = now
        self.pairs: dict[str, _Pair] = {}
        self._of_hash: dict[str, str] = {}
        self._walks: dict[tuple[str, str], Walked] = {}
        self._uploads: dict[str, str] = {}
        self._requests: dict[str, Call] = {}
        self._races: dict[str, int] = {}  # of claims, by fingerprint
        self._races_of_responses = 0
        self._raced: set[str] = set()  # the claims
        self._drained: list[float] = []  # starts of drainers' calls
        self.lagging = False  # HEADs do: what rests on one look alone is not owed
        self.unpaced = False  # faults held requests up on their way: starts are not sends

    def know(self, pair_id: str) -> None:
        self.pairs[pair_id] = _Pair(candidate_keys(self._settings, pair_id))
        self._of_hash[pair_hash(pair_id)] = pair_id

    def state(self, at_work: Collection[str]) -> tuple[object, ...]:
        """What later verdicts may hang on, and no request tells; of invocations, by label."""
        calls = tuple(
            (call.attempt, call.billed, call.reply_lost, self._excused(call))
            for pair in self.pairs.values()
            for call in pair.calls
        )
        excused = tuple(
            (label, self._looks_again(self.pairs[pair_id], walked))
            for (label, pair_id), walked in sorted(self._walks.items(), key=lambda item: item[0])
            if label in at_work
        )
        return calls, excused

    # ---- what is true now

    def current(self, pair_id: str) -> str | None:
        """The fingerprint of what lies there now; None while something is missing."""
        found = [
            (key, stored)
            for key in self.pairs[pair_id].keys
            if (stored := self._bucket.objects.get(key.key))
        ]
        if {key.role for key, _ in found} != {"live", "image"}:
            return None
        return fingerprint(
            pair_id, ((key.key, stored.etag, len(stored.body)) for key, stored in found)
        )

    def _published(self, pair_id: str) -> str | None:
        stored = self._bucket.objects.get(result_key(self._settings, pair_id))
        return stored.metadata.get(FINGERPRINT_META) if stored else None

    def markers(self, pair_id: str) -> list[str]:
        wanted = f"-{pair_hash(pair_id)}"
        pending = f"{self._settings.ledger_prefix}pending/"
        return [key for key in self._bucket.objects if key.startswith(pending) and wanted in key]

    def _settled(self, pair_id: str, walked: Walked, but: str = "") -> bool:
        """Whether nobody has to come back for the pair, as far as this walk can know."""
        pair = self.pairs[pair_id]
        current = self.current(pair_id)
        if current is None or current == self._published(pair_id):
            return True
        if self._looks_again(pair, walked):
            return True
        return self.lagging or any(key != but for key in self.markers(pair_id))

    def _looks_again(self, pair: _Pair, walked: Walked) -> bool:
        """Whether somebody else does: that change has an event of its own, or that writer does."""
        return pair.changed_at >= walked.looked_at or pair.current_at >= walked.looked_at

    def _note_current(self, pair_id: str) -> None:
        if self.current(pair_id) == self._published(pair_id):
            self.pairs[pair_id].current_at = self._now()

    def changing(self, pair_id: str, silently: bool) -> None:
        """A customer is about to change the pair's inputs; taking one away wakes nobody."""
        self._note_current(pair_id)
        self.pairs[pair_id].changed_at = self._now()
        self.pairs[pair_id].silent = silently

    # ---- steps of invocations

    def _walk(self, who: Invocation, pair_id: str) -> Walked:
        return self._walks.setdefault((who.label, pair_id), Walked())

    def looked(self, who: Invocation, key: str, sent: float) -> None:
        prefix = self._settings.input_prefix
        if key.startswith(prefix):
            pair_id = key[len(prefix) :].rpartition("/")[0]
            walked = self._walk(who, pair_id)
            if not walked.calling:
                walked.heads[key] = sent

    def _ledger_key(self, key: str) -> tuple[str, str, str] | None:
        """Pair id, fingerprint and name of an object that belongs to one piece of work."""
        prefix = f"{self._settings.ledger_prefix}claims/"
        if not key.startswith(prefix):
            return None
        hash_, print_, name = key[len(prefix) :].split("/")
        return self._of_hash[hash_], print_, name

    def read(self, who: Invocation, key: str, stored: Stored | None, sent: float) -> None:
        found = self._ledger_key(key)
        if found is None:
            return
        pair_id, _, name = found
        walked = self._walk(who, pair_id)
        if name.startswith("response"):
            walked.response_asked_at, walked.response_there = sent, stored is not None
        elif (claim := walked.claims.get(key)) and stored and sent >= claim.told_at > 0:
            claim.read_back = json.loads(stored.body)["nonce"] == claim.nonce

    def created(self, who: Invocation, key: str, body: bytes) -> None:
        self._within_own_prefixes(who, key)
        found = self._ledger_key(key)
        if found is None:
            return
        pair_id, print_, name = found
        walked, pair = self._walk(who, pair_id), self.pairs[pair_id]
        walked.calling = False
        if name.endswith(".claim"):
            walked.claims[key] = _Claim(json.loads(body)["nonce"], self._now())
        elif name.endswith(".released"):
            self._release(who, walked, pair_id, key)
        elif name.startswith("grant-"):
            pair.grants[print_] += 1
        elif name.startswith(("response", "late-")):
            self._kept(pair, pair_id, print_, body, walked.looked_at)

    def create_replied(self, who: Invocation, key: str) -> None:
        """A create was answered, whether by 200 or 409: the claim may be read back now."""
        found = self._ledger_key(key)
        if found and found[2].endswith(".claim"):
            walked = self._walk(who, found[0])
            claim = walked.claims.get(key)
            if claim and not claim.told_at:
                walked.claim, claim.told_at = key, self._now()

    def raced(self, key: str) -> None:
        """Two creates of one key both get 200."""
        found = self._ledger_key(key)
        self._races_of_responses += found is not None and found[2].startswith("response")
        if found and found[2].endswith(".claim"):
            self._races[found[1]] = self._races.get(found[1], 0) + 1
            self._raced.add(key)

    def _release(self, who: Invocation, walked: Walked, pair_id: str, key: str) -> None:
        claim = key.replace(".released", ".claim")
        if claim not in walked.claims:
            raise Violation("I2", f"{key} by somebody who does not own the claim")
        # After a race there may be another's call under that claim: its bound allows for that.
        calls = [call for call in self.pairs[pair_id].calls if call.who is who]
        if any(call.attempt == claim and call.may_be_billed for call in calls):
            raise Violation("I2", f"{key} after a call that may be billed")
        if not self._settled(pair_id, walked):
            raise Violation("I8", f"{key} while no marker stands: a crash forgets {pair_id}")

    def wrote(self, who: Invocation, key: str, body: bytes, meta: Mapping[str, str]) -> None:
        self._within_own_prefixes(who, key)
        settings = self._settings
        pending = f"{settings.ledger_prefix}pending/"
        if key.startswith(pending):
            marker = json.loads(body)
            pair_id = marker["pair_id"]
            self.pairs[pair_id].visits = max(self.pairs[pair_id].visits, marker["visits"])
            self._walk(who, pair_id).parked = True
            self._walk(who, pair_id).calling = False
        if self._ledger_key(key):
            raise Violation("I3", f"{key} is written over, not created")
        if key.endswith("/result.json"):
            pair_id = key.removeprefix(settings.result_prefix).rpartition("/")[0]
            self._result(pair_id, json.loads(body), meta)
            self._note_current(pair_id)

    def writing(self, key: str, meta: Mapping[str, str]) -> None:
        """An object is about to be written over."""
        if not key.endswith("/result.json"):
            return
        pair_id = key.removeprefix(self._settings.result_prefix).rpartition("/")[0]
        self._note_current(pair_id)
        before = self._bucket.objects.get(key)
        if before is None or before.metadata[FINGERPRINT_META] != meta[FINGERPRINT_META]:
            return
        worse = meta[STATUS_META] == "failed" != before.metadata[STATUS_META]
        # After a grant, who publishes the failure slowly looks again and mends it.
        excused = self.pairs[pair_id].grants[meta[FINGERPRINT_META]] or self._races_of_responses
        if worse and not excused:
            raise Violation("I3", f"{pair_id} had a verdict, and is failed now")

    def deleted(self, who: Invocation, key: str, stored: Stored | None) -> None:
        prefix = self._settings.ledger_prefix
        if not key.startswith((f"{prefix}pending/", f"{prefix}drain/")):
            raise Violation("I5", f"{who.label} deletes {key}")
        if stored is None or not key.startswith(f"{prefix}pending/"):
            return
        pair_id = json.loads(stored.body)["pair_id"]
        if not self._settled(pair_id, self._walk(who, pair_id), but=key):
            raise Violation("I8", f"a marker of {pair_id} is deleted, and nobody will come back")

    def _within_own_prefixes(self, who: Invocation, key: str) -> None:
        settings = self._settings
        if not key.startswith((settings.result_prefix, settings.ledger_prefix)):
            raise Violation("I5", f"{who.label} writes {key}")

    # ---- calls

    def uploaded(self, url: str, key: str) -> None:
        self._uploads[url] = key

    def call(self, who: Invocation, request: DetectRequest) -> Call:
        """A call starts: did its caller do before what it has to?"""
        key = self._uploads.get(request.live_url)
        if key is None:
            key = "liveness/" + request.live_url.partition("/liveness/")[2].partition("?")[0]
        pair_id = key.removeprefix(self._settings.input_prefix).rpartition("/")[0]
        walked, now = self._walk(who, pair_id), self._now()
        claim = walked.claims.get(walked.claim)
        if claim is None:
            raise Violation("I2", f"{who.label} calls for {pair_id} without a claim")
        if not claim.read_back:
            raise Violation("I3", f"{who.label} calls for {pair_id}; its claim was not read back")
        if walked.response_asked_at < claim.told_at:
            raise Violation("I3", f"{who.label} calls for {pair_id}; no read of the response since")
        found = self._ledger_key(walked.claim)
        assert found is not None
        if walked.response_there and not self.pairs[pair_id].grants[found[1]]:
            raise Violation("I3", f"{who.label} calls for {pair_id} over a stored response")
        first = not any(
            call.who is who and call.attempt == walked.claim for call in self.pairs[pair_id].calls
        )
        if first and not who.slowed and now - claim.at > _IDLE_SECONDS:
            held = now - claim.at
            raise Violation("I2", f"{who.label} held a claim of {pair_id} {held:.0f} s idle")
        walked.calling = True
        call = Call(who, pair_id, found[1], walked.claim, claim.at, now)
        self.pairs[pair_id].calls.append(call)
        if who.drains:
            self._pace(now)
        return call

    def _pace(self, now: float) -> None:
        """I7. Only drains are paced; what a fault holds up on the way is not their start."""
        rate = max(1, int(self._settings.rate_limit))
        window = max(1.0, 1 / self._settings.rate_limit)
        self._drained.append(now)
        recent = self._drained[-rate - 1 :]
        if not self.unpaced and len(recent) > rate and now - recent[0] < window - 1e-6:
            raise Violation("I7", f"{len(recent)} calls of drainers in {now - recent[0]:.3f} s")

    def judged(self, call: Call, judged: Judged) -> None:
        """The service has judged; from here on it may be billed."""
        call.judged = judged
        self._requests[judged.answer.request_id] = call
        if not call.billed:
            return
        calls = [other for other in self.pairs[call.pair_id].calls if other.print_ == call.print_]
        billed = [other for other in calls if other.billed]
        grants, races = (
            self.pairs[call.pair_id].grants[call.print_],
            self._races.get(call.print_, 0),
        )
        if len(billed) > self._settings.max_attempts + grants + races:
            raise Violation("I2", f"{len(billed)} billed calls for {call.pair_id}: over the limit")

    def unanswered(self, call: Call) -> None:
        call.reply_lost = True

    def _kept(self, pair: _Pair, pair_id: str, print_: str, body: bytes, looked_at: float) -> None:
        """A response record, or a late one, is in the ledger."""
        record = json.loads(body)
        if record["answer"] is not None:
            request_id = record["answer"]["request_id"]
            call = self._requests[request_id]
            if call.print_ != print_:
                raise Violation("mix-up", f"{request_id} is kept for another pair or content")
            call.kept_at = self._now()
            return
        calls = [call for call in pair.calls if call.print_ == print_]
        for call in calls:
            running = call.kept_at is None and not call.reply_lost and call.who.instance.alive
            overrun = self._now() - call.claimed_at > LEASE_SECONDS
            if running and not overrun and self._now() - call.started_at < CALL_SECONDS:
                raise Violation("I3", f"{pair_id} is given up while a call is under way")
        counted = self._counted(pair_id, print_, looked_at)
        allowed = self._settings.max_attempts + pair.grants[print_]
        if counted < allowed and pair.visits < MAX_VISITS:
            why = f"{counted} of {allowed} attempts counted"
            raise Violation("I1", f"{pair_id} is given up too early: {why}")

    def _counted(self, pair_id: str, print_: str, looked_at: float) -> int:
        """Claims that count against the limit for a walk that began then: not given back before."""
        prefix = f"{self._settings.ledger_prefix}claims/{pair_hash(pair_id)}/{print_}/"
        objects = self._bucket.objects
        claims = [key for key in self._bucket.keys(prefix) if key.endswith(".claim")]
        released = [objects.get(key.replace(".claim", ".released")) for key in claims]
        return sum(stored is None or stored.written >= looked_at for stored in released)

    # ---- results

    def _result(self, pair_id: str, document: dict[str, Any], meta: Mapping[str, str]) -> None:
        if SECRET in json.dumps(document):
            raise Violation("I6", f"the result of {pair_id} holds a signature")
        frame = document["best_frame"]
        if frame["key"] is not None:
            stored = self._bucket.objects.get(frame["key"])
            if stored is None or md5(stored.body) != frame["md5"]:
                raise Violation("I4", f"the result of {pair_id} names a frame that is not there")
            if frame["key"] != best_frame_key(self._settings, pair_id, frame["md5"]):
                raise Violation("I4", f"the frame of {pair_id} lies where other bytes may come")
        if not self._bucket_has_response(pair_id, document):
            raise Violation("I1", f"{pair_id} is published before its response is kept")

    def _bucket_has_response(self, pair_id: str, document: dict[str, Any]) -> bool:
        if document["attempts"] == 0:
            return True  # no call was needed
        prefix = f"{self._settings.ledger_prefix}claims/{pair_hash(pair_id)}/"
        return bool(self._bucket.keys(f"{prefix}{document['fingerprint']}/response"))

    # ---- ends

    def returned(self, who: Invocation, pair_ids: Iterable[str]) -> None:
        """I8: an invocation ended without an error. And it has used or given back its attempts."""
        for (label, pair_id), walked in self._walks.items():
            if label == who.label and not who.hit:
                for key, claim in walked.claims.items():
                    self._used(who, pair_id, key, claim.nonce)
        for pair_id in pair_ids:
            walked = self._walk(who, pair_id)
            if not (walked.parked or self._settled(pair_id, walked)):
                raise Violation(
                    "I8", f"{who.label} returned; {pair_id} is complete, and nobody will come back"
                )

    def _used(self, who: Invocation, pair_id: str, key: str, nonce: str) -> None:
        objects, folder = self._bucket.objects, key.rpartition("/")[0]
        used = (
            json.loads(objects[key].body)["nonce"] != nonce
            or key.replace(".claim", ".released") in objects
            or f"{folder}/response" in objects
            or any(call.attempt == key for call in self.pairs[pair_id].calls)
        )
        if not used:
            raise Violation("I2", f"{who.label} leaves an attempt of {pair_id} unused: {key}")

    def logged(self, line: str) -> None:
        if SECRET in line:
            raise Violation("I6", f"a log line holds a signature: {line[:80]}...")

    def finished(self, when: str, but_silent: bool = False) -> None:
        """I1: every complete pair has the result of what lies there now."""
        for pair_id, pair in self.pairs.items():
            current = self.current(pair_id)
            if current is None or (but_silent and pair.silent):
                continue
            if self._published(pair_id) != current:
                raise Violation(f"I1 {when}", f"{pair_id} has no result of its content")
            self._same_verdict(when, pair_id, current)

    def _same_verdict(self, when: str, pair_id: str, current: str) -> None:
        stored = self._bucket.objects[result_key(self._settings, pair_id)]
        document = json.loads(stored.body)
        work = f"{self._settings.ledger_prefix}claims/{pair_hash(pair_id)}/{current}/"
        responses = self._bucket.keys(work + "response")
        if not responses:
            if document["status"] != "invalid":
                raise Violation(f"I1 {when}", f"{pair_id} has a verdict without a response")
            return
        answer = json.loads(self._bucket.objects[responses[-1]].body)["answer"]
        if answer is None:
            if document["status"] != "failed":
                raise Violation(f"I1 {when}", f"{pair_id} was given up, its result says otherwise")
            return
        request_id = answer["request_id"]
        call = self._requests[request_id]
        assert call.judged is not None
        said = call.judged.answer
        if document["status"] == "invalid" and document["api"] is None:
            return
        if (document["api"] or {}).get("request_id") != request_id:
            raise Violation(f"I1 {when}", f"{pair_id} has another verdict than its response")
        passes = said.code == "Success" and not said.flaw and (said.similarity or 0) >= 70
        if passes != (document["status"] == "passed"):
            raise Violation(f"I1 {when}", f"{pair_id} is {document['status']}, not what was judged")
        if call.pair_id != pair_id or call.print_ != current:
            raise Violation("mix-up", f"the verdict of {pair_id} was made for something else")
        lies_there = said.best_frame_md5 and (
            best_frame_key(self._settings, pair_id, said.best_frame_md5) in self._bucket.objects
        )
        names = stored.metadata[FRAME_META]
        if lies_there and names != said.best_frame_md5:
            raise Violation("I3", f"the frame of {pair_id} lies there; its result says {names}")
        if stored.metadata[STATUS_META] != document["status"]:
            raise Violation(f"I1 {when}", f"metadata and content of {pair_id}'s result differ")

    def _excused(self, call: Call) -> bool:
        """Whether faults explain that another call may be billed after this one."""
        if call.reply_lost or call.attempt in self._raced:
            return True
        if call.kept_at is None:
            return call.who.hit or not call.who.instance.alive
        return call.kept_at - call.claimed_at > LEASE_SECONDS

    def paid(self) -> None:
        """I2: what was billed more than once has a fault for every time."""
        for pair_id, pair in self.pairs.items():
            by_print: dict[str, list[Call]] = {}
            for call in pair.calls:
                if call.billed:
                    by_print.setdefault(call.print_, []).append(call)
            for print_, calls in by_print.items():
                unexcused = sum(not self._excused(call) for call in calls)
                if unexcused > 1 + pair.grants[print_]:
                    raise Violation(
                        "I2", f"{len(calls)} billed calls for {pair_id}, no fault for {unexcused}"
                    )
