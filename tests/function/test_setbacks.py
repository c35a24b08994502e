"""Contents that bring no verdict, and attempts that bring no call: both end, and cost nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from liveness.errors import PairsNotFinishedError
from liveness_sandbox import Pause, Reply
from tests.conftest import BUCKET, PACKAGE, Cloud
from tests.function.test_backlog import DRAIN, park_by_hand
from tests.function.test_one_call import LAST_PAUSE
from tests.function.test_outages import ALWAYS, DETECT, GONE, sent

# Codes that are no verdict, and always come for this content.
STUBBORN = [
    "FailedOperation.DownLoadError",
    "FailedOperation.CompressVideoError",
    "FailedOperation.LivessSystemError",
    "FailedOperation.UnKnown",
    "InvalidParameterValue.LiveDataUrl",
    "ResourceNotFound",
]


def cos_error(status: int, code: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    return Reply(status, body, {"Content-Type": "application/xml"})


def walk_to_the_end(cloud: Cloud, function: Any, max_walks: int = 20) -> int:
    """Walk anna after every pause, until she has a result; return the number of walks."""
    for walks in range(1, max_walks + 1):
        if function.walk("anna")["state"] == "published":
            return walks
        cloud.advance(LAST_PAUSE)
    raise AssertionError("the pair has no end")


# ---- a content that is never judged


@pytest.mark.parametrize("code", STUBBORN)
def test_a_content_never_judged_fails_with_its_code(cloud: Cloud, code: str) -> None:
    cloud.put_pair("anna", {"code": code, "channel": "error"})
    function = cloud.instance()

    walk_to_the_end(cloud, function)

    assert 11 <= cloud.calls <= 12
    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], result["reason"]["code"]) == ("failed", code)
    assert result["possibly_billed_calls"] == 0
    assert "tried again" not in result["reason"]["hint"]["en"]
    (given_up,) = function.logged("pair.given-up")
    assert (given_up["setbacks"], given_up["code"]) == (11, code)
    calls = cloud.calls
    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == calls


def test_the_same_end_is_reached_by_drains(cloud: Cloud) -> None:
    """There the count travels in the marker."""
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError"})
    function = cloud.instance()
    function.walk("anna")

    for _ in range(12):
        cloud.advance(LAST_PAUSE)
        function(DRAIN)

    assert cloud.calls == 11
    assert cloud.markers() == []
    result = cloud.result("anna")
    assert result is not None and result["status"] == "failed"


def test_pauses_between_setbacks_double_up_to_an_hour(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError"})
    function = cloud.instance()
    pauses = []

    for _ in range(9):
        function.walk("anna")
        marker = max(cloud.markers(), key=lambda marker: marker["parked_at"])
        pauses.append(marker["due"] - marker["parked_at"])
        cloud.advance(LAST_PAUSE)

    for number, pause in enumerate(pauses):
        expected = min(60 * 2**number, 3600)
        assert expected - 10 <= pause <= expected * 1.2 + 4  # the walk itself takes real time


def test_a_grant_after_setbacks_allows_one_more_call(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError", "times": 11})
    function = cloud.instance(MAX_ATTEMPTS="1")
    walk_to_the_end(cloud, function)

    assert function({"retry": ["anna"]})["pairs"][0]["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (12, 1)


def test_new_content_begins_without_setbacks(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError"})
    function = cloud.instance()
    function.walk("anna")

    cloud.put_pair("anna")

    assert function.walk("anna")["status"] == "passed"


def test_only_a_first_error_is_retried_at_once(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.LivessSystemError"})
    function = cloud.instance()
    function.walk("anna")
    assert cloud.calls == 2
    cloud.advance(75)

    function.walk("anna")

    assert cloud.calls == 3


# ---- attempts that are given back


def test_an_unexpected_error_gives_the_attempt_back(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> float:
        raise RuntimeError

    cloud.put_pair("anna")
    function = cloud.instance(MAX_ATTEMPTS="1")
    with monkeypatch.context() as patch:
        patch.setattr("liveness.call.seconds_for_call", fail)
        with pytest.raises(PairsNotFinishedError, match="RuntimeError"):
            function.walk("anna")
    assert cloud.ledger(".released") == ["1.released"]

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 1)


@pytest.mark.parametrize("limit", ["1", "3"])
def test_a_fresh_claim_that_lags_is_read_again(cloud: Cloud, limit: str) -> None:
    cloud.put_pair("anna")
    cloud.on("GET", "1.claim", cos_error(404, "NoSuchKey"))

    assert cloud.instance(MAX_ATTEMPTS=limit).walk("anna")["status"] == "passed"

    assert cloud.ledger(".claim") == ["1.claim"]


@pytest.mark.parametrize("limit", ["1", "3"])
@pytest.mark.parametrize("name", ["1.claim", "response"])
def test_an_attempt_whose_reads_fail_is_not_spent(cloud: Cloud, limit: str, name: str) -> None:
    """The claim was created; its read-back fails, or the read of `response` beside that."""
    cloud.put_pair("anna")
    function = cloud.instance(MAX_ATTEMPTS=limit)

    def fail(request: Any, phase: str) -> Reply | None:
        is_read = request.method == "GET" and request.key.endswith("/" + name)
        return Reply(503) if is_read and phase == "before" else None

    cloud.sandbox.hooks.append(fail)
    with pytest.raises(PairsNotFinishedError):
        function.walk("anna")
    cloud.sandbox.hooks.clear()
    assert cloud.ledger(".released") == ["1.released"]

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 1)


@pytest.mark.parametrize(
    "code", ["BadDigest", "IncompleteBody", "EntitySizeNotMatch", "RequestTimeout"]
)
def test_a_damaged_transfer_does_not_lose_the_answer(cloud: Cloud, code: str) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", "/response", cos_error(400, code), times=3)

    assert cloud.instance().walk("anna")["status"] == "passed"

    assert cloud.ledger("response") == ["response"]
    assert cloud.calls == 1


# ---- preparation


def test_inputs_are_hashed_before_the_claim(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = "liveness/incoming/anna/live.bin"
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    ledger: list[list[str]] = []
    function = cloud.instance()
    own = function.environ["TENCENTCLOUD_SECRETID"]

    def look(request: Any, phase: str) -> None:
        if request.method == "GET" and request.key == key and request.auth == "header":
            assert request.principal == own
            ledger.append(cloud.ledger())

    cloud.sandbox.hooks.append(look)

    assert function.walk("anna")["status"] == "passed"
    assert ledger and not any(ledger)


def test_slow_hashing_is_paused_and_claims_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put_pair("anna")
    key = "liveness/incoming/anna/live.bin"
    cloud.client.put_object(BUCKET, PACKAGE, key, ServerSideEncryption="cos/kms")
    monkeypatch.setattr("liveness.call.MIN_CALL_SECONDS", 120 - 15 - 0.5)
    end_of_test = threading.Event()
    cloud.on("GET", "live.bin", Pause(end_of_test))

    try:
        assert cloud.instance().walk("anna")["state"] == "parked"
    finally:
        end_of_test.set()

    (marker,) = cloud.markers()
    assert (marker["reason"], marker["history"]["setbacks"]) == ("preparation-slow", 1)
    assert marker["due"] - marker["parked_at"] >= 59
    assert cloud.ledger() == []


# ---- what a visit costs


def test_a_visit_costs_the_same_after_many_attempts(cloud: Cloud) -> None:
    """Counted without a marker: all that is known is in the ledger."""
    cloud.put_pair("anna", {"code": "RequestLimitExceeded", "channel": "error"})
    function = cloud.instance()
    costs = {}
    for visit in range(1, 42):
        before = len(cloud.requests_of(function))
        assert function.walk("anna")["state"] == "parked"
        costs[visit] = len(cloud.requests_of(function)) - before

    assert costs[41] <= costs[11] + 2 * 7  # two more leaps at most
    assert len(cloud.ledger(".claim")) == 41


def test_an_outage_during_many_visits_spends_no_more_attempts(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, GONE, service="faceid", times=ALWAYS)
    function = cloud.instance()

    for _ in range(20):
        function.walk("anna")

    assert sent(cloud) == len(cloud.ledger(".claim")) == 1


@pytest.mark.parametrize(("pairs", "alarms"), [(4, 0), (5, 1)])
def test_a_row_of_unreadable_links_raises_an_alarm(cloud: Cloud, pairs: int, alarms: int) -> None:
    for number in range(pairs):
        name = f"person-{number}"
        cloud.put_pair(name, {"code": "FailedOperation.DownLoadError", "sim": number})
        park_by_hand(cloud, name)
    function = cloud.instance()

    function(DRAIN)

    assert len(function.logged("drain.links-unreadable")) == alarms


def test_a_paid_answer_is_written_down_however_often_it_takes(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", "/response", cos_error(503, "ServiceUnavailable"), times=30)

    walked = cloud.instance().walk("anna")

    assert (walked["status"], cloud.billed) == ("passed", 1)
    result = cloud.result("anna")
    assert result is not None and result["possibly_billed_calls"] == 1
