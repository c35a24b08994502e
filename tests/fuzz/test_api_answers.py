"""Odd replies of the face API over HTTP: none passes a person or causes calls beyond the limit.

The request always arrives and counts; only its reply is changed. Afterwards the service recovers,
and the pair must get its result.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz import canaries
from tests.fuzz.examples import examples
from tests.fuzz.harness import MAX_ATTEMPTS, Harness
from tests.fuzz.tampering import Reply, Target
from tests.fuzz.values import (
    ABYSS,
    NUMBERS,
    bytes_like,
    json_values,
    mutations,
    odd_values,
    secret_texts,
)

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # see conftest.py

DETECT = "DetectReflectLivenessAndCompare"
UPLOAD = "CreateUploadUrl"
FRAME = "http://faceid-resource-1250000000.cos.ap-singapore.myqcloud.com/f?" + canaries.SIGNED_QUERY
UNREACHABLE = FRAME.replace("http:", "https:")
SUCCESS = {
    "Response": {
        "Result": "Success",
        "Description": "",
        "Sim": 96.3,
        "BestFrameUrl": FRAME,
        "BestFrameMd5": "0" * 32,
        "RequestId": "6f5a1c1e-0000-4000-8000-000000000000",
    }
}
TARGET = {
    "Response": {
        "UploadUrl": FRAME,
        "ResourceUrl": FRAME,
        "ExpiredTimestamp": 1900000000,
        "RequestId": "r",
    }
}
# Prefixes of pair ids; the second takes six times its length in a log line.
PAIR_PREFIXES = ("pair-", "\x01" * 600)
# Codes that are never billed, final and not.
FREE = (
    "RequestLimitExceeded",
    "InternalError",
    "AuthFailure.SignatureFailure",
    "FailedOperation.DownLoadError",
    "FailedOperation.LivessDetectFail",
    "UnauthorizedOperation",
    "ResourceUnavailable.InArrears",
)


class ScriptedReply(NamedTuple):
    """A reply of the service, and whether its call may be billed."""

    body: bytes
    billed: bool = True
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    cut: int = 0  # number of declared bytes that are missing


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def errors(draw: st.DrawFn) -> ScriptedReply:
    """Draw a well-formed error whose message quotes secrets."""
    code = draw(st.sampled_from(FREE))
    quoted = "cannot use " + draw(secret_texts)
    response: dict[str, Any]
    if draw(st.booleans()):
        response = {"Error": {"Code": code, "Message": quoted}, "RequestId": draw(secret_texts)}
    else:
        response = {
            "Result": code,
            "Description": quoted,
            "Sim": 0,
            "RequestId": draw(secret_texts),
        }
    return ScriptedReply(encoded({"Response": response}), billed=False)


def bodies(valid: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Build valid answers with a defect, and replies that are not answers."""
    return st.one_of(
        mutations(valid, json_values | secret_texts).map(encoded),
        mutations(valid["Response"], secret_texts).map(
            lambda inside: encoded({"Response": inside})
        ),
        st.builds(
            lambda code, text: encoded({"Response": {"Error": {"Code": code, "Message": text}}}),
            secret_texts,
            secret_texts,
        ),
        st.builds(
            lambda code, text: encoded(
                {"Response": valid["Response"] | {"Result": code, "Description": text}}
            ),
            secret_texts,
            secret_texts,
        ),
        st.builds(
            lambda text: encoded({"Response": valid["Response"] | {"DeprecatedWarning": text}}),
            secret_texts,
        ),
        (st.sampled_from(NUMBERS) | odd_values).map(
            lambda value: encoded({"Response": valid["Response"] | {"Sim": value}})
        ),
        st.sampled_from(("BestFrameUrl", "UploadUrl", "ResourceUrl")).map(
            lambda name: encoded({"Response": valid["Response"] | {name: UNREACHABLE}})
        ),
        # The same name twice: a decoder takes the last one.
        st.just(encoded(valid).replace(b'"Sim": 96.3', b'"Sim": 96.3, "Sim": "NaN"')),
        bytes_like(encoded(valid)),
    )


def odd_headers() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.lists(
        st.tuples(
            st.sampled_from(("content-type", "content-encoding", "location", "retry-after", "x")),
            st.sampled_from(
                (
                    "text/html; charset=nowhere",
                    "application/json",
                    "text/event-stream",
                    "gzip",
                    "http://evil.example/?" + canaries.SIGNED_QUERY,
                    "-1",
                    "y" * 9000,
                )
            ),
        ),
        max_size=3,
    ).map(tuple)


def replies(valid: dict[str, Any]) -> st.SearchStrategy[ScriptedReply]:
    ordinary = bodies(valid).map(ScriptedReply)
    return st.one_of(
        errors(),
        ordinary,
        st.builds(
            ScriptedReply,
            bodies(valid) | st.just(encoded(valid)),
            st.just(True),
            st.sampled_from((200, 200, 204, 301, 307, 400, 401, 403, 429, 500, 503, 599)),
            odd_headers(),
            st.integers(0, 5),
        ),
    )


def sequences(valid: dict[str, Any]) -> st.SearchStrategy[list[ScriptedReply]]:
    """Build successive replies; a service in trouble sends the same one several times."""
    repeated = st.tuples(replies(valid), st.sampled_from((1, 1, 2, 4)))
    return st.lists(repeated, min_size=1, max_size=3).map(
        lambda chosen: [reply for reply, times in chosen for _ in range(times)]
    )


class Service:
    """Sends scripted replies, then those of the sandbox; counts the calls that may be billed."""

    def __init__(self, action: str, script: list[ScriptedReply]) -> None:
        self._action = action
        self._script = list(script)
        self.billed = 0
        self.passing = False

    def __call__(self, target: Target, reply: Reply) -> Reply | None:
        if target.action == DETECT and self._action == DETECT and self._script:
            scripted = self._script.pop(0)
            self.billed += scripted.billed
            self.passing = self.passing or _passes(scripted.body)
            return _reply(scripted)
        if target.action == UPLOAD == self._action and self._script:
            return _reply(self._script.pop(0))
        if target.action == DETECT:
            self.billed += 1
            self.passing = True
        return None


def _reply(scripted: ScriptedReply) -> Reply:
    declared = len(scripted.body) + scripted.cut
    headers = (*scripted.headers, ("content-length", str(declared)))
    return Reply(scripted.status, headers, scripted.body)


def _passes(body: bytes) -> bool:
    """Tell whether the body, read strictly, shows a live person who is similar enough."""
    try:
        response = json.loads(body)["Response"]
        similarity = response["Sim"]
        return bool(response["Result"] == "Success" and 70 <= similarity <= 100)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def drive(harness: Harness, service: Service, transfer: str, prefix: str = "pair-") -> None:
    """Invoke the function until the script is used up, and once more."""
    pair_id = harness.fresh(prefix)
    harness.proxy.tamper = service
    for _ in range(4):
        ending = harness.invoke({"pairs": [pair_id]}, transfer)
        harness.let_pauses_pass()
        if ending.states().get(pair_id) in ("published", "done"):
            break
    assert service.billed <= MAX_ATTEMPTS
    harness.proxy.tamper = None
    harness.invoke({"pairs": [pair_id]}, transfer)
    result = harness.result(pair_id)
    assert result is not None
    assert result["status"] != "passed" or service.passing or service.billed == 0
    harness.invoke({"pairs": [pair_id]}, transfer)


@examples(25)
@given(script=sequences(SUCCESS), prefix=st.sampled_from(PAIR_PREFIXES))
@example(script=[ScriptedReply(b"", status=500)] * 5, prefix="pair-")
@example(script=[ScriptedReply(ABYSS)] * 5, prefix="pair-")
@example(script=[ScriptedReply(b'{"Response": {"Result": "Success", "Sim": NaN}}')], prefix="pair-")
@example(
    script=[
        ScriptedReply(
            encoded({"Response": {"Result": PAIR_PREFIXES[1], "RequestId": PAIR_PREFIXES[1]}})
        )
    ],
    prefix=PAIR_PREFIXES[1],
)
def test_odd_detect_replies_neither_pass_nor_exceed_the_limit(
    harness: Harness, script: list[ScriptedReply], prefix: str
) -> None:
    drive(harness, Service(DETECT, script), "presign", prefix)


@examples(8)
@given(sequences(TARGET))
def test_odd_upload_replies_neither_pass_nor_exceed_the_limit(
    harness: Harness, script: list[ScriptedReply]
) -> None:
    drive(harness, Service(UPLOAD, script), "upload")
