"""Reading the replies of the face API: no malformed reply may pass a person."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

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
