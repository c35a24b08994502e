"""What the invariant checker has observed of a run: claims, calls, walks, pairs.

Only requests and their effects count, in the order in which they took effect. What the code under
test believes is never asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from liveness.keys import (
    FINGERPRINT_META,
    InputKey,
    candidate_keys,
    fingerprint_of,
    pair_hash,
    read_marker_key,
    result_key,
)
from liveness.records import LEASE_SECONDS
from liveness.settings import Settings

from .bucket import Bucket, Stored
from .service import ACCOUNT_CODES, Judgement

if TYPE_CHECKING:
    from .invocation import Invocation


@dataclass
class Call:
    """One call to the face API, as its caller and the service see it."""

    invocation: Invocation
    pair_id: str
    fingerprint: str
    attempt: str  # the key of its claim
    claimed_at: float
    started_at: float
    judgement: Judgement | None = None
    reply_lost: bool = False
    reply_arrived: bool = False  # or it is certain that nothing was sent
    recorded_at: float | None = None  # when its answer was in the ledger
    drained: bool = False  # made by a drain
    in_hand: bool = False  # whether its caller has an answer that is not in the ledger yet

    @property
    def may_be_billed(self) -> bool:
        """Tell whether its caller, or a finder of its claim, has to reckon with a bill."""
        return self.billed or not self.reply_arrived

    @property
    def is_set_back(self) -> bool:
        """Tell whether it was answered, and not judged, for a reason that is not the account's."""
        if self.judgement is None or self.judgement.is_verdict:
            return False
        return self.judgement.answer.code not in ACCOUNT_CODES

    @property
    def billed(self) -> bool:
        return self.judgement is not None and self.judgement.billed


@dataclass
class Claim:
    """One claim that a walk created, whether the walk knows it or not."""

    nonce: str
    created_at: float
    replied_at: float = 0.0  # when a reply, 200 or 409, showed that the number is in use
    read_back: bool = False
    created: bool = False  # a reply showed that it took effect
    release_tried: bool = False


class ResponseRead(NamedTuple):
    """One read of a response: when it was sent, and what it found."""

    read_at: float
    existed: bool


@dataclass
class WalkHistory:
    """What one invocation did for one pair, as far as invariants depend on it."""

    claims: dict[str, Claim] = field(default_factory=dict)  # those it created, by key
    latest_claim: str = ""  # the latest whose creation a reply confirmed
    responses: dict[str, ResponseRead] = field(default_factory=dict)  # by fingerprint
    answered: set[str] = field(default_factory=set)  # fingerprints of which it found a response
    heads: dict[str, float] = field(default_factory=dict)  # when each was sent last, by key
    result_seen_at: float = -1.0  # when the latest HEAD of its result was sent
    calling: bool = False  # HEADs now are to explain an answer, not to inspect the pair
    parked: bool = False
    parked_at: float = -1.0
    ledger_requests: int = 0  # since the latest inspection

    def response_of(self, fingerprint: str) -> ResponseRead:
        """Return its latest read of that content's response."""
        return self.responses.get(fingerprint, ResponseRead(-1.0, False))

    @property
    def inspected_at(self) -> float:
        """The moment since which the inputs may differ from what this walk has seen."""
        return min(self.heads.values(), default=-1.0)


@dataclass
class PairHistory:
    """What has happened to one pair."""

    keys: list[InputKey]  # those that its inputs may have
    changed_at: float = -1.0  # the latest change of its inputs
    changed_silently: bool = False  # whether that change sent no event
    current_at: float = -1.0  # when its result was last known to be the current one
    visits: int = 0  # the largest count in any of its markers
    setbacks_without_calls: int = 0
    unbilled: Counter[str] = field(default_factory=Counter)  # calls under released attempts
    setbacks: Counter[str] = field(default_factory=Counter)  # those, and what was released late
    calls: list[Call] = field(default_factory=list)
    grants: Counter[str] = field(default_factory=Counter)  # by fingerprint


class LedgerKey(NamedTuple):
    """What the key of an object in the ledger says."""

    pair_id: str
    fingerprint: str
    name: str


class Observations:
    """Everything observed so far, and what follows from it."""

    def __init__(self, settings: Settings, bucket: Bucket, now: Callable[[], float]) -> None:
        self.settings = settings
        self.bucket = bucket
        self.now = now
        self.pairs: dict[str, PairHistory] = {}
        self.claim_races: Counter[str] = Counter()  # by fingerprint
        self.response_races = 0
        self.submission_races: Counter[str] = Counter()  # by pair
        self.package_races: Counter[str] = Counter()  # by MD5
        self.raced_claims: set[str] = set()
        self.calls_of_requests: dict[str, Call] = {}
        self.drainers: set[str] = set()  # the labels of invocations that took a drain's slot
        self.slot_claims: Counter[tuple[str, str]] = Counter()  # PUTs less DELETEs, by drainer
        self.slot_races = 0
        self.drain_calls: list[float] = []  # when drainers' calls started, of those that count
        self.uploads: dict[str, str] = {}
        self.package_owners: dict[bytes, set[str]] = {}  # by content
        self.unreadable: set[str] = set()  # keys of inputs that COS refuses to read
        self.heads_lag = False
        """An older HEAD was injected: what depends on a single look is not guaranteed."""
        self._walks: dict[tuple[str, str], WalkHistory] = {}
        self._pair_of_hash: dict[str, str] = {}

    def add_pair(self, pair_id: str) -> None:
        self.pairs[pair_id] = PairHistory(candidate_keys(self.settings, pair_id))
        self._pair_of_hash[pair_hash(pair_id)] = pair_id

    def walk(self, invocation: Invocation, pair_id: str) -> WalkHistory:
        return self._walks.setdefault((invocation.label, pair_id), WalkHistory())

    def drains(self, invocation: Invocation) -> bool:
        """Tell whether it drains now: an event's own pairs come before it takes a slot."""
        return invocation.label in self.drainers

    def walks_of(self, invocation: Invocation) -> list[tuple[str, WalkHistory]]:
        """Return the pairs that this invocation worked on, and what it did for each."""
        return [
            (pair_id, walk)
            for (label, pair_id), walk in self._walks.items()
            if label == invocation.label
        ]

    def state(self, at_work: Collection[str]) -> tuple[object, ...]:
        """Return what later checks may depend on and no request shows.

        `at_work` are the labels of the running invocations.
        """
        calls = tuple(
            (call.attempt, call.billed, call.may_be_billed, call.reply_lost, self.is_excused(call))
            for pair in self.pairs.values()
            for call in pair.calls
        )
        excused = tuple(
            (label, self.will_be_inspected(self.pairs[pair_id], walk))
            for (label, pair_id), walk in sorted(self._walks.items(), key=lambda item: item[0])
            if label in at_work
        )
        return calls, excused

    # ---- keys

    def ledger_key(self, key: str) -> LedgerKey | None:
        """Parse the key of an object that belongs to one fingerprint; None for all others."""
        prefix = f"{self.settings.ledger_prefix}claims/"
        if not key.startswith(prefix):
            return None
        hash_, fingerprint, name = key[len(prefix) :].split("/")
        return LedgerKey(self._pair_of_hash[hash_], fingerprint, name)

    def ledger_folder(self, pair_id: str, fingerprint: str) -> str:
        return f"{self.settings.ledger_prefix}claims/{pair_hash(pair_id)}/{fingerprint}/"

    def input_pair(self, key: str) -> str | None:
        """Return the pair id in an input's key; None for the key of any other object."""
        prefix = self.settings.input_prefix
        return key[len(prefix) :].rpartition("/")[0] if key.startswith(prefix) else None

    def pair_of(self, key: str) -> str | None:
        """Return the pair that an object belongs to; None for one that belongs to none or all."""
        ledger_key = self.ledger_key(key)
        if ledger_key is not None:
            return ledger_key.pair_id
        if key.startswith(self.pending_prefix):
            marker = read_marker_key(key)
            return self._pair_of_hash.get(marker.pair_hash) if marker else None
        for folder in ("submissions", "frame-urls"):
            prefix = f"{self.settings.ledger_prefix}{folder}/"
            if key.startswith(prefix):
                return self._pair_of_hash[key[len(prefix) :].partition("/")[0]]
        for prefix in (self.settings.result_prefix, self.settings.frame_prefix):
            if key.startswith(prefix):
                return key.removeprefix(prefix).rpartition("/")[0] or None
        return self.input_pair(key)

    def result_pair(self, key: str) -> str | None:
        """Return the pair id in a result's key; None for the key of any other object."""
        if not key.endswith("/result.json"):
            return None
        return key.removeprefix(self.settings.result_prefix).rpartition("/")[0]

    @property
    def pending_prefix(self) -> str:
        return f"{self.settings.ledger_prefix}pending/"

    # ---- what is true now

    def current_fingerprint(self, pair_id: str) -> str | None:
        """Return the fingerprint of the stored inputs; None while one of them is missing."""
        inputs = [
            (key, stored)
            for key in self.pairs[pair_id].keys
            if (stored := self.bucket.objects.get(key.key))
        ]
        if {key.role for key, _ in inputs} != {"live", "image"}:
            return None
        seen = [
            (key.key, "", 0) if key.key in self.unreadable else (key.key, o.etag, len(o.body))
            for key, o in inputs
        ]
        return fingerprint_of(pair_id, seen)

    def has_shared_package(self, pair_id: str) -> bool:
        """Tell whether another pair has, or had, a liveness package of this pair's."""
        return any(
            pair_id in pair_ids and len(pair_ids) > 1 for pair_ids in self.package_owners.values()
        )

    def published_fingerprint(self, pair_id: str) -> str | None:
        stored = self.bucket.objects.get(result_key(self.settings, pair_id))
        return stored.metadata.get(FINGERPRINT_META) if stored else None

    def markers(self, pair_id: str) -> list[str]:
        suffix = f"-{pair_hash(pair_id)}"
        return [
            key
            for key in self.bucket.objects
            if key.startswith(self.pending_prefix) and suffix in key
        ]

    def is_settled(self, pair_id: str, walk: WalkHistory, ignoring: str = "") -> bool:
        """Tell whether the pair needs no further walk or will get one, as this walk can know.

        The marker with the key `ignoring` does not count.
        """
        current = self.current_fingerprint(pair_id)
        if current is None or current == self.published_fingerprint(pair_id):
            return True
        if self.will_be_inspected(self.pairs[pair_id], walk):
            return True
        return self.heads_lag or any(key != ignoring for key in self.markers(pair_id))

    def will_be_inspected(self, pair: PairHistory, walk: WalkHistory) -> bool:
        """Tell whether another invocation inspects the pair after this walk did.

        A change of the inputs since then has an event of its own, and an invocation that has
        replaced a current result since this walk saw it inspects the inputs again.
        """
        seen_at = min(walk.inspected_at, walk.result_seen_at)
        return pair.changed_at >= walk.inspected_at or pair.current_at >= seen_at

    def note_current(self, pair_id: str) -> None:
        """Remember that the pair's result is the current one, if it is."""
        if self.current_fingerprint(pair_id) == self.published_fingerprint(pair_id):
            self.pairs[pair_id].current_at = self.now()

    def counted_claims(
        self, pair_id: str, fingerprint: str, inspected_at: float
    ) -> dict[str, float]:
        """Return the claims that a walk which began at this moment may count, and when each was
        written.

        Those that were released before it, and within their leases, it may not; what names another
        owner than the stored claim does is no release of it.
        """
        objects, counted = self.bucket.objects, {}
        for key in self.bucket.keys(self.ledger_folder(pair_id, fingerprint)):
            if not key.endswith(".claim"):
                continue
            claim, released = objects[key], objects.get(key.replace(".claim", ".released"))
            ends = min(inspected_at, claim.written + LEASE_SECONDS)
            is_owners = released is not None and _nonce_of(released) == _nonce_of(claim)
            if not (released and is_owners and released.written < ends):
                counted[key] = claim.written
        return counted

    def was_released_late_or_never(self, pair_id: str, fingerprint: str) -> bool:
        """Tell whether not all walks count an attempt alike.

        It was released after its lease, or its owner crashed between the marker that calls it
        released and the release.
        """
        objects = self.bucket.objects
        for call in self.pairs[pair_id].calls:
            if call.fingerprint == fingerprint and not call.may_be_billed:
                released = objects.get(call.attempt.replace(".claim", ".released"))
                if released is None and not call.invocation.instance.alive:
                    return True
        return any(
            stored.written - objects[key.replace(".released", ".claim")].written > LEASE_SECONDS
            for key, stored in objects.items()
            if key.startswith(self.ledger_folder(pair_id, fingerprint))
            and key.endswith(".released")
        )

    def is_excused(self, call: Call) -> bool:
        """Tell whether a fault at this call explains that another may be billed after it."""
        if call.reply_lost or call.attempt in self.raced_claims:
            return True
        if call.recorded_at is None:
            return call.invocation.hit_at(call.pair_id) or not call.invocation.instance.alive
        return call.recorded_at - call.claimed_at > LEASE_SECONDS

    def billed_calls(self) -> int:
        return sum(call.billed for pair in self.pairs.values() for call in pair.calls)


def _nonce_of(stored: Stored) -> str:
    """Return the nonce in a claim or a release, which names its owner."""
    return str(json.loads(stored.body)["nonce"])
