"""Decisions: exactly what was shown is decided on, once, by who holds the keys."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from liveness_sandbox import Drop, Reply
from tests.conftest import BUCKET, JPEG, Cloud
from tests.page.conftest import Answer, Judge, Reviewing, Start, picture


class OpenPair:
    """A pair in a reviewer's browser: the page was loaded, and its pictures too."""

    def __init__(self, page: Reviewing, pair_id: str, *, with_pictures: bool = True) -> None:
        self.page = page
        self.text = page.ask(f"{page.gate.folder}pair?{urlencode({'id': pair_id})}").text
        self.view = self.text.split('name="view" value="')[1].split('"')[0]
        self.pair_id = pair_id
        for name in ("reference", "frame") if with_pictures else ():
            if f"/{name}" in self.text:
                assert self.picture(name).status == 200

    def picture(self, name: str) -> Answer:
        return self.page.ask(f"{self.page.gate.folder}picture/{self.view}/{name}")

    def decide(self, choice: str, note: str = "") -> Answer:
        form = {
            "form_token": self.page.gate.form_token,
            "view": self.view,
            "pair": self.pair_id,
            "choice": choice,
            "note": note,
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.page.gate.origin,
        }
        return self.page.ask(f"{self.page.gate.folder}decide", "POST", urlencode(form), headers)


@pytest.fixture
def page(start: Start) -> Reviewing:
    return start()


def test_a_decision_names_who_and_exactly_what(page: Reviewing, judge: Judge) -> None:
    result = judge("p", {"sim": 71})
    answer = OpenPair(page, "p").decide("approve/same-person", "  clear \x07 match ")
    assert answer.status == 303
    (decision,) = page.decisions("p")
    stored = page.cloud.stored("liveness/results/p/result.json").body()
    frame = page.cloud.stored(result["best_frame"]["key"]).body()
    assert decision["decision"] == "approve"
    assert decision["reason"] == {"code": "same-person", "note": "clear match"}
    assert decision["shown"]["fingerprint"] == result["fingerprint"]
    assert decision["shown"]["result_sha256"] == hashlib.sha256(stored).hexdigest()
    assert decision["shown"]["reference"]["sha256"] == hashlib.sha256(JPEG).hexdigest()
    assert decision["shown"]["best_frame"]["sha256"] == hashlib.sha256(frame).hexdigest()
    assert decision["reviewer"]["type"] == "CAMUser"
    assert page.cloud.stored("liveness/results/p/result.json").body() == stored
    page.refresh()
    row = page.server.results.index.result("p")
    assert row is not None
    assert (row.decision, row.judged) == ("approve", "genuine")


def test_the_form_sent_twice_stores_one_decision(page: Reviewing, judge: Judge) -> None:
    judge("p")
    pair = OpenPair(page, "p")
    assert [pair.decide("reject/not-live").status for _ in range(2)] == [303, 303]
    assert len(page.decisions("p")) == 1


def test_a_lost_reply_to_the_write_stores_one_decision(page: Reviewing, judge: Judge) -> None:
    judge("p")
    page.cloud.on("PUT", "review-1.json", Drop(), phase="after")
    assert OpenPair(page, "p").decide("reject/not-live").status == 303
    assert len(page.decisions("p")) == 1


def test_two_reviewers_at_once_are_both_kept(start: Start, judge: Judge) -> None:
    judge("p")
    lin, tan = start("lin"), start("tan")
    first, second = OpenPair(lin, "p"), OpenPair(tan, "p")
    assert first.decide("approve/same-person").status == 303
    assert second.decide("reject/different-person").status == 303
    decisions = lin.decisions("p")
    assert [decision["number"] for decision in decisions] == [1, 2]
    assert len({decision["reviewer"]["arn"] for decision in decisions}) == 2
    assert "Reviewers disagree" in OpenPair(lin, "p").text


@pytest.mark.parametrize("number", [2, 999_999_999])
def test_an_object_far_ahead_of_all_others_hides_no_decision(
    page: Reviewing, judge: Judge, number: int
) -> None:
    """Consumers read decisions one after another, up to the first number that is missing."""
    judge("p")
    page.cloud.bucket.put(f"liveness/results/p/review-{number}.json", b"{}")
    assert OpenPair(page, "p").decide("reject/not-live").status == 303
    stored = page.cloud.stored("liveness/results/p/review-1.json").body()
    assert json.loads(stored)["number"] == 1


def test_a_decision_whose_metadata_cannot_be_read_is_shown_as_damaged(
    page: Reviewing, judge: Judge
) -> None:
    judge("p")
    many = {f"x-cos-meta-{number}": "1" for number in range(101)}
    page.cloud.client.put_object(BUCKET, b"{}", "liveness/results/p/review-1.json", Metadata=many)
    assert OpenPair(page, "p").decide("reject/not-live").status == 303
    text = OpenPair(page, "p").text
    assert "review-1.json is not as this page writes it" in text and "Not a live person" in text


def test_a_number_that_the_listing_does_not_show_yet_is_not_overwritten(
    page: Reviewing, judge: Judge
) -> None:
    judge("p")
    pair = OpenPair(page, "p")
    other = OpenPair(page, "p")
    assert other.decide("reject/not-live").status == 303
    empty = (
        '<?xml version="1.0"?><ListBucketResult><Name>x</Name><Prefix/><Marker/><MaxKeys>1000'
        "</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>"
    )

    def hide(request: Any, phase: str) -> Reply | None:
        is_listing = request.service == "cos" and request.method == "GET" and not request.key
        return (
            Reply(200, empty.encode(), {"Content-Type": "application/xml"}) if is_listing else None
        )

    page.cloud.sandbox.hooks.append(hide)
    answer = pair.decide("retake/poor-picture")
    page.cloud.sandbox.hooks.remove(hide)
    assert answer.status == 303
    assert [decision["decision"] for decision in page.decisions("p")] == ["reject", "retake"]


@pytest.mark.parametrize("name", ["live.bin", "reference.jpg"])
def test_content_that_was_replaced_meanwhile_is_not_decided_on(
    page: Reviewing, judge: Judge, name: str
) -> None:
    judge("p")
    pair = OpenPair(page, "p")
    body = picture("JPEG") if name == "reference.jpg" else b"another recording"
    page.cloud.put("p", name, body)
    answer = pair.decide("approve/same-person")
    assert answer.status == 409
    assert "the content was replaced" in answer.text
    assert page.decisions("p") == []


def test_a_result_that_was_replaced_meanwhile_is_not_decided_on(
    page: Reviewing, judge: Judge
) -> None:
    judge("p", {"sim": 75})
    pair = OpenPair(page, "p")
    judge("p", {"sim": 40})
    answer = pair.decide("approve/same-person")
    assert answer.status == 409
    assert "40" in answer.text, "what is there now is shown"
    assert page.decisions("p") == []


def test_a_decision_on_earlier_content_stays_with_that(page: Reviewing, judge: Judge) -> None:
    judge("p", {"sim": 75})
    OpenPair(page, "p").decide("approve/same-person")
    judge("p", {"sim": 40})
    assert "on earlier content" in OpenPair(page, "p").text
    page.refresh()
    row = page.server.results.index.result("p")
    assert row is not None
    assert row.decision == ""


def test_faces_that_were_not_on_the_screen_are_not_compared(page: Reviewing, judge: Judge) -> None:
    judge("p")
    for choice in ("approve/same-person", "approve/other", "reject/different-person"):
        answer = OpenPair(page, "p", with_pictures=False).decide(choice, "a note")
        assert answer.status == 422
        assert "Comparing needs both pictures" in answer.text
    assert page.decisions("p") == []
    assert OpenPair(page, "p", with_pictures=False).decide("reject/not-live").status == 303
    (decision,) = page.decisions("p")
    assert decision["shown"]["reference"] is None


def test_a_choice_that_the_page_does_not_offer(page: Reviewing, judge: Judge) -> None:
    judge("p")
    for choice in ("", "approve", "approve/not-live", "erase/other", "reject/other"):
        assert OpenPair(page, "p").decide(choice).status == 422
    assert page.decisions("p") == []


def test_a_note_that_is_too_long(page: Reviewing, judge: Judge) -> None:
    judge("p")
    assert OpenPair(page, "p").decide("reject/other", "x" * 501).status == 422
    assert page.decisions("p") == []


def test_a_view_of_an_earlier_run_is_looked_at_again(page: Reviewing, judge: Judge) -> None:
    judge("p")
    pair = OpenPair(page, "p")
    pair.view = "of-an-earlier-run"
    answer = pair.decide("reject/not-live")
    assert answer.status == 409
    assert "started anew" in answer.text
    assert page.decisions("p") == []


def test_without_an_identity_nothing_is_decided(cloud: Cloud, start: Start, judge: Judge) -> None:
    def refuse(request: Any, phase: str) -> Reply | None:
        is_sts = request.service == "sts"
        error = {"Response": {"Error": {"Code": "InternalError", "Message": "x"}, "RequestId": "r"}}
        return (
            Reply(200, json.dumps(error).encode(), {"Content-Type": "application/json"})
            if is_sts
            else None
        )

    cloud.sandbox.hooks.append(refuse)
    judge("p")
    page = start()
    answer = OpenPair(page, "p").decide("reject/not-live")
    assert answer.status == 502
    assert "InternalError" in answer.text
    assert page.decisions("p") == []
    cloud.sandbox.hooks.remove(refuse)
    assert OpenPair(page, "p").decide("reject/not-live").status == 303


def test_keys_that_may_only_look_store_nothing(start: Start, judge: Judge) -> None:
    judge("p")
    page = start(without="name/cos:PutObject")
    answer = OpenPair(page, "p").decide("reject/not-live")
    assert answer.status == 502
    assert page.decisions("p") == []


def test_a_bucket_that_keeps_versions_is_refused(page: Reviewing, judge: Judge) -> None:
    judge("p")
    page.cloud.bucket.versioning = "Suspended"
    answer = OpenPair(page, "p").decide("reject/not-live")
    assert answer.status == 502
    assert "keeps versions" in answer.text
