"""Step 3, the call: everything that the service or the network may do to it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from liveness.errors import PairsNotFinishedError
from liveness_sandbox import Drop, Pause, Reply
from tests.conftest import PACKAGE, Cloud

DETECT = "DetectReflectLivenessAndCompare"


def writes(cloud: Cloud) -> list[str]:
    """Return the kinds of ledger objects written, in order."""
    kinds = []
    for request in cloud.sandbox.requests:
        if request.method == "PUT" and "liveness/ledger/" in (request.key or ""):
            name = request.key.rpartition("/")[2]
            kinds.append("marker" if "/pending/" in request.key else name)
    return kinds


def test_a_throttled_call_parks_before_it_releases(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    function = cloud.instance()

    assert function.walk("anna")["state"] == "parked"

    assert writes(cloud)[-2:] == ["marker", "1.released"]
    assert cloud.calls == 1  # neither a wait nor a second call
    assert cloud.result("anna") is None


def test_a_released_attempt_is_never_reused_and_does_not_count(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.RequestLimitExceeded", "times": 5})
    function = cloud.instance(MAX_ATTEMPTS="1")
    for _ in range(5):
        assert function.walk("anna")["state"] == "parked"

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (6, 1)


def test_calls_above_the_rate_limit_are_parked(cloud: Cloud) -> None:
    cloud.sandbox.faceid.rate_limit = 2
    names = [f"person-{number}" for number in range(4)]
    for name in names:
        cloud.put_pair(name)

    states = [pair["state"] for pair in cloud.instance()({"pairs": names})["pairs"]]

    assert states.count("parked") == len(cloud.markers()) > 0
    assert states.count("published") == cloud.billed


@pytest.mark.parametrize(
    "code",
    ["FailedOperation.LivessSystemError", "FailedOperation.CompareSystemError", "InternalError"],
)
@pytest.mark.parametrize("channel", ["result", "error"])
def test_an_error_of_the_service_is_retried_once_at_once(
    cloud: Cloud, code: str, channel: str
) -> None:
    cloud.put_pair("anna", {"code": code, "channel": channel, "times": 1})
    function = cloud.instance()

    assert function.walk("anna")["status"] == "passed"

    assert cloud.ledger(".claim") == ["1.claim"]
    assert cloud.calls == 2
    assert len(function.clock.slept) == 1


def test_persistent_transient_errors_park_the_pair_and_release_the_attempt(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.LivessSystemError"})

    assert cloud.instance().walk("anna")["state"] == "parked"
    assert cloud.calls == 2
    assert writes(cloud)[-2:] == ["marker", "1.released"]


@pytest.mark.parametrize("code", ["UnauthorizedOperation.Arrears", "AuthFailure.TokenFailure"])
def test_configuration_errors_park_and_raise(cloud: Cloud, code: str) -> None:
    cloud.put_pair("anna", {"code": code, "channel": "error", "times": 1})
    function = cloud.instance()

    with pytest.raises(PairsNotFinishedError, match=code):
        function.walk("anna")

    assert cloud.ledger(".released") == ["1.released"]
    assert len(cloud.markers()) >= 1
    assert function.walk("anna")["status"] == "passed"  # once the operator has fixed it


def test_an_input_replaced_before_the_call_is_judged_in_full(cloud: Cloud) -> None:
    """Both inputs of a call belong to one content: the attempt for the old one is released."""
    cloud.put_pair("anna")
    new = b"the customer's app uploaded again"

    def replace() -> None:
        cloud.put("anna", "live.bin", new)

    cloud.on("POST", DETECT, replace, service="faceid")

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert result["inputs"][0]["size"] == len(new)
    assert cloud.billed == 1
    assert cloud.ledger(".released") == ["1.released"]


def test_an_input_replaced_after_the_call_gets_its_own_result(cloud: Cloud) -> None:
    """The re-inspection finds it: no other event may ever come for the new content."""
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})

    def replace() -> None:
        cloud.put("anna", "live.bin", PACKAGE)

    cloud.on("PUT", "result.json", replace)

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert result["inputs"][0]["size"] == len(PACKAGE)
    assert cloud.calls == 2


def test_a_late_result_of_old_content_gives_way_to_the_newest(cloud: Cloud) -> None:
    """The inputs change while the result of the old content is being published."""
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    other = cloud.instance()

    def replace_input() -> None:
        cloud.sandbox.hooks.clear()
        cloud.put("anna", "live.bin", PACKAGE)

    cloud.on("PUT", "result.json", replace_input)

    cloud.instance().walk("anna")
    other.walk("anna")

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.calls == 2


def test_inputs_deleted_during_the_call_leave_the_pair_waiting(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def delete() -> None:
        cloud.bucket.delete("liveness/incoming/anna/reference.jpg")

    cloud.on("POST", DETECT, delete, service="faceid")

    assert cloud.instance().walk("anna")["state"] == "waiting"
    assert cloud.ledger(".released") == ["1.released"]
    assert cloud.result("anna") is None


def test_inputs_deleted_after_the_call_leave_the_result(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def delete() -> None:
        cloud.bucket.delete("liveness/incoming/anna/reference.jpg")

    cloud.on("PUT", "result.json", delete)

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.result("anna") is not None


@pytest.mark.parametrize("when", ["gone", "changed"])
def test_an_input_deleted_or_replaced_during_hashing_is_not_judged(cloud: Cloud, when: str) -> None:
    cloud.put_pair("anna")
    cloud.client.put_object(
        "faces-1250000000",
        PACKAGE,
        "liveness/incoming/anna/live.bin",
        ServerSideEncryption="cos/kms",
    )

    def interfere() -> None:
        cloud.bucket.delete("liveness/incoming/anna/live.bin")
        if when == "changed":
            cloud.put("anna", "live.bin", b"newer")

    cloud.on("GET", "live.bin", interfere)

    summary = cloud.instance().walk("anna")

    assert summary["state"] == ("waiting" if when == "gone" else "published")
    assert len(cloud.ledger(".claim")) == (0 if when == "gone" else 1)  # hashed before the claim


def test_a_bad_link_to_unchanged_inputs_is_retried_later(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError", "times": 1})
    function = cloud.instance()

    for _ in range(2):
        assert function.walk("anna")["state"] == "parked"
        assert cloud.calls == 1
    cloud.advance(75)

    assert function.walk("anna")["status"] == "passed"
    assert cloud.calls == 2


@pytest.mark.parametrize(
    "instructions",
    [
        {"drop": "after"},
        {"http_status": 502},
        {"body": "<html>"},
        {"body": "[]"},
        {"body": '{"Response": null}'},
        {"response": {"Error": {}}},
        {"response": {"Error": "no object"}},
        {"response": {"Error": {"Code": 7, "Message": None}}},
    ],
)
def test_a_reply_without_an_answer_counts_as_possibly_billed(
    cloud: Cloud, instructions: dict[str, Any]
) -> None:
    cloud.put_pair("anna", {**instructions, "times": 1})
    function = cloud.instance()

    for _ in range(2):
        assert function.walk("anna")["state"] == "parked"
        assert cloud.calls == 1, "no second call before its pause is over"
    cloud.advance(75)
    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"Result": None},
        {"Result": 7},
        {"Result": ""},
        {"Sim": None},
        {"Sim": "96.3"},
        {"Sim": float("nan")},
        {"Sim": float("inf")},
        {"Sim": 250},
        {"Sim": -1},
        {"Sim": True},
        {"Sim": [96.3]},
    ],
)
def test_an_answer_that_violates_the_contract_is_a_final_failure(
    cloud: Cloud, fields: dict[str, Any]
) -> None:
    cloud.put_pair("anna", {"response": fields})
    function = cloud.instance()

    summary = function.walk("anna")

    assert summary["status"] == "failed"
    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == "MalformedAnswer"
    assert result["reason"]["detail"]
    assert result["possibly_billed_calls"] == 1
    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == 1


def test_an_unusual_content_type_does_not_hide_an_error(cloud: Cloud) -> None:
    """The SDK looks for an error only under exactly "application/json"."""
    cloud.put_pair(
        "anna",
        {
            "code": "FailedOperation.LivessDetectFake",
            "channel": "error",
            "content_type": "application/json; charset=utf-8",
        },
    )

    assert cloud.instance().walk("anna")["status"] == "rejected"


def test_a_call_ends_at_its_deadline_and_counts_as_billed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveness.call.CALL_SECONDS", 0.3)
    monkeypatch.setattr("liveness.call.MIN_CALL_SECONDS", 0.1)
    cloud.put_pair("anna")
    end_of_test = threading.Event()
    cloud.on("POST", DETECT, Pause(end_of_test), service="faceid", phase="after")
    function = cloud.instance()

    try:
        assert function.walk("anna")["state"] == "parked"
        cloud.advance(75)
        monkeypatch.undo()
        monkeypatch.setenv("http_proxy", cloud.sandbox.url)
        assert function.walk("anna")["status"] == "passed"
    finally:
        end_of_test.set()

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


@pytest.mark.parametrize("code", [b"RequestLimitExceeded", b"FailedOperation.LivessDetectFake"])
def test_an_error_of_the_upload_url_call_is_not_a_verdict(cloud: Cloud, code: bytes) -> None:
    cloud.put_pair("anna")
    error = b'{"Response": {"Error": {"Code": "%s", "Message": ""}, "RequestId": "r"}}' % code
    reply = Reply(200, body=error, headers={"Content-Type": "application/json"})
    cloud.on("POST", "CreateUploadUrl", reply, service="faceid", times=99)

    assert cloud.instance(TRANSFER="upload").walk("anna")["state"] == "parked"
    assert cloud.calls == 0
    assert cloud.ledger() == []  # prepared before the claim


def test_transient_store_errors_are_retried(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    for method, key in [("HEAD", "live.bin"), ("PUT", "response"), ("PUT", "result.json")]:
        cloud.on(method, key, Reply(503))
        cloud.on(method, key, Drop())

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_failing_pair_does_not_stop_the_others(cloud: Cloud) -> None:
    for name in ("anna", "bert", "cleo"):
        cloud.put_pair(name)
    cloud.on("HEAD", "bert/live.bin", Reply(503), times=99)

    with pytest.raises(PairsNotFinishedError) as raised:
        cloud.instance()({"pairs": ["anna", "bert", "cleo"]})

    assert set(raised.value.failures) == {"bert"}
    assert cloud.result("anna") and cloud.result("cleo") and not cloud.result("bert")
    assert [marker["pair_id"] for marker in cloud.markers()] == ["bert"]


def test_a_rejection_by_cos_names_the_request(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("HEAD", "live.bin", Reply(403), times=99)
    cloud.on("GET", ".liveness-control", Reply(403), times=99)
    with pytest.raises(PairsNotFinishedError, match="COS HEAD"):
        cloud.instance().walk("anna")
