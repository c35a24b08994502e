"""Reading the replies of the face API: no malformed reply may pass a person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness import face_api
from liveness.face_api import (
    Answer,
    NoReply,
    NotSent,
    UploadTarget,
    read_detect_reply,
    read_upload_reply,
)
from liveness.verdicts import outcome_of_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ["Result", "Sim", "Description", "BestFrameUrl", "BestFrameMd5", "RequestId", "Error"]
SUCCESS = {"Result": "Success", "Sim": 96.3, "RequestId": "r", "BestFrameUrl": "http://x"}


def test_the_example_in_the_documentation_passes() -> None:
    answer = read_detect_reply({"Response": SUCCESS})

    assert isinstance(answer, Answer)
    assert outcome_of_answer(answer, 70).status == "passed"
    assert outcome_of_answer(answer, 96.4).status == "rejected"


def test_success_as_an_error_code_does_not_pass() -> None:
    answer = read_detect_reply({"Response": {"Error": {"Code": "Success"}, "Sim": 99}})

    assert isinstance(answer, Answer)
    assert outcome_of_answer(answer, 70).status == "failed"


@given(JSON)
def test_any_reply_is_an_answer_or_no_reply(reply: object) -> None:
    assert isinstance(read_detect_reply(reply), (Answer, NoReply))
    assert isinstance(read_upload_reply(reply), (Answer, NotSent, UploadTarget))


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.floats(0, 100))
def test_only_success_with_a_sufficient_similarity_passes(
    changes: dict[str, Any], threshold: float
) -> None:
    response = SUCCESS | changes
    answer = read_detect_reply({"Response": response})
    if isinstance(answer, NoReply):
        return
    assert json.dumps(answer._asdict()).encode()  # it can be stored
    if outcome_of_answer(answer, threshold).status == "passed":
        similarity = response["Sim"]
        assert response["Result"] == "Success" and "Error" not in response
        assert isinstance(similarity, (int, float)) and not isinstance(similarity, bool)
        assert threshold <= similarity <= 100


# ---- texts, which may quote links and signatures, and may be of any length

LINK = "http://b.cos.ap-singapore.myqcloud.com/k?q-sign-algorithm=sha1&token=" + "SECRET" * 20


def cleaned(text: str) -> str:
    answer = read_detect_reply({"Response": {"Result": "X", "Description": text}})
    assert isinstance(answer, Answer)
    return answer.description


class Counting:
    """A pattern that counts the characters it is given."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern
        self.characters = 0

    def sub(self, replacement: str, text: str) -> str:
        self.characters += len(text)
        result: str = self._pattern.sub(replacement, text)
        return result


@pytest.mark.parametrize("unit", ["x", "x ", "://", "\n", "人"])
def test_cleaning_handles_a_bounded_number_of_characters(
    monkeypatch: pytest.MonkeyPatch, unit: str
) -> None:
    """Between a paid answer and its record; the pattern takes time that grows with the square."""
    counting = Counting(face_api._SECRET)
    monkeypatch.setattr(face_api, "_SECRET", counting)

    assert len(cleaned(unit * 500_000)) <= 500

    assert counting.characters <= 2 * 2000 + len("Xrequest")


@pytest.mark.parametrize("before", [*range(380, 520, 7), *range(1800, 2020, 5)])
@pytest.mark.parametrize("secret", [LINK, "S" * 60, "AKID" + "SECRET" * 5])
def test_no_secret_survives_at_the_cut(before: int, secret: str) -> None:
    text = ("word " * 1000)[:before].rstrip() + " " + secret + " tail" * 1000

    output = cleaned(text)

    for part in ("SECRET", "q-sign", "SSSS", "://", "AKID"):
        assert part not in output


def test_a_text_without_spaces_is_dropped_rather_than_cut() -> None:
    assert "SECRET" not in cleaned("x" * 1990 + "SECRET" * 9000)
