"""The ledger's objects as values, and how each is written and read.

The mappings here are the stored format: they name every field, and each carries its schema's name.
Renaming an attribute in Python changes nothing in a bucket.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from .face_api import Answer
from .store import CLOCK_RESOLUTION_SECONDS, UNPARSABLE, Digests, StoredObject

CLAIM_SCHEMA = "liveness-claim/1"
RELEASE_SCHEMA = "liveness-release/2"
GRANT_SCHEMA = "liveness-grant/1"
RESPONSE_SCHEMA = "liveness-response/3"
SUBMISSION_SCHEMA = "liveness-submission/1"
PACKAGE_SCHEMA = "liveness-package/1"
SLOT_SCHEMA = "liveness-drain-slot/1"
# Shorter than the platform's retry interval of 60 s (document 583/39851).
LEASE_SECONDS = 50
# How long a call's thread keeps waiting after the call's deadline.
LATE_ANSWER_SECONDS = 120.0
# The longest timeout that the platform allows a function.
MAX_INVOCATION_SECONDS = 900.0


class InvocationInfo(NamedTuple):
    """Which invocation of which function wrote something."""

    name: str
    version: str
    request_id: str

    def to_record(self) -> dict[str, str]:
        return {"name": self.name, "version": self.version, "request_id": self.request_id}


class Claim(NamedTuple):
    """Attempt `number` as the ledger shows it."""

    number: int
    nonce: str | None  # None: the object was edited; then it is not ours
    age: float  # seconds, by the store's clock

    @property
    def lease_left(self) -> float:
        """Seconds until the claim may be superseded; negative once it is long over."""
        return LEASE_SECONDS + CLOCK_RESOLUTION_SECONDS - self.age


class EarlierSubmission(NamedTuple):
    """The outcome of an earlier content of the same pair."""

    number: int
    status: str | None  # as in result.json; None: it has no verdict
    reason: str | None  # the code


class Admission(NamedTuple):
    """Which of its pair's contents this is, and whether its package was used before."""

    number: int | None  # from 1; None: not admitted, as one too many
    total: int  # contents admitted, as far as known
    limit: int
    earlier: tuple[EarlierSubmission, ...] = ()
    billed_before: int = 0  # calls for earlier contents that may have been billed
    reused: bool | None = None  # None: the package was not checked
    first_used: float | None = None  # seconds since 1970


class Response(NamedTuple):
    """The response record: everything the verdict and the result are made of.

    Without an answer, the content was either refused or given up.
    """

    attempt: int
    possibly_billed: int  # calls for this fingerprint that may have been billed, this one included
    threshold: float
    transfer: str
    digests: dict[str, Digests]  # by role
    claimed_at: float  # seconds since 1970
    answered_at: float
    answer: Answer | None  # without its best frame's URL, see best_frame.keep_frame_url
    admission: Admission | None
    refusal: str = ""  # the code of the result, if the content must not be called for


def claim_record(pair_id: str, attempt: int, nonce: str, owner: dict[str, Any]) -> bytes:
    """Return the body of `<n>.claim`; `owner` is an owner_record."""
    return encode(
        {
            "schema": CLAIM_SCHEMA,
            "pair_id": pair_id,
            "attempt": attempt,
            "nonce": nonce,
            "owner": owner,
        }
    )


def release_record(attempt: int, nonce: str, history: dict[str, Any]) -> bytes:
    """Return the body of `<n>.released`.

    It names the nonce of the claim that it ends, and sums up all attempts up to this one.
    """
    return encode(
        {"schema": RELEASE_SCHEMA, "attempt": attempt, "nonce": nonce, "history": history}
    )


def grant_record(owner: dict[str, Any]) -> bytes:
    """Return the body of `grant-<k>`."""
    return encode({"schema": GRANT_SCHEMA, "owner": owner})


def owner_record(info: InvocationInfo, now: float) -> dict[str, Any]:
    """Return who writes an object, and when by the writer's clock (seconds since 1970)."""
    return {**info.to_record(), "at": now}


def read_nonce(stored: StoredObject) -> str | None:
    """Return the nonce of a claim or release; None if the object is not as we wrote it."""
    try:
        nonce = json.loads(stored.body)["nonce"]
    except UNPARSABLE:
        return None
    return nonce if isinstance(nonce, str) else None


def read_release(stored: StoredObject) -> tuple[str | None, Any]:
    """Return the nonce in a release, and its history as stored."""
    try:
        record = json.loads(stored.body)
        return str(record["nonce"]), record["history"]
    except UNPARSABLE:
        return None, None


def read_granting_request(stored: StoredObject) -> str | None:
    """Return the id of the request that wrote a grant."""
    try:
        request_id = json.loads(stored.body)["owner"]["request_id"]
    except UNPARSABLE:
        return None
    return request_id if isinstance(request_id, str) else None


def response_record(response: Response, pair_id: str, fingerprint: str) -> bytes:
    """Return the body of a response record or of a late response."""
    answer, admission = response.answer, response.admission
    record = {
        "schema": RESPONSE_SCHEMA,
        "pair_id": pair_id,
        "fingerprint": fingerprint,
        "attempt": response.attempt,
        "possibly_billed": response.possibly_billed,
        "threshold": response.threshold,
        "transfer": response.transfer,
        "digests": {role: digests._asdict() for role, digests in response.digests.items()},
        "claimed_at": response.claimed_at,
        "answered_at": response.answered_at,
        "answer": None
        if answer is None
        else {
            "channel": answer.channel,
            "code": answer.code,
            "description": answer.description,
            "request_id": answer.request_id,
            "similarity": answer.similarity,
            "has_best_frame": answer.has_best_frame,
            "best_frame_md5": answer.best_frame_md5,
            "contract_violation": answer.contract_violation,
        },
        "refusal": response.refusal,
        "admission": None
        if admission is None
        else {
            "number": admission.number,
            "count": admission.total,
            "limit": admission.limit,
            "earlier": [
                {"number": item.number, "status": item.status, "reason": item.reason}
                for item in admission.earlier
            ],
            "billed_before": admission.billed_before,
            "reused": admission.reused,
            "first_used": admission.first_used,
        },
    }
    return encode({**record, "digest": _digest(record)})


def read_response(body: bytes, fingerprint: str) -> Response | None:
    """Parse a response record; None if it is not as this function wrote it for `fingerprint`."""
    try:
        record = json.loads(body)
        if record.pop("digest") != _digest(record):
            return None
        if (record["schema"], record["fingerprint"]) != (RESPONSE_SCHEMA, fingerprint):
            return None
        answer = record["answer"]
        return Response(
            attempt=record["attempt"],
            possibly_billed=record["possibly_billed"],
            threshold=record["threshold"],
            transfer=record["transfer"],
            digests={
                role: Digests(digests["md5"], digests["sha256"])
                for role, digests in record["digests"].items()
            },
            claimed_at=record["claimed_at"],
            answered_at=record["answered_at"],
            answer=None
            if answer is None
            else Answer(
                channel=answer["channel"],
                code=answer["code"],
                description=answer["description"],
                request_id=answer["request_id"],
                similarity=answer["similarity"],
                has_best_frame=answer["has_best_frame"],
                best_frame_md5=answer["best_frame_md5"],
                contract_violation=answer["contract_violation"],
            ),
            admission=_read_admission(record["admission"]),
            refusal=record["refusal"],
        )
    except UNPARSABLE:
        return None


def _read_admission(record: Any) -> Admission | None:
    if record is None:
        return None
    return Admission(
        number=record["number"],
        total=record["count"],
        limit=record["limit"],
        earlier=tuple(
            EarlierSubmission(item["number"], item["status"], item["reason"])
            for item in record["earlier"]
        ),
        billed_before=record["billed_before"],
        reused=record["reused"],
        first_used=record["first_used"],
    )


def submission_record(
    pair_id: str, number: int, fingerprint: str, package_md5: str | None, owner: dict[str, Any]
) -> bytes:
    """Return the body of `submissions/<pair hash>/<n>`.

    An erasure finds the package's uses by the MD5, which is None if it is not known.
    """
    return _number_record(
        SUBMISSION_SCHEMA, pair_id, number, fingerprint, {"package_md5": package_md5}, owner
    )


def package_record(pair_id: str, number: int, fingerprint: str, owner: dict[str, Any]) -> bytes:
    """Return the body of `packages/<MD5>/<n>`."""
    return _number_record(PACKAGE_SCHEMA, pair_id, number, fingerprint, {}, owner)


def _number_record(
    schema: str,
    pair_id: str,
    number: int,
    fingerprint: str,
    more: dict[str, Any],
    owner: dict[str, Any],
) -> bytes:
    return encode(
        {
            "schema": schema,
            "pair_id": pair_id,
            "number": number,
            "fingerprint": fingerprint,
            **more,
            "owner": owner,
        }
    )


def slot_record(nonce: str, info: InvocationInfo) -> bytes:
    """Return the body of `drain/<slot>-<shard>`."""
    return encode({"schema": SLOT_SCHEMA, "nonce": nonce, "owner": info.to_record()})


def encode(record: dict[str, Any]) -> bytes:
    """Return a record as stored: JSON in UTF-8; without indenting, it takes a fifth of the time."""
    return json.dumps(record, ensure_ascii=False).encode()


def _digest(record: dict[str, Any]) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
