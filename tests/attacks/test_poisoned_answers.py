"""Answers in FaceID's place: they pass nobody, lead nowhere, and harm nobody who reads them."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import Any

import pytest

from liveness_sandbox import Reply
from tests.cli.conftest import Command, empty_working_directory, liveness
from tests.conftest import BUCKET, JPEG, Cloud

from .cast import Cast, photo_key

__all__ = ["empty_working_directory", "liveness"]

SECRET = "q-sign-algorithm=sha1&q-ak=AKIDcanary&q-signature=c0ffee"
POISON = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202egpj\u2066\u200b\u2028"
    "<script>alert(document.cookie)</script>"
    f" see https://evil.example/?{SECRET} or {'k' * 60}\r\n"
    '{"event": "pair.finished", "status": "passed"}'
)
HUGE, LONG_WORD = "many words, " * 8_000, "A" * 100_000
UNLIKE = "FailedOperation.CompareLowSimilarity"


def answered(cast: Cast, **response: Any) -> dict[str, Any]:
    """Have anna judged with an answer that has these fields; return her result."""
    cast.cloud.put_pair("anna", {"response": response})
    cast.wake("anna")
    return cast.result("anna")


def everything_shown(
    cast: Cast, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Return what others read of it: the result, the log, and what an operator's terminal shows."""
    environment = cast.cloud.sandbox.client_environment("viewer")
    for name, value in {**environment, **cast.environ, "LIVENESS_ENDPOINT_SCHEME": "http"}.items():
        monkeypatch.setenv(name, value)
    stored = cast.cloud.stored("liveness/results/anna/result.json")
    shown = {
        "result.json": stored.body().decode(),
        "its headers": str({**stored.metadata, **stored.headers}),
        "log": "".join(cast.function.lines),
        **{" ".join(arguments): liveness(*arguments).output
           for arguments in (("explain", "anna"), ("explain", "anna", "--json"), ("status",))},
    }  # fmt: skip
    return shown


@pytest.mark.parametrize(
    "text", [POISON, POISON + HUGE, LONG_WORD], ids=["short", "long", "one word"]
)
def test_texts_of_an_answer_bring_nothing_with_them(
    cast: Cast, liveness: Command, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """No control character, no link, no secret, and no more than a line or two."""
    result = answered(
        cast,
        Result=UNLIKE,
        Description=text,
        RequestId=text,
        BestFrameMd5=text,
        Sim=12.5,
    )

    assert result["status"] == "rejected"
    for name, shown in everything_shown(cast, liveness, monkeypatch).items():
        assert shown.replace("\n", "").isprintable(), name
        for secret in ("evil.example", "AKIDcanary", "c0ffee", "k" * 60, "A" * 100):
            assert secret not in shown, (name, secret)
        assert len(shown) < 20_000, name
    for line in cast.function.lines:
        assert "status" not in json.loads(line) or json.loads(line)["status"] != "passed"


@pytest.mark.parametrize(
    "code",
    ["success", "Success ", "Success\x00", "\u202esseccuS", "Ｓuccess", "", POISON, HUGE, None, 1],
    ids=lambda code: ascii(code)[:20],
)
def test_only_the_very_word_passes(cast: Cast, code: Any) -> None:
    cast.cloud.put_pair("anna", {"response": {"Result": code, "Sim": 99.0}})
    cast.wake("anna")

    stored = cast.cloud.result("anna")
    assert stored is None or stored["status"] != "passed"


@pytest.mark.parametrize(
    "similarity",
    [-1, 100.01, 1e308, 10**400, "99", True, None, [99], {"value": 99}],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_similarity_passes_under_no_threshold(cloud: Cloud, similarity: Any) -> None:
    with closing(Cast(cloud, SIM_THRESHOLD="0")) as cast:
        assert answered(cast, Result="Success", Sim=similarity)["status"] != "passed"


def test_a_similarity_below_the_threshold_does_not_pass(cast: Cast) -> None:
    """Whatever the service says of it."""
    assert answered(cast, Result="Success", Sim=69.99)["status"] != "passed"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-0.0"])
def test_no_number_that_json_does_not_have_passes(cast: Cast, number: str) -> None:
    body = f'{{"Response": {{"Result": "Success", "Sim": {number}, "RequestId": "r"}}}}'
    cast.cloud.put_pair("anna", {"body": body})
    cast.wake("anna")

    stored = cast.cloud.result("anna")
    assert stored is None or stored["status"] != "passed"


@pytest.mark.parametrize(
    "body",
    [
        '{"Response": {"Result": "Success", "Sim": 99, "Error": {"Code": "InternalError"}}}',
        '{"Response": {"Result": "Success", "Sim": 99, "Result": "Failed"}}',
        '[{"Response": {"Result": "Success", "Sim": 99}}]',
        '{"response": {"Result": "Success", "Sim": 99}}',
        "<html><body>Success 99</body></html>",
        "[" * 5000,
        "",
    ],
    ids=lambda body: body[:30],
)
def test_no_contradicting_or_malformed_answer_passes(cast: Cast, body: str) -> None:
    cast.cloud.put_pair("anna", {"body": body, "times": 1_000})
    cast.wake("anna")

    stored = cast.cloud.result("anna")
    assert stored is None or stored["status"] != "passed"


# ---- where its links lead

FRAME_MD5 = hashlib.md5(JPEG).hexdigest()
OUR_HOSTS = (f"{BUCKET}.cos.ap-singapore.myqcloud.com", "faceid.intl.tencentcloudapi.com")
ELSEWHERE = (
    "http://faceid-resource-1250000000.cos.ap-hongkong.myqcloud.com/frame",
    "http://faces-1250000000.cos.ap-singapore.myqcloud.com.evil.example/frame",
    "http://faces-1250000000.cos.ap-singapore.myqcloud.com@evil.example/frame",
    "http://evil.example\\@faces-1250000000.cos.ap-singapore.myqcloud.com/frame",
    "http://faces-1250000000.cos.ap-singapore.myqcloud.com:8080/frame",
    "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/",
    "http://169.254.0.23/latest",
    "http://127.0.0.1/_sandbox/environment",
    "ftp://faces-1250000000.cos.ap-singapore.myqcloud.com/frame",
    "file:///etc/passwd",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_link_of_an_answer_leads_out_of_the_regions_store(cast: Cast, url: str) -> None:
    result = answered(cast, Result="Success", Sim=96.0, BestFrameUrl=url, BestFrameMd5=FRAME_MD5)

    assert result["status"] == "passed"
    assert result["best_frame"]["key"] is None
    assert not [each for each in cast.cloud.sandbox.requests if each.host not in OUR_HOSTS]
    assert url not in cast.cloud.stored("liveness/results/anna/result.json").body().decode()


def test_a_link_of_an_answer_is_not_followed_with_the_functions_keys(cast: Cast) -> None:
    """It names another person's photo in the function's own bucket, which is private."""
    cast.cloud.put_pair("bert")
    url = f"http://{BUCKET}.cos.ap-singapore.myqcloud.com/{photo_key('bert')}"

    result = answered(cast, Result="Success", Sim=96.0, BestFrameUrl=url, BestFrameMd5=FRAME_MD5)

    assert result["best_frame"]["key"] is None
    fetched = [
        request
        for request in cast.cloud.sandbox.requests
        if request.key == photo_key("bert") and request.method == "GET"
    ]
    assert [request.auth for request in fetched] == ["none"] * len(fetched)
    assert fetched, "it was tried, without a signature"


@pytest.mark.parametrize("frame", ["wrong-md5", "not-jpeg", "too-large", "redirect"])
def test_nothing_but_the_announced_picture_becomes_a_best_frame(cast: Cast, frame: str) -> None:
    cast.cloud.put_pair("anna", {"frame": frame})
    cast.wake("anna")

    assert cast.result("anna")["best_frame"]["key"] is None
    assert cast.cloud.bucket.keys("liveness/frames/") == []
    assert [each for each in cast.cloud.sandbox.requests if each.service == "unknown"] == []


@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_face_is_sent_to_a_link_out_of_the_regions_store(cloud: Cloud, url: str) -> None:
    """With LIVENESS_TRANSFER=upload the function puts both inputs where the service says."""
    target = {"UploadUrl": url, "ResourceUrl": url, "ExpiredTimestamp": 1, "RequestId": "r"}
    body = json.dumps({"Response": target}).encode()
    reply = Reply(200, body, {"Content-Type": "application/json"})
    with closing(Cast(cloud, TRANSFER="upload")) as cast:
        cloud.put_pair("anna")
        cloud.on("POST", "CreateUploadUrl", reply, service="faceid", times=99)

        assert cast.wake("anna")["state"] == "parked"

        assert not [each for each in cloud.sandbox.requests if each.host not in OUR_HOSTS]
        writes = [each.key for each in cloud.sandbox.requests if each.method == "PUT"]
        assert writes and all(key.startswith("liveness/ledger/") for key in writes)
        assert cloud.calls == 0
        assert "evil" not in "".join(cast.function.lines)
