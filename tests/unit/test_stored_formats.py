"""What is written to a bucket, byte for byte, and that it is read back as the same value.

A result is two files: its body, and its metadata without the prefix x-cos-meta-; so is the state of
the breaker.

A failure here means that a stored format changed: an installation has objects in the old one. Give
the schema a new number, say in CHANGELOG.md what happens to old objects, and write the files anew
with `python -m tests.unit.test_stored_formats`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from liveness import __version__
from liveness.best_frame import StoredFrame, find_frame_url, keep_frame_url
from liveness.breaker import Breaker, BreakerState, CallOutcome
from liveness.breaker import read_state as read_breaker
from liveness.context import Context
from liveness.face_api import Answer, NoFrame
from liveness.history import History, read_history
from liveness.inspection import CompletePair, Input
from liveness.keys import IMAGE, LIVE, pair_hash
from liveness.markers import Marker, ParkReason, park, read_marker
from liveness.pacing import Unpaced
from liveness.reconcile import State, read_state, write_state
from liveness.records import (
    Admission,
    EarlierSubmission,
    InvocationInfo,
    Response,
    claim_record,
    grant_record,
    owner_record,
    package_record,
    read_granting_request,
    read_nonce,
    read_release,
    read_response,
    release_record,
    response_record,
    slot_record,
    submission_record,
)
from liveness.result import Finding, build_result
from liveness.settings import read_settings
from liveness.store import CreateResult, Digests, ObjectHead, RetryingStore, StoredObject
from liveness.verdicts import (
    PACKAGE_REUSED,
    TOO_MANY_SUBMISSIONS,
    local_outcome,
    outcome_of_response,
)
from tests.clocks import ManualClock

GOLDEN = Path(__file__).parent / "golden"
NOW = 1_795_000_000.125
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
INFO = InvocationInfo("liveness", "3", "request-1")
FINGERPRINT = "f" * 64
FRAME_URL = "https://frames-1.cos.ap-singapore.myqcloud.com/f.jpg"
PAIR = CompletePair(
    "anna/会话",
    FINGERPRINT,
    (
        Input(LIVE, "liveness/incoming/anna/会话/live.bin", "0" * 32, 2048, NOW, "0" * 32),
        Input(IMAGE, "liveness/incoming/anna/会话/reference.jpg", "1-2", 900, NOW, None),
    ),
)
ANSWER = Answer(
    channel="result",
    code="Success",
    description="Success",
    request_id="api-1",
    similarity=96.5,
    has_best_frame=True,
    best_frame_md5="2" * 32,
)


ADMISSION = Admission(
    number=2,
    total=2,
    limit=5,
    earlier=(EarlierSubmission(1, "rejected", "FailedOperation.LivessDetectFake"),),
    billed_before=1,
    reused=False,
)
REUSED = Admission(number=1, total=1, limit=5, reused=True, first_used=NOW - 86_400)


def response(
    answer: Answer | None, admission: Admission | None = ADMISSION, refusal: str = ""
) -> Response:
    return Response(
        attempt=2,
        possibly_billed=2,
        threshold=70.0,
        transfer="presign",
        digests={}
        if answer is None
        else {LIVE: Digests("0" * 32), IMAGE: Digests("3" * 32, "4" * 64)},
        claimed_at=NOW,
        answered_at=NOW + 1.5,
        answer=answer,
        admission=admission,
        refusal=refusal,
    )


RESPONSES = {
    "response-passed.json": response(ANSWER),
    "response-reused-package.json": response(ANSWER, REUSED),
    "response-refused.json": response(None, REUSED, PACKAGE_REUSED),
    "response-one-too-many.json": response(
        None, ADMISSION._replace(number=None, total=5, reused=None), TOO_MANY_SUBMISSIONS
    ),
    "response-below-threshold.json": response(ANSWER._replace(similarity=69.5)),
    "response-rejected.json": response(
        Answer("result", "FailedOperation.LivessDetectFake", "not live", "api-2")
    ),
    "response-api-error.json": response(
        Answer("error", "FailedOperation.ImageBlur", "blurred", "api-3")
    ),
    "response-outside-contract.json": response(
        ANSWER._replace(similarity=None, contract_violation="Sim is missing")
    ),
    "response-given-up.json": response(None),
    # A content that was set back too often: the last answer of the service, which is no verdict.
    "response-given-up-answered.json": response(
        Answer("error", "FailedOperation.DownLoadError", "download failed", "api-4")
    ),
}


# An attempt without a reply, a release, a set-back, and the release that sums them up.
HISTORY = History(number=3, unanswered=(1,), setbacks=1, since=NOW - 3600, not_before=NOW + 72.5)
BREAKER = BreakerState("unanswered", since=NOW, probes=1, next_probe=NOW + 165)


class Bucket:
    """A store that keeps the last object put."""

    def __init__(self) -> None:
        self.key, self.body = "", b""
        self.metadata: Mapping[str, str] = {}

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        self.key, self.body, self.metadata = key, body, metadata

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        self.key, self.body = key, body
        return CreateResult(created=True, versioned=False, date=NOW)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        return stored(self.body) if key == self.key else None


MARKER_WITH_HISTORY = Marker(
    PAIR.pair_id,
    ParkReason.BAD_LINK,
    "FailedOperation.DownLoadError: download failed",
    deliveries=0,
    fingerprint=FINGERPRINT,
    history=HISTORY,
)


class Sequence:
    """Randomness without chance."""

    def token(self) -> str:
        return "0" * 24

    def uniform(self, limit: float) -> float:
        return 0.0


def stored(body: bytes) -> StoredObject:
    return StoredObject(ObjectHead("k", len(body), "e", None, NOW, NOW, {}), body)


def context(bucket: Any) -> Context:
    clock: Any = ManualClock(NOW)
    unused: Any = None
    return Context(
        settings=SETTINGS,
        store=RetryingStore(bucket, clock, Sequence()),
        face=unused,
        frames=unused,
        clock=clock,
        rng=Sequence(),
        concurrency=unused,
        pacer=Unpaced(clock, defers_to_drain=False),
        info=INFO,
        deadline=900.0,
        trusted_buckets=set(),
    )


def parked() -> bytes:
    bucket = Bucket()
    marker = Marker(PAIR.pair_id, ParkReason.THROTTLED, "RequestLimitExceeded: busy", deliveries=1)
    park(context(bucket), marker, 30)
    return bucket.body


def parked_with_history() -> bytes:
    bucket = Bucket()
    park(context(bucket), MARKER_WITH_HISTORY, 72.5)
    return bucket.body


def kept_frame_url() -> bytes:
    bucket = Bucket()
    keep_frame_url(context(bucket), PAIR, 2, FRAME_URL)
    return bucket.body


def opened_breaker() -> Bucket:
    """Return a bucket with the state of a breaker that opened, and whose first probe failed."""
    bucket = Bucket()
    ctx = context(bucket)
    breaker = Breaker(SETTINGS, ctx.store, contextlib.nullcontext())
    for _ in range(5):
        breaker.observe(CallOutcome.UNANSWERED)
    clock: Any = ctx.clock
    clock.time += 55
    breaker.observe(CallOutcome.UNANSWERED)
    breaker.save()
    return bucket


RECONCILED = State(NOW - 3600, NOW, "liveness/incoming/anna/live.bin", NOW - 7200)


def reconciled() -> bytes:
    bucket = Bucket()
    write_state(context(bucket), RECONCILED)
    return bucket.body


def finding(recorded: Response, frame: StoredFrame | NoFrame) -> Finding:
    detail = recorded.answer.contract_violation if recorded.answer else ""
    return Finding(PAIR, outcome_of_response(recorded), detail, recorded, frame)


FINDINGS = {
    "result-passed": finding(RESPONSES["response-passed.json"], StoredFrame("2" * 32, 4096)),
    "result-without-frame": finding(RESPONSES["response-passed.json"], NoFrame("MD5 mismatch")),
    "result-given-up-answered": finding(
        RESPONSES["response-given-up-answered.json"], NoFrame("the service gave none")
    ),
    "result-given-up": finding(
        RESPONSES["response-given-up.json"], NoFrame("no call was answered")
    ),
    "result-refused": finding(RESPONSES["response-refused.json"], NoFrame("no call was made")),
    "result-one-too-many": finding(
        RESPONSES["response-one-too-many.json"], NoFrame("no call was made")
    ),
    "result-invalid": Finding(
        PAIR,
        local_outcome("InputEmpty"),
        "'liveness/incoming/anna/会话/live.bin' is empty",
        None,
        NoFrame("no call was made"),
    ),
}


def result_body(finding: Finding) -> bytes:
    """Return a result; a release changes its version, which is not a change of the format."""
    body = build_result(SETTINGS, finding, INFO, NOW + 2).body
    return body.replace(f'"version": "{__version__}"'.encode(), b'"version": "<release>"')


def result_metadata(finding: Finding) -> bytes:
    return _pretty(build_result(SETTINGS, finding, INFO, NOW + 2).metadata)


def _pretty(metadata: Mapping[str, str]) -> bytes:
    return json.dumps(dict(metadata), indent=2).encode() + b"\n"


WRITERS: dict[str, Callable[[], bytes]] = {
    "claim.json": lambda: claim_record(PAIR.pair_id, 2, "nonce-1", owner_record(INFO, NOW)),
    "released.json": lambda: release_record(2, "nonce-1", History(number=2).to_record()),
    "released-with-history.json": lambda: release_record(3, "nonce-1", HISTORY.to_record()),
    "submission.json": lambda: submission_record(
        PAIR.pair_id, 2, FINGERPRINT, "0" * 32, owner_record(INFO, NOW)
    ),
    "package.json": lambda: package_record(PAIR.pair_id, 2, FINGERPRINT, owner_record(INFO, NOW)),
    "frame-url.json": kept_frame_url,
    "grant.json": lambda: grant_record(owner_record(INFO, NOW)),
    "drain-slot.json": lambda: slot_record("nonce-1", INFO),
    "marker.json": parked,
    "marker-with-history.json": parked_with_history,
    "breaker.json": lambda: opened_breaker().body,
    "breaker.metadata.json": lambda: _pretty(opened_breaker().metadata),
    "reconcile.json": reconciled,
    **{
        name: partial(response_record, recorded, PAIR.pair_id, FINGERPRINT)
        for name, recorded in RESPONSES.items()
    },
    **{f"{name}.json": partial(result_body, found) for name, found in FINDINGS.items()},
    **{
        f"{name}.metadata.json": partial(result_metadata, found) for name, found in FINDINGS.items()
    },
}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_what_is_written_is_the_golden_file(name: str) -> None:
    assert WRITERS[name]().decode() == (GOLDEN / name).read_text(encoding="utf-8")


def test_every_golden_file_is_written_by_a_test() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(WRITERS)


@pytest.mark.parametrize("name", sorted(RESPONSES))
def test_a_golden_response_is_read_as_it_was(name: str) -> None:
    assert read_response((GOLDEN / name).read_bytes(), FINGERPRINT) == RESPONSES[name]


def test_a_golden_response_of_other_content_is_not_read() -> None:
    body = (GOLDEN / "response-passed.json").read_bytes()

    assert read_response(body, "0" * 64) is None


def test_a_golden_frame_url_is_read() -> None:
    bucket = Bucket()
    bucket.key = f"liveness/ledger/frame-urls/{pair_hash(PAIR.pair_id)}/{FINGERPRINT}-2"
    bucket.body = (GOLDEN / "frame-url.json").read_bytes()

    assert find_frame_url(context(bucket), PAIR, 2) == FRAME_URL


def test_golden_claims_releases_and_grants_are_read() -> None:
    assert read_nonce(stored((GOLDEN / "claim.json").read_bytes())) == "nonce-1"
    assert read_nonce(stored((GOLDEN / "released.json").read_bytes())) == "nonce-1"
    assert read_granting_request(stored((GOLDEN / "grant.json").read_bytes())) == "request-1"


def test_a_golden_marker_is_read() -> None:
    marker = read_marker((GOLDEN / "marker.json").read_bytes())

    assert marker == Marker(
        PAIR.pair_id, ParkReason.THROTTLED, "RequestLimitExceeded: busy", deliveries=1
    )


def test_golden_histories_are_read_as_they_were() -> None:
    for name, history in (("released", History(2)), ("released-with-history", HISTORY)):
        _, record = read_release(stored((GOLDEN / f"{name}.json").read_bytes()))
        assert read_history(record) == history

    assert read_marker((GOLDEN / "marker-with-history.json").read_bytes()) == MARKER_WITH_HISTORY


def test_a_golden_breaker_state_is_read() -> None:
    assert read_breaker((GOLDEN / "breaker.json").read_bytes()) == BREAKER


def test_a_golden_reconcile_state_is_read() -> None:
    bucket = Bucket()
    bucket.key = "liveness/ledger/reconcile.json"
    bucket.body = (GOLDEN / "reconcile.json").read_bytes()

    assert read_state(context(bucket)) == RECONCILED


def test_a_reconcile_state_of_before_there_were_full_passes_leads_to_one() -> None:
    bucket = Bucket()
    bucket.key = "liveness/ledger/reconcile.json"
    record = json.loads((GOLDEN / "reconcile.json").read_bytes())
    del record["full_pass_began"]
    bucket.body = json.dumps(record).encode()

    assert read_state(context(bucket)).is_full


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, write in WRITERS.items():
        (GOLDEN / name).write_bytes(write())
