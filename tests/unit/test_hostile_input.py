"""Values from outside that are malicious or unexpected."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from liveness.cloud.system import ThreadConcurrency
from liveness.errors import SettingsError
from liveness.events import read_event
from liveness.face_api import Answer, read_detect_reply
from liveness.settings import read_settings
from liveness.urls import cos_url_problem
from liveness.verdicts import outcome_of_answer
from tests.unit.test_events import SETTINGS, message

HOST = "faces-1.cos.ap-singapore.myqcloud.com"
URL_FRAGMENTS = [
    "http:", "https:", "//", "/", "\\", "@", ":", "#", "?", ".", ";", ":80", "a", " ", "\t",
    "\n", "\x00", "%00", "%40", "%2f", "[", "]", "::1", "。", "．", "\u2100", "ＡＢ",
    "evil.example", HOST,
]  # fmt: skip


@settings(max_examples=500)
@given(
    st.lists(st.sampled_from(URL_FRAGMENTS), max_size=3),
    st.lists(st.sampled_from(URL_FRAGMENTS), max_size=3),
)
def test_every_accepted_url_leads_to_a_cos_host(before: list[str], after: list[str]) -> None:
    """The host that the HTTP library reads from the URL is the one that counts."""
    url = "http://" + "".join(before) + HOST + "".join(after)
    if cos_url_problem(url, "http", "ap-singapore"):
        return
    try:
        prepared = requests.Request("GET", url).prepare().url
        target = parse_url(prepared or "")
    except ValueError:
        return  # no request is made

    assert (target.host or "").endswith(HOST)
    assert target.port is None and target.auth is None


@pytest.mark.parametrize("digits", [309, 1000])
def test_a_similarity_beyond_float_range_violates_the_contract(digits: int) -> None:
    answer = read_detect_reply({"Response": {"Result": "Success", "Sim": 10**digits}})

    assert isinstance(answer, Answer)
    assert answer.contract_violation
    assert outcome_of_answer(answer, 70).status == "failed"


@pytest.mark.parametrize(
    ("field", "value"),
    [("s3Region", "sgp"), ("cosRegion", "sg"), ("s3Region", ""), ("appid", 1250000000)],
)
def test_unexpected_values_of_informational_fields_lose_no_pair(field: str, value: object) -> None:
    event: Any = message("liveness/incoming/anna/live.bin")
    event["Records"][0]["cos"]["cosBucket"][field] = value

    assert read_event(SETTINGS, event).pair_ids == ("anna",)


@pytest.mark.parametrize("name", ["INPUT_PREFIX", "LIVE_SUFFIXES", "RESULT_PREFIX"])
def test_a_setting_that_is_not_valid_text_is_reported_by_name(name: str) -> None:
    """Python reads environment bytes that are not UTF-8 as lone surrogates."""
    environ = {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
    with pytest.raises(SettingsError, match=name):
        read_settings(environ | {f"LIVENESS_{name}": "in\udcff/"})


def test_a_hanging_task_does_not_block_others() -> None:
    end_of_test = threading.Event()
    threads = ThreadConcurrency(1)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            threads.with_timeout(lambda: end_of_test.wait(10), 0.01)
    try:
        assert threads.with_timeout(lambda: "done", 5) == "done"
        assert threads.with_timeout(lambda: threads.gather(lambda: 1, lambda: 2), 5) == [1, 2]
    finally:
        end_of_test.set()
