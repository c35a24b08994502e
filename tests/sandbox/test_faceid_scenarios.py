"""Scenarios: how a liveness package controls the reply of the face API."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
import requests
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Sandbox

from .clients import DETECT, JPEG, Pair, face_client, md5, wait_until

LowSimilarity = "FailedOperation.CompareLowSimilarity"


def test_any_other_bytes_are_a_live_person(
    sandbox: Sandbox, http: requests.Session, pair: Callable[..., Pair]
) -> None:
    response = pair().judge()
    assert set(response) == {
        "BestFrameUrl",
        "BestFrameMd5",
        "Result",
        "Description",
        "Sim",
        "RequestId",
    }
    assert (response["Result"], response["Description"], response["Sim"]) == (
        "Success",
        "Success",
        96.3,
    )

    frame = http.get(response["BestFrameUrl"]).content
    assert md5(frame) == response["BestFrameMd5"]
    assert frame.startswith(b"\xff\xd8") and frame.endswith(JPEG[2:])
    [call] = sandbox.faceid.calls
    assert call.billed and call.code == "Success" and call.request_id == response["RequestId"]
    assert call.live_url.endswith("/pair/live.bin") and "?" not in call.live_url


@pytest.mark.parametrize("live", [b"{}", b"[1]", b"null", b'{"code": "x"}', b'{"sandbox": 1'])
def test_json_without_the_key_is_not_an_instruction(pair: Callable[..., Pair], live: bytes) -> None:
    assert pair(live=live).judge()["Result"] == "Success"


def test_a_verdict_can_be_returned_in_the_result(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    response = pair(code="FailedOperation.LivessDetectFail", description="no").judge()

    assert response["Result"] == "FailedOperation.LivessDetectFail"
    assert (response["Description"], response["Sim"]) == ("no", 0.0)
    assert (response["BestFrameUrl"], response["BestFrameMd5"]) == ("", "")
    assert sandbox.faceid.billed == []


def test_a_verdict_can_be_returned_as_an_error(sandbox: Sandbox, pair: Callable[..., Pair]) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        pair(code="FailedOperation.LivessDetectFail", channel="error", description="no").judge()
    assert (caught.value.code, caught.value.message) == ("FailedOperation.LivessDetectFail", "no")
    assert [call.code for call in sandbox.faceid.calls] == ["FailedOperation.LivessDetectFail"]


@pytest.mark.parametrize("channel", ["result", "error"])
def test_a_low_similarity_is_billed(
    sandbox: Sandbox, pair: Callable[..., Pair], channel: str
) -> None:
    judged = pair(code=LowSimilarity, sim=12.5, channel=channel)
    if channel == "result":
        assert judged.judge()["Sim"] == 12.5
    else:
        with pytest.raises(TencentCloudSDKException):
            judged.judge()

    assert [call.code for call in sandbox.faceid.billed] == [LowSimilarity]


@pytest.mark.parametrize("sim", [70, 0.0, "96.3", None, -1])
def test_sim_is_returned_as_requested(pair: Callable[..., Pair], sim: object) -> None:
    assert pair(response={"Note": "x"}, sim=sim).judge()["Sim"] == (96.3 if sim is None else sim)


def test_sim_can_be_nan(pair: Callable[..., Pair]) -> None:
    assert math.isnan(pair(live=b'{"sandbox": 1, "sim": NaN}').judge()["Sim"])


def test_a_scenario_can_delay_the_reply(pair: Callable[..., Pair]) -> None:
    started = time.monotonic()
    pair(delay=0.2).judge()

    assert time.monotonic() - started >= 0.2


def test_a_reply_too_slow_for_the_client_is_still_billed(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    judged = pair(delay=0.3)
    client = face_client(sandbox)
    client.request.conn.timeout = 0.1

    with pytest.raises(TencentCloudSDKException, match=r"(?i)timed out"):
        client.call_json(DETECT, judged.params)
    assert sandbox.faceid.calls == []

    wait_until(lambda: sandbox.faceid.billed)


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", '{"Response": null}', '{"Response": {"Result": "Succ']
)
def test_a_malformed_body_is_sent_verbatim(
    sandbox: Sandbox, pair: Callable[..., Pair], body: str
) -> None:
    judged = pair(body=body)
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        judged.judge()
    assert [call.code for call in sandbox.faceid.billed] == ["Success"]


def test_each_pair_has_a_different_frame(pair: Callable[..., Pair]) -> None:
    one, other = pair(live=b"one").judge(), pair(live=b"other").judge()
    assert one["BestFrameMd5"] != other["BestFrameMd5"]


def test_a_reference_that_is_not_a_jpeg_still_yields_one(
    http: requests.Session, pair: Callable[..., Pair]
) -> None:
    frame = http.get(pair(image=b"\x89PNG").judge()["BestFrameUrl"]).content
    assert frame.startswith(b"\xff\xd8\xff") and frame.endswith(b"\xff\xd9")


def test_a_frame_exists_for_two_hours(
    sandbox: Sandbox, http: requests.Session, pair: Callable[..., Pair]
) -> None:
    url = pair().judge()["BestFrameUrl"]
    sandbox.clock.advance(2 * 3600 - 60)
    assert http.get(url).status_code == 200

    sandbox.clock.advance(61)
    assert http.get(url).status_code == 404


def test_the_link_to_a_frame_is_signed(http: requests.Session, pair: Callable[..., Pair]) -> None:
    assert http.get(pair().judge()["BestFrameUrl"].partition("?")[0]).status_code == 403


def test_every_defect_of_a_frame_can_be_produced(
    sandbox: Sandbox, http: requests.Session, pair: Callable[..., Pair]
) -> None:
    def frame(kind: str) -> tuple[requests.Response, str]:
        response = pair(frame=kind).judge()
        return http.get(response["BestFrameUrl"], allow_redirects=False), response["BestFrameMd5"]

    sandbox.faceid.rate_limit = None
    response = pair(frame="none").judge()

    assert (response["BestFrameUrl"], response["BestFrameMd5"]) == ("", "")

    reply, reported_md5 = frame("wrong-md5")
    assert (
        reply.status_code == 200 and md5(reply.content) != reported_md5 and len(reported_md5) == 32
    )

    reply, reported_md5 = frame("md5-string")
    assert reply.status_code == 200 and reported_md5 == "not-an-md5"

    reply, reported_md5 = frame("not-jpeg")
    assert md5(reply.content) == reported_md5 and not reply.content.startswith(b"\xff\xd8")

    reply, reported_md5 = frame("too-large")
    assert md5(reply.content) == reported_md5 and len(reply.content) > 12 * 1024 * 1024
    assert reply.content.startswith(b"\xff\xd8\xff\xfe")

    reply, reported_md5 = frame("missing")
    assert reply.status_code == 404

    reply, reported_md5 = frame("foreign-host")
    assert reply.status_code == 502 and sandbox.requests[-1].service == "unknown"

    reply, reported_md5 = frame("redirect")
    assert reply.status_code == 302 and reply.headers["Location"].startswith(
        "http://frames.example.com/"
    )


@pytest.mark.parametrize(("drop", "counted"), [("before", 0), ("after", 1)])
def test_a_scenario_can_drop_the_connection(
    sandbox: Sandbox, pair: Callable[..., Pair], drop: str, counted: int
) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        pair(drop=drop).judge()
    assert caught.value.code == "ClientNetworkError"
    assert isinstance(caught.value.__context__, requests.ConnectionError)
    assert len(sandbox.faceid.calls) == len(sandbox.faceid.billed) == counted
    assert [request.status for request in sandbox.requests if request.service == "faceid"] == [None]


def test_a_scenario_can_replace_the_http_response(pair: Callable[..., Pair]) -> None:
    with pytest.raises(ValueError):
        pair(body="<html>", content_type="text/html").judge()

    with pytest.raises(TencentCloudSDKException) as caught:
        pair(body="busy", http_status=503).judge()
    assert caught.value.code == "ServerNetworkError"


def test_a_scenario_can_override_response_fields(pair: Callable[..., Pair]) -> None:
    response = pair(response={"Sim": "text", "Result": None, "New": [1]}).judge()
    assert response["Sim"] == "text" and "Result" not in response and response["New"] == [1]


def test_a_scenario_can_be_limited_to_some_calls(
    sandbox: Sandbox, pair: Callable[..., Pair]
) -> None:
    judged = pair(code="FailedOperation.LivessSystemError", times=2)
    results = [judged.judge()["Result"] for _ in range(3)]

    assert results == ["FailedOperation.LivessSystemError"] * 2 + ["Success"]
    assert [call.billed for call in sandbox.faceid.calls] == [False, False, True]
    # Each package is counted separately.
    assert (
        pair(code="FailedOperation.ImageBlur", times=1).judge()["Result"]
        == "FailedOperation.ImageBlur"
    )


@pytest.mark.parametrize(
    "typo",
    [
        {"frames": "none"},
        {"frame": "nothing"},
        {"drop": "now"},
        {"channel": "x"},
        {"code": None},
        {"delay": "2"},
        {"delay": True},
        {"delay": -1},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"http_status": "503"},
        {"http_status": 99},
        {"http_status": 600},
        {"content_type": "text/plain\r\nX-Evil: 1"},
        {"times": -1},
        {"response": ["Sim"]},
        {"times": 1.5},
        {"body": {"Response": {}}},
    ],
)
def test_a_typo_in_a_scenario_is_reported(pair: Callable[..., Pair], typo: dict[str, str]) -> None:
    with pytest.raises(TencentCloudSDKException, match="invalid scenario of the sandbox"):
        pair(**typo).judge()


@pytest.mark.parametrize("depth", [50, 400, 900, 50_000])
def test_a_deeply_nested_scenario_is_no_traceback(pair: Callable[..., Pair], depth: int) -> None:
    live = b'{"sandbox": true, "response": {"a": %s%s}}' % (b"[" * depth, b"]" * depth)

    try:
        judged = pair(live).judge()
    except TencentCloudSDKException as error:
        assert "invalid scenario of the sandbox" in str(error)
    else:
        assert judged["Result"] == "Success"
