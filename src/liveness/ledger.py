"""The ledger: who may call for one fingerprint, and what the API answered.

Its objects are below `claims/<pair hash>/<fingerprint>/`. All are create-only (put-if-absent), and
none is ever replaced:

    <n>.claim       attempt n is taken: a nonce that names its owner, under a lease
    <n>.released    the owner of attempt n (by nonce) gave it back without a billed call
    response        what the API answered, or why it is not called (again); ends all calls
    grant-<k>       an operator allows one more attempt after the k-th failure or refusal
    response-<k>    the response after grant k
    late-<n>        an answer to attempt n that came after its deadline, or after another response

When may attempt n be superseded, and does it count towards the limit?

    claim n is ...                              superseded?   counts?
    ours                                        no: call
    released, naming the claim's nonce          yes           no
    another's, lease running                    no: park until it ends
    another's, lease expired                    yes           yes: a call may have been billed

The age of a claim is the reply's Date minus the claim's Last-Modified, both by COS's clock. Reading
the claim back is the fence: two PUTs at once may both get a 200, but only one claim is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from .context import Context
from .errors import (
    ConfigurationError,
    LedgerDamagedError,
    StoreUnavailableError,
)
from .history import History, read_history
from .keys import (
    claim_name,
    content_prefix,
    grant_name,
    late_name,
    released_name,
    response_name,
)
from .records import (
    MAX_INVOCATION_SECONDS,
    Claim,
    Response,
    claim_record,
    grant_record,
    owner_record,
    read_granting_request,
    read_nonce,
    read_release,
    read_response,
    release_record,
    response_record,
)
from .retry import DEFAULT_POLICY, PERSISTENT_POLICY, RetryPolicy, with_retries
from .store import UNPARSABLE, ObjectHead, StoredObject
from .verdicts import outcome_of_response

MAX_RECORD_BYTES = 64 * 1024
# The last try to store a paid answer begins this long before the invocation ends.
_LAST_TRY_SECONDS = 12.0
_ENDLESS = 1_000_000
# How many attempts one round trip looks for, in search of the latest.
_PROBES = 7


class Mine(NamedTuple):
    """Our own claim, and when its lease began at the earliest (monotonic)."""

    number: int
    nonce: str
    started: float


class Unread(NamedTuple):
    """Our own claim, which could not be read back: nothing was sent under it."""

    mine: Mine
    error: Exception


class Theirs(NamedTuple):
    """Another invocation's claim."""

    claim: Claim


class Beside(Protocol):
    """Work that shares the round trips of a claim, so that it costs none of its own."""

    def create_tasks(self) -> list[Callable[[], Any]]:
        """Return the tasks to run while the claim is created."""

    def read_tasks(self) -> list[Callable[[], Any]]:
        """Return the tasks to run while the claim is read back."""


class Standing(NamedTuple):
    """The state of a content without a response, as the walk of another content sees it."""

    possibly_billed: int
    late: Response | None  # an answer that is stored, but not yet recorded
    seconds_left: float  # in which its latest call may still be answered


class Ledger:
    """The part of the ledger that belongs to one fingerprint of one pair."""

    def __init__(self, ctx: Context, pair_id: str, fingerprint: str) -> None:
        self._ctx = ctx
        self._pair_id = pair_id
        self._fingerprint = fingerprint
        self._bucket = ctx.settings.ledger_bucket
        self._prefix = content_prefix(ctx.settings, pair_id, fingerprint)
        self._owner = owner_record(ctx.info, ctx.clock.now())
        self.grants = 0
        """How many grants the latest read of the response passed over."""

    # ---- attempts

    def claim(self, history: History, beside: Beside) -> Mine | Theirs | Unread | Response:
        """Create the next attempt, and read it back together with the response: two round trips.

        If the claim is ours, the tasks in `beside` have been run.

        Only the read-back decides whose claim it is: a 409 may be caused by our own first PUT
        whose reply was lost, and two PUTs at once may both get a 200. A claim that is certainly
        ours but cannot be read back is returned as Unread, to be released once a marker exists.
        """
        number = history.number + 1
        nonce, started = self._ctx.rng.token(), self._ctx.clock.monotonic()
        body = claim_record(self._pair_id, number, nonce, self._owner)
        mine = Mine(number, nonce, started)
        created = False

        def create() -> None:
            nonlocal created
            created = self._create(claim_name(number), body)

        try:
            self._ctx.concurrency.gather(create, *beside.create_tasks())
            claim, recorded = self._read_back(mine, body, beside)
        except Exception as error:
            if created:  # else another owner may need the name of the release
                return Unread(mine, error)
            raise
        if isinstance(recorded, Response):
            return recorded
        return mine if claim.nonce == nonce else Theirs(claim)

    def _read_back(self, mine: Mine, body: bytes, beside: Beside) -> tuple[Claim, Response | None]:
        """Read the claim with our attempt's number, and the response.

        An instance's first claim in a bucket is PUT again at the same time, which must be refused:
        without create-only, two instances could both believe that they may call.
        """
        number = mine.number
        tasks: list[Callable[[], Any]] = [
            lambda: self._read_created_claim(number),
            self.response,
            *beside.read_tasks(),
        ]
        if self._bucket not in self._ctx.trusted_buckets:
            tasks.append(lambda: self._prove_create_only(number, body))
        claim, response, *_ = self._ctx.concurrency.gather(*tasks)
        return claim, response

    def catch_up(self, history: History, claim: Claim, limit: int) -> tuple[History, float]:
        """Return the history of all attempts that exist, and the seconds left of the last lease.

        `claim` is the one after `history`. A release sums up the attempts before it, so only those
        after the latest release are read: never more than may go unanswered.
        """
        claims: list[Claim] = []
        for number in range(self._latest_attempt(claim.number), history.number, -1):
            claim, summary = self._read_attempt(number)
            if summary is not None:
                history = summary
                break
            claims.append(claim)
        now = self._ctx.store.now()
        lease_left = claims[0].lease_left if claims else 0.0
        if lease_left > 0:
            claims = claims[1:]
        return history.extended(reversed(claims), now, limit), max(0.0, lease_left)

    def _read_attempt(self, number: int) -> tuple[Claim, History | None]:
        """Read an attempt that exists, and the history in its release, if there is one."""
        claim, released = self._ctx.concurrency.gather(
            lambda: self._read_claim(number), lambda: self._get(released_name(number))
        )
        if claim is None:
            raise StoreUnavailableError(f"attempt {number} exists but cannot be read")
        return claim, _summary(claim, released)

    def _latest_attempt(self, known: int) -> int:
        """Return the number of the latest attempt that exists; `known` is one that does.

        Search in leaps that double until one is too far, and then narrow the gap by eighths: one
        round trip if `known` is the latest, five among a thousand.
        """
        leap, missing = 1, 0
        while known + 1 != missing:
            if missing:
                step = max(1, (missing - known) // (_PROBES + 1))
                numbers = [known + step * count for count in range(1, _PROBES + 1)]
                numbers = [number for number in numbers if number < missing]
            else:
                numbers = [known + (leap << doublings) for doublings in range(_PROBES)]
                leap <<= _PROBES
            heads = self._ctx.concurrency.gather(
                *(lambda n=n: self._head(claim_name(n)) for n in numbers)
            )
            for number, head in zip(numbers, heads, strict=True):
                if head is None:
                    missing = number
                    break
                known = number
        return known

    def standing(self) -> Standing:
        """Return the state of this content, which has no response and is not the caller's own."""
        first = self._read_claim(1)
        if first is None:
            return Standing(0, None, 0.0)
        history, lease_left = self.catch_up(History(), first, _ENDLESS)
        unanswered = list(history.unanswered)
        if lease_left > 0:
            unanswered.append(history.number + 1)
        if not unanswered:
            return Standing(0, None, 0.0)
        latest = self._read_claim(unanswered[-1])
        # While the store is down, an answer waits in memory for as long as its invocation lives.
        seconds_left = MAX_INVOCATION_SECONDS - latest.age if latest else 0.0
        return Standing(len(unanswered), self.late_response(unanswered), seconds_left)

    def release(self, claim: Mine, history: History) -> None:
        """Give an attempt back; once this was tried, the number is never used again."""
        record = release_record(claim.number, claim.nonce, history.to_record())
        self._create(released_name(claim.number), record)

    def _read_claim(self, number: int) -> Claim | None:
        stored = self._get(claim_name(number))
        if stored is None:
            return None
        return Claim(number, read_nonce(stored), stored.head.age)

    def _read_created_claim(self, number: int) -> Claim:
        """Read a claim that exists, though a read may not see it at first."""

        def read() -> Claim:
            claim = self._read_claim(number)
            if claim is None:
                raise StoreUnavailableError(f"attempt {number} was created but cannot be read")
            return claim

        return with_retries(read, self._ctx.clock, self._ctx.rng)

    def _prove_create_only(self, number: int, body: bytes) -> None:
        if self._create(claim_name(number), body):  # a 409 is the proof
            raise ConfigurationError(
                f"bucket {self._bucket!r} ignores x-cos-forbid-overwrite: paid calls could not be "
                "kept apart; give the ledger a bucket on which versioning was never enabled"
            )

    # ---- grants

    def grant(self) -> bool:
        """Allow one more attempt after a failure or refusal; return whether that was done."""
        response = self.response()
        if response is None or not _may_be_granted(response) or self._granted_by_this_request():
            return False
        self._create(grant_name(self.grants + 1), grant_record(self._owner))
        return True

    def _granted_by_this_request(self) -> bool:
        """Whether the latest grant is this very request's: delivery is at least once."""
        request_id = self._ctx.info.request_id
        stored = self._get(grant_name(self.grants)) if self.grants and request_id else None
        return stored is not None and read_granting_request(stored) == request_id

    # ---- responses

    def response(self) -> Response | None:
        """Read the response in force: a failure or refusal that a grant followed is passed over.

        Raises LedgerDamagedError if the record is not as this function wrote it.
        """
        while True:
            stored = self._get(response_name(self.grants))
            if stored is None:
                return None
            response = self._read_response(stored)
            if not _may_be_granted(response) or self._get(grant_name(self.grants + 1)) is None:
                return response
            self.grants += 1

    def store_response(self, response: Response, *meanwhile: Callable[[], Any]) -> list[Any]:
        """Create the response record, and return what the tasks in `meanwhile` returned.

        `response` says whether this record is the one in force.
        """
        name, body = response_name(self.grants), self._body(response)
        _, *results = self._ctx.concurrency.gather(
            lambda: self._create(name, body, self._persistent_policy()), *meanwhile
        )
        return results

    def store_late_response(self, response: Response) -> None:
        """Keep an answer that came after its deadline, or after another response was recorded."""
        self._create(late_name(response.attempt), self._body(response), self._persistent_policy())

    def _persistent_policy(self) -> RetryPolicy:
        """Try for as long as the invocation lives: a paid answer exists nowhere else."""
        remaining = self._ctx.deadline - self._ctx.clock.monotonic() - _LAST_TRY_SECONDS
        seconds = max(PERSISTENT_POLICY.seconds, remaining)
        return PERSISTENT_POLICY._replace(attempts=_ENDLESS, seconds=seconds)

    def late_response(self, attempts: Iterable[int]) -> Response | None:
        """Return an answer that was stored as late: a verdict if there is one, else the oldest.

        A failure is an answer, too, unless an operator allowed another attempt after one.
        """
        found = self._ctx.concurrency.gather(
            *(lambda n=n: self._get(late_name(n)) for n in attempts)
        )
        responses = [self._read_response(stored) for stored in found if stored]
        verdict = next((item for item in responses if not _has_failed(item)), None)
        if verdict or not responses:
            return verdict
        self.response()  # finds out about grants
        return None if self.grants else responses[0]

    def _body(self, response: Response) -> bytes:
        return response_record(response, self._pair_id, self._fingerprint)

    def _read_response(self, stored: StoredObject) -> Response:
        response = read_response(stored.body, self._fingerprint)
        if response is None:
            raise LedgerDamagedError(
                f"{stored.head.key!r} in {self._bucket!r} is not as this function wrote it; "
                "calling again could pay twice: restore it, or delete it if the pair may be paid "
                "for again"
            )
        return response

    # ---- objects

    def _head(self, name: str) -> ObjectHead | None:
        return self._ctx.store.head(self._bucket, self._prefix + name)

    def _get(self, name: str) -> StoredObject | None:
        return self._ctx.store.get(self._bucket, self._prefix + name, MAX_RECORD_BYTES)

    def _create(self, name: str, body: bytes, policy: RetryPolicy = DEFAULT_POLICY) -> bool:
        """Create an object; return whether the name was free."""
        result = self._ctx.store.create(self._bucket, self._prefix + name, body, policy)
        if result.versioned:
            raise ConfigurationError(
                f"bucket {self._bucket!r} keeps versions, so it ignores create-only writes and "
                "paid calls could not be kept apart; give the ledger a bucket on which versioning "
                "was never enabled"
            )
        if not result.created:
            self._ctx.trusted_buckets.add(self._bucket)
        return result.created


def _summary(claim: Claim, released: StoredObject | None) -> History | None:
    """Return the history that ends in this attempt, if its owner released it."""
    nonce, record = read_release(released) if released else (None, None)
    if nonce is None or nonce != claim.nonce:
        return None
    try:
        history = read_history(record)
    except UNPARSABLE:
        return None
    return history if history.number == claim.number else None


def _has_failed(response: Response) -> bool:
    return outcome_of_response(response).status == "failed"


def _may_be_granted(response: Response) -> bool:
    """Whether an operator may grant another attempt after it."""
    return bool(response.refusal) or _has_failed(response)
