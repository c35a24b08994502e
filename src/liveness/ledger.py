"""The ledger: who may call for one fingerprint, and what the API answered.

Objects below `claims/<pair hash>/<fingerprint>/`, all create-only, none ever replaced:

    <n>.claim       attempt n is somebody's: nonce and lease
    <n>.released    the owner of attempt n (by nonce) gave it back without a billed call
    response        what the API answered, or that we gave up; ends all calls
    grant-<k>       an operator allows one more attempt after the k-th `failed` response
    response-<k>    the response after grant k
    late-<n>        an answer to attempt n that found another response standing

When may attempt n be passed over, and does it count against the limit?

    claim n is ...                              pass?    counts?
    mine                                        no: call
    released, naming the claim's nonce          yes      no
    somebody's, lease running                   no: park until it ends
    somebody's, lease over                      yes      yes: a call may have been billed

Time since a claim is the reply's Date minus the claim's Last-Modified, both by COS's clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import ConfigurationError, LedgerDamaged, StoreUnavailable
from .face import Answer
from .keys import work_prefix
from .look import Work
from .seams import Concurrency
from .settings import Settings
from .store import CLOCK_GRAIN_SECONDS, NO_RECORD, PatientStore, StoredObject

# Shorter than the platform's retry interval of 60 s (document 583/39851).
LEASE_SECONDS = 50
_MAX_RECORD_BYTES = 64 * 1024
_RESPONSE_SCHEMA = "liveness-response/1"


class Claim(NamedTuple):
    """Attempt `number` as it stands in the ledger."""

    number: int
    nonce: str | None  # None: somebody edited the object; then it is not ours
    age: float
    released: bool

    def passable(self) -> bool:
        """Whether the next number may be looked at; see the table above."""
        return self.released or self.lease_left() <= 0

    def lease_left(self) -> float:
        """Seconds until others may pass over it; negative when long over."""
        return LEASE_SECONDS + CLOCK_GRAIN_SECONDS - self.age


class Response(NamedTuple):
    """The response record: everything the verdict and the result are made of."""

    attempt: int
    possibly_billed: int  # calls for this fingerprint that may have been billed, this one included
    threshold: float
    transfer: str
    md5s: dict[str, str]  # by role
    claimed_at: float
    answered_at: float
    answer: Answer | None  # None: given up


class Ledger:
    """The ledger's part for one piece of work."""

    def __init__(
        self,
        settings: Settings,
        store: PatientStore,
        concurrency: Concurrency,
        work: Work,
        owner: dict[str, Any],
        trusted_buckets: set[str],
    ) -> None:
        self._bucket = settings.ledger_bucket
        self._prefix = work_prefix(settings, work.pair_id, work.fingerprint)
        self._store = store
        self._together = concurrency.together
        self._work = work
        self._owner = owner
        self._trusted = trusted_buckets
        self.grants = 0

    # ---- attempts

    def try_claim(self, number: int, nonce: str) -> tuple[bool, Response | None]:
        """Create attempt `number` and read the response, in one round trip.

        True where the number was free. Whether the attempt is ours, only `standing` can tell: a
        409 may be our own first PUT whose reply was lost, and two PUTs at once may both get a 200.
        """
        free, response = self._together(
            lambda: self._create(f"{number}.claim", self._claim(number, nonce)), self.response
        )
        return free, response

    def standing(self, number: int, nonce: str, fresh: bool) -> tuple[Claim, Response | None]:
        """Read claim and release of attempt `number`, and the response again, in one round trip.

        A claim that is `fresh` cannot have been released yet.
        An instance's first claim in a bucket is PUT once more beside it, and must be refused:
        without create-only two instances could both believe that they may call.
        """
        tasks: list[Callable[[], Any]] = [
            lambda: self._read_claim(number),
            lambda: None if fresh else self._get(f"{number}.released"),
            self.response,
        ]
        if self._bucket not in self._trusted:
            tasks.append(lambda: self._prove_create_only(number, nonce))
        claim, released, response, *_ = self._together(*tasks)
        if claim is None:
            raise StoreUnavailable(f"attempt {number} was created but cannot be read")
        return self._with_release(claim, released), response

    def survey(self, first: int) -> list[Claim]:
        """All attempts from `first` on that exist, read in a few round trips however many."""
        claims: list[Claim] = []
        size = 2
        while True:
            numbers = range(first + len(claims), first + len(claims) + size)
            found = self._together(
                *(lambda n=n: self._read_claim(n) for n in numbers),
                *(lambda n=n: self._get(f"{n}.released") for n in numbers),
            )
            for claim, released in zip(found[:size], found[size:], strict=True):
                if claim is None:
                    return claims
                claims.append(self._with_release(claim, released))
            size = min(2 * size, 16)

    def release(self, number: int, nonce: str) -> None:
        """Give an attempt back; after this was tried, the number is never used again."""
        self._create(f"{number}.released", {"nonce": nonce, "attempt": number})

    def _claim(self, number: int, nonce: str) -> dict[str, Any]:
        pair_id = self._work.pair_id
        return {"pair_id": pair_id, "attempt": number, "nonce": nonce, "owner": self._owner}

    def _read_claim(self, number: int) -> Claim | None:
        stored = self._get(f"{number}.claim")
        if stored is None:
            return None
        return Claim(number, _nonce_in(stored), stored.head.age, released=False)

    @staticmethod
    def _with_release(claim: Claim, released: StoredObject | None) -> Claim:
        named = _nonce_in(released) if released else None
        return claim._replace(released=named is not None and named == claim.nonce)

    def _prove_create_only(self, number: int, nonce: str) -> None:
        if self._create(f"{number}.claim", self._claim(number, nonce)):  # a 409 is the proof
            raise ConfigurationError(
                f"bucket {self._bucket!r} ignores x-cos-forbid-overwrite: paid calls could not be "
                "kept apart; give the ledger a bucket on which versioning was never enabled"
            )

    # ---- grants

    def grant(self) -> bool:
        """Allow one more attempt; False where no `failed` response stands in the way."""
        response = self.response()
        if response is None or not _may_be_granted(response) or self._granted_by_us():
            return False
        self._create(f"grant-{self.grants + 1}", {"owner": self._owner})
        return True

    def _granted_by_us(self) -> bool:
        """Whether the latest grant was this very request's: the platform delivers it again."""
        ours = self._owner.get("request_id")
        stored = self._get(f"grant-{self.grants}") if self.grants and ours else None
        try:
            return stored is not None and json.loads(stored.body)["owner"]["request_id"] == ours
        except NO_RECORD:
            return False

    # ---- responses

    def response(self) -> Response | None:
        """The response that stands; one that failed and was granted a new attempt is passed over.

        Raises LedgerDamaged when the record is not as we wrote it.
        """
        while True:
            stored = self._get(self._response_name(self.grants))
            if stored is None:
                return None
            response = self._read_response(stored)
            if not _may_be_granted(response) or self._get(f"grant-{self.grants + 1}") is None:
                return response
            self.grants += 1

    def keep(self, response: Response, *meanwhile: Callable[[], Any]) -> list[Any]:
        """Create the response record; what `meanwhile` does comes back.

        Whether this record is the one that stands, `response` tells.
        """
        name, record = self._response_name(self.grants), self._record(response)
        _, *results = self._together(lambda: self._create(name, record, keep=True), *meanwhile)
        return results

    def keep_late(self, response: Response) -> None:
        """Keep an answer that came when another response stood already."""
        self._create(f"late-{response.attempt}", self._record(response), keep=True)

    def late(self, numbers: range) -> Response | None:
        """An answer that was kept as late and would have been final; oldest first."""
        found = self._together(*(lambda n=n: self._get(f"late-{n}") for n in numbers))
        responses = [self._read_response(stored) for stored in found if stored]
        return next((item for item in responses if not _may_be_granted(item)), None)

    @staticmethod
    def _response_name(grants: int) -> str:
        return f"response-{grants}" if grants else "response"

    def _record(self, response: Response) -> dict[str, Any]:
        record = response._asdict()
        if response.answer is not None:
            record["answer"] = response.answer._asdict()
        record.update(
            schema=_RESPONSE_SCHEMA,
            pair_id=self._work.pair_id,
            fingerprint=self._work.fingerprint,
        )
        record["digest"] = _digest(record)
        return record

    def _read_response(self, stored: StoredObject) -> Response:
        response = read_response(stored.body, self._work.fingerprint)
        if response is None:
            raise LedgerDamaged(
                f"{stored.head.key!r} in {self._bucket!r} is not as this function wrote it; "
                "calling again could pay twice: restore it, or delete it if the pair may be paid "
                "for again"
            )
        return response

    # ---- objects

    def _get(self, name: str) -> StoredObject | None:
        return self._store.get(self._bucket, self._prefix + name, _MAX_RECORD_BYTES)

    def _create(self, name: str, record: dict[str, Any], keep: bool = False) -> bool:
        create = self._store.keep if keep else self._store.create
        created = create(self._bucket, self._prefix + name, _encoded(record))
        if created.versioned:
            raise ConfigurationError(
                f"bucket {self._bucket!r} keeps versions, so it ignores create-only writes and "
                "paid calls could not be kept apart; give the ledger a bucket on which versioning "
                "was never enabled"
            )
        if not created.new:
            self._trusted.add(self._bucket)
        return created.new


def read_response(body: bytes, fingerprint: str) -> Response | None:
    """None for what is not as this function wrote it for that fingerprint."""
    try:
        record = json.loads(body)
        digest = record.pop("digest")
        if digest != _digest(record) or record.pop("schema") != _RESPONSE_SCHEMA:
            return None
        if record.pop("fingerprint") != fingerprint:
            return None
        record.pop("pair_id")
        answer = record.pop("answer")
        return Response(answer=None if answer is None else Answer(**answer), **record)
    except NO_RECORD:
        return None


def _may_be_granted(response: Response) -> bool:
    from .decision import outcome_of_response

    return outcome_of_response(response).status == "failed"


def _nonce_in(stored: StoredObject) -> str | None:
    try:
        nonce = json.loads(stored.body)["nonce"]
    except NO_RECORD:
        return None
    return nonce if isinstance(nonce, str) else None


def _encoded(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, indent=1).encode()


def _digest(record: dict[str, Any]) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
