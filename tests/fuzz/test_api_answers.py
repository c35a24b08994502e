"""Whatever the face API says over HTTP: nobody passes by it, nothing is paid for beyond the limit.

The request always arrives and counts; only what comes back is changed. Afterwards the service
speaks sense again, and the pair must come to an end.
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
from tests.fuzz.tampering import Asked, Reply
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
# How pair ids begin; one takes six times its length in a log line.
FRONTS = ("pair-", "\x01" * 600)
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


class Said(NamedTuple):
    """What the service is made to say, and whether the call behind it may be billed."""

    body: bytes
    billed: bool = True
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    cut: int = 0  # so many bytes fewer than are declared


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def errors(draw: st.DrawFn) -> Said:
    """A well-formed error, with a message that quotes what it should not."""
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
    return Said(encoded({"Response": response}), billed=False)


def bodies(sound: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Sound answers with something wrong in them, and answers that are none."""
    return st.one_of(
        mutations(sound, json_values | secret_texts).map(encoded),
        mutations(sound["Response"], secret_texts).map(
            lambda inside: encoded({"Response": inside})
        ),
        st.builds(
            lambda code, text: encoded({"Response": {"Error": {"Code": code, "Message": text}}}),
            secret_texts,
            secret_texts,
        ),
        st.builds(
            lambda code, text: encoded(
                {"Response": sound["Response"] | {"Result": code, "Description": text}}
            ),
            secret_texts,
            secret_texts,
        ),
        st.builds(
            lambda text: encoded({"Response": sound["Response"] | {"DeprecatedWarning": text}}),
            secret_texts,
        ),
        (st.sampled_from(NUMBERS) | odd_values).map(
            lambda value: encoded({"Response": sound["Response"] | {"Sim": value}})
        ),
        st.sampled_from(("BestFrameUrl", "UploadUrl", "ResourceUrl")).map(
            lambda name: encoded({"Response": sound["Response"] | {name: UNREACHABLE}})
        ),
        # The same name twice: a decoder takes the last one.
        st.just(encoded(sound).replace(b'"Sim": 96.3', b'"Sim": 96.3, "Sim": "NaN"')),
        bytes_like(encoded(sound)),
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


def answers(sound: dict[str, Any]) -> st.SearchStrategy[Said]:
    sensible = bodies(sound).map(Said)
    return st.one_of(
        errors(),
        sensible,
        st.builds(
            Said,
            bodies(sound) | st.just(encoded(sound)),
            st.just(True),
            st.sampled_from((200, 200, 204, 301, 307, 400, 401, 403, 429, 500, 503, 599)),
            odd_headers(),
            st.integers(0, 5),
        ),
    )


def sequences(sound: dict[str, Any]) -> st.SearchStrategy[list[Said]]:
    """What is said one after the other; a service in trouble says the same several times."""
    repeated = st.tuples(answers(sound), st.sampled_from((1, 1, 2, 4)))
    return st.lists(repeated, min_size=1, max_size=3).map(
        lambda some: [said for said, times in some for _ in range(times)]
    )


class Service:
    """Says one thing after the other, then what the sandbox says; counts what may be billed."""

    def __init__(self, action: str, said: list[Said]) -> None:
        self._action = action
        self._said = list(said)
        self.billed = 0
        self.passing = False

    def __call__(self, asked: Asked, reply: Reply) -> Reply | None:
        if asked.action == DETECT and self._action == DETECT and self._said:
            said = self._said.pop(0)
            self.billed += said.billed
            self.passing = self.passing or _passes(said.body)
            return _reply(said)
        if asked.action == UPLOAD == self._action and self._said:
            return _reply(self._said.pop(0))
        if asked.action == DETECT:
            self.billed += 1
            self.passing = True
        return None


def _reply(said: Said) -> Reply:
    declared = len(said.body) + said.cut
    return Reply(said.status, (*said.headers, ("content-length", str(declared))), said.body)


def _passes(body: bytes) -> bool:
    """Whether a careful reader sees a live person in it who is similar enough."""
    try:
        response = json.loads(body)["Response"]
        similarity = response["Sim"]
        return bool(response["Result"] == "Success" and 70 <= similarity <= 100)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def drive(harness: Harness, service: Service, transfer: str, front: str = "pair-") -> None:
    """Wake the function until nothing is left to be said, and once more."""
    pair_id = harness.fresh(front)
    harness.proxy.tamper = service
    for _ in range(4):
        ending = harness.invoke({"pairs": [pair_id]}, transfer)
        harness.end_leases()
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
@given(said=sequences(SUCCESS), front=st.sampled_from(FRONTS))
@example(said=[Said(b"", status=500)] * 5, front="pair-")
@example(said=[Said(ABYSS)] * 5, front="pair-")
@example(said=[Said(b'{"Response": {"Result": "Success", "Sim": NaN}}')], front="pair-")
@example(
    said=[Said(encoded({"Response": {"Result": FRONTS[1], "RequestId": FRONTS[1]}}))],
    front=FRONTS[1],
)
def test_odd_detect_replies_neither_pass_nor_exceed_the_limit(
    harness: Harness, said: list[Said], front: str
) -> None:
    drive(harness, Service(DETECT, said), "presign", front)


@examples(8)
@given(sequences(TARGET))
def test_odd_upload_replies_neither_pass_nor_exceed_the_limit(
    harness: Harness, said: list[Said]
) -> None:
    drive(harness, Service(UPLOAD, said), "upload")
