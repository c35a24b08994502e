"""Step 3: what the service or the network may do to a call."""

from __future__ import annotations

from typing import Any

import pytest

from liveness.errors import PairsNotFinished
from liveness_sandbox import Delay, Drop, Reply
from tests.conftest import PACKAGE, Cloud

DETECT = "DetectReflectLivenessAndCompare"


def writes(cloud: Cloud) -> list[str]:
    """What was written below the ledger, in order, by what it is."""
    kinds = []
    for request in cloud.sandbox.requests:
        if request.method == "PUT" and "liveness/ledger/" in (request.key or ""):
            name = request.key.rpartition("/")[2]
            kinds.append("marker" if "/pending/" in request.key else name)
    return kinds


def test_throttled_parks_first_and_then_releases(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    function = cloud.instance()

    assert function.walk("anna")["state"] == "parked"

    assert writes(cloud)[-2:] == ["marker", "1.released"]
    assert cloud.calls == 1  # no waiting in place, no second try
    assert cloud.result("anna") is None


def test_a_released_number_is_never_used_again_and_does_not_count(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.RequestLimitExceeded", "times": 5})
    function = cloud.instance(MAX_ATTEMPTS="1")
    for _ in range(5):
        assert function.walk("anna")["state"] == "parked"

    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (6, 1)


def test_the_sets_limit_is_met_by_parking(cloud: Cloud) -> None:
    cloud.sandbox.faceid.rate_limit = 2
    names = [f"person-{number}" for number in range(4)]
    for name in names:
        cloud.put_pair(name)
    states = [pair["state"] for pair in cloud.instance()({"pairs": names})["pairs"]]
    assert states.count("parked") == len(cloud.markers()) > 0
    assert states.count("published") == cloud.billed


@pytest.mark.parametrize(
    "code",
    ["FailedOperation.LivessSystemError", "FailedOperation.DownLoadTimeoutError", "InternalError"],
)
@pytest.mark.parametrize("channel", ["result", "error"])
def test_transient_is_tried_again_under_the_same_claim(
    cloud: Cloud, code: str, channel: str
) -> None:
    cloud.put_pair("anna", {"code": code, "channel": channel, "times": 2})
    function = cloud.instance()

    assert function.walk("anna")["status"] == "passed"

    assert cloud.ledger(".claim") == ["1.claim"]
    assert cloud.calls == 3
    assert len(function.clock.slept) == 2


def test_transient_that_does_not_pass_is_set_back(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.LivessSystemError"})
    assert cloud.instance().walk("anna")["state"] == "parked"
    assert cloud.calls == 3
    assert writes(cloud)[-2:] == ["marker", "1.released"]


@pytest.mark.parametrize("code", ["UnauthorizedOperation.Arrears", "AuthFailure.TokenFailure"])
def test_configuration_errors_park_and_raise(cloud: Cloud, code: str) -> None:
    cloud.put_pair("anna", {"code": code, "channel": "error", "times": 1})
    function = cloud.instance()

    with pytest.raises(PairsNotFinished, match=code):
        function.walk("anna")

    assert cloud.ledger(".released") == ["1.released"]
    assert len(cloud.markers()) >= 1
    assert function.walk("anna")["status"] == "passed"  # once the operator has mended it


def test_an_object_replaced_between_look_and_call_is_never_judged_by_halves(cloud: Cloud) -> None:
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


def test_an_object_replaced_after_the_call_gets_a_result_of_its_own(cloud: Cloud) -> None:
    # The second look: nobody else may ever be woken for the new content.
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})

    def replace() -> None:
        cloud.put("anna", "live.bin", PACKAGE)

    cloud.on("PUT", "result.json", replace)

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert result["inputs"][0]["size"] == len(PACKAGE)
    assert cloud.calls == 2


def test_a_late_publisher_of_old_content_puts_the_newest_back(cloud: Cloud) -> None:
    # While we publish the old content's result, another instance published the new one's.
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    other = cloud.instance()

    def new_content_is_finished() -> None:
        cloud.sandbox.hooks.clear()
        cloud.put("anna", "live.bin", PACKAGE)

    cloud.on("PUT", "result.json", new_content_is_finished)
    cloud.instance().walk("anna")
    other.walk("anna")

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.calls == 2


def test_inputs_that_go_while_called_end_in_waiting(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def delete() -> None:
        cloud.bucket.delete("liveness/incoming/anna/reference.jpg")

    cloud.on("POST", DETECT, delete, service="faceid")

    assert cloud.instance().walk("anna")["state"] == "waiting"
    assert cloud.ledger(".released") == ["1.released"]
    assert cloud.result("anna") is None


def test_inputs_that_go_after_the_call_leave_the_result(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def delete() -> None:
        cloud.bucket.delete("liveness/incoming/anna/reference.jpg")

    cloud.on("PUT", "result.json", delete)

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.result("anna") is not None


@pytest.mark.parametrize("when", ["gone", "changed"])
def test_an_input_that_goes_or_changes_while_it_is_hashed(cloud: Cloud, when: str) -> None:
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
    ended = cloud.instance().walk("anna")

    assert ended["state"] == ("waiting" if when == "gone" else "published")
    assert cloud.ledger(".released") == ["1.released"]


def test_a_bad_link_of_unchanged_inputs_is_transient_not_final(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError", "times": 1})
    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.ledger(".claim") == ["1.claim"]


@pytest.mark.parametrize(
    "lost",
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
def test_a_reply_that_says_nothing_may_have_been_billed(cloud: Cloud, lost: dict[str, Any]) -> None:
    cloud.put_pair("anna", {**lost, "times": 1})
    assert cloud.instance().walk("anna")["status"] == "passed"
    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


@pytest.mark.parametrize(
    "broken",
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
def test_an_answer_outside_the_contract_is_final_and_passes_nobody(
    cloud: Cloud, broken: dict[str, Any]
) -> None:
    cloud.put_pair("anna", {"response": broken})
    function = cloud.instance()

    ended = function.walk("anna")

    assert ended["status"] == "failed"
    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == "MalformedAnswer"
    assert result["reason"]["detail"]
    assert result["possibly_billed_calls"] == 1
    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == 1


def test_odd_content_type_does_not_hide_an_error(cloud: Cloud) -> None:
    # The SDK looks for an Error only under exactly "application/json".
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
    monkeypatch.setattr("liveness.call.LEAST_CALL_SECONDS", 0.1)
    cloud.put_pair("anna")
    cloud.on("POST", DETECT, Delay(1.0), service="faceid", phase="after")  # type: ignore[arg-type]

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


@pytest.mark.parametrize("code", [b"RequestLimitExceeded", b"FailedOperation.LivessDetectFake"])
def test_errors_of_upload_urls_are_no_verdicts(cloud: Cloud, code: bytes) -> None:
    cloud.put_pair("anna")
    error = b'{"Response": {"Error": {"Code": "%s", "Message": ""}, "RequestId": "r"}}' % code
    reply = Reply(200, body=error, headers={"Content-Type": "application/json"})
    cloud.on("POST", "CreateUploadUrl", reply, service="faceid", times=99)

    assert cloud.instance(TRANSFER="upload").walk("anna")["state"] == "parked"
    assert cloud.calls == 0
    assert cloud.ledger(".released") == ["1.released"]


def test_a_store_that_stumbles_is_asked_again(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    for method, key in [("HEAD", "live.bin"), ("PUT", "response"), ("PUT", "result.json")]:
        cloud.on(method, key, Reply(503))
        cloud.on(method, key, Drop())
    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_one_pair_that_fails_does_not_stop_the_others(cloud: Cloud) -> None:
    for name in ("anna", "bert", "cleo"):
        cloud.put_pair(name)
    cloud.on("HEAD", "bert/live.bin", Reply(503), times=99)

    with pytest.raises(PairsNotFinished) as raised:
        cloud.instance()({"pairs": ["anna", "bert", "cleo"]})

    assert set(raised.value.failures) == {"bert"}
    assert cloud.result("anna") and cloud.result("cleo") and not cloud.result("bert")
    assert [marker["pair_id"] for marker in cloud.markers()] == ["bert"]


@pytest.mark.parametrize("status", [403, 400])
def test_a_refusal_by_cos_names_the_remedy(cloud: Cloud, status: int) -> None:
    cloud.put_pair("anna")
    cloud.on("HEAD", "live.bin", Reply(status), times=99)
    with pytest.raises(PairsNotFinished, match="COS HEAD"):
        cloud.instance().walk("anna")
