"""What the page shows of one pair: what was judged, and never another person's picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from liveness_sandbox import Reply
from tests.conftest import JPEG, Cloud
from tests.page.conftest import Answer, Reviewing, Start, picture

Judge = Callable[..., dict[str, Any]]
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page(start: Start) -> Reviewing:
    return start()


def show(page: Reviewing, pair_id: str) -> Answer:
    return page.ask(f"{page.gate.folder}pair?{urlencode({'id': pair_id})}")


def pictures(page: Reviewing, answer: Answer) -> dict[str, Answer]:
    """Load the pictures that a page of a pair names."""
    names = [part.split('"')[0] for part in answer.text.split('<img src="')[1:]]
    return {name.rpartition("/")[2]: page.ask(name) for name in names}


def edit(cloud: Cloud, pair_id: str, changes: dict[str, Any]) -> None:
    """Edit a result as one who may write it, with its metadata kept."""
    key = f"liveness/results/{pair_id}/result.json"
    stored = cloud.stored(key)
    body = json.dumps(json.loads(stored.body()) | changes).encode()
    cloud.bucket.put(key, body, content_type="application/json", metadata=stored.metadata)


def test_both_pictures_are_those_that_were_judged(page: Reviewing, judge: Judge) -> None:
    result = judge("p", {"sim": 71.5})
    answer = show(page, "p")
    shown = pictures(page, answer)
    assert shown["reference"].body == JPEG
    assert shown["frame"].body == page.cloud.stored(result["best_frame"]["key"]).body()
    for reply in shown.values():
        assert reply.headers["content-type"] == "image/jpeg"
        assert "sandbox" in reply.headers["content-security-policy"]
        assert reply.headers["cache-control"] == "no-store"
    assert "Similarity 71.5 on a scale from 0 to 100; the threshold is 70" in answer.text


def test_no_picture_is_stored_on_the_machine(page: Reviewing, judge: Judge, tmp_path: Path) -> None:
    judge("p")
    assert len(pictures(page, show(page, "p"))) == 2
    page.refresh()
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert stored, "the local file is there"
    assert not [path for path in stored if JPEG[:64] in path.read_bytes()]


def test_the_history_and_what_comes_next(page: Reviewing, judge: Judge) -> None:
    judge("p")
    text = show(page, "p").text
    assert "attempt 1 by invocation invocation-1" in text
    assert "Nothing happens: the result is final." in text
    assert "If the person tries again" in text


def test_a_content_that_was_one_too_many(page: Reviewing, judge: Judge) -> None:
    judge("p")
    submission: dict[str, Any] = {
        "number": None,
        "count": 5,
        "limit": 5,
        "possibly_billed_calls": 3,
        "earlier": [],
    }
    edit(page.cloud, "p", {"submission": submission})
    assert "One content too many: 5 were admitted; at most 5 are judged." in show(page, "p").text


@pytest.mark.parametrize("body", [HTML.encode(), picture("GIF"), JPEG[:2000], b""])
def test_a_reference_that_is_no_picture_never_reaches_the_browser(
    page: Reviewing, judge: Judge, body: bytes
) -> None:
    page.cloud.put("p", "live.bin", b"recording")
    page.cloud.put("p", "reference.jpg", body)
    page.cloud.instance().walk("p")
    answer = show(page, "p")
    assert answer.status == 200
    assert "reference" not in pictures(page, answer)
    view = answer.text.split('name="view" value="')[1].split('"')[0]
    reply = page.ask(f"{page.gate.folder}picture/{view}/reference")
    assert reply.status == 404
    assert not body or body not in reply.body


def test_a_reference_that_was_replaced_is_not_shown_as_the_judged_one(
    page: Reviewing, judge: Judge
) -> None:
    judge("p")
    page.cloud.put("p", "reference.jpg", picture("JPEG"))
    answer = show(page, "p")
    assert "Replaced: these are not the bytes that were judged" in answer.text
    assert list(pictures(page, answer)) == ["frame"]
    assert "The inputs were replaced after this result" in answer.text


def test_a_frame_that_was_replaced_is_not_shown(page: Reviewing, judge: Judge) -> None:
    key = judge("p")["best_frame"]["key"]
    page.cloud.bucket.put(key, picture("JPEG"))
    answer = show(page, "p")
    assert list(pictures(page, answer)) == ["reference"]


def test_an_edited_result_leads_to_nobody_elses_picture(page: Reviewing, judge: Judge) -> None:
    mine, other = judge("p"), judge("other")
    inputs = [*mine["inputs"][:1], *other["inputs"][1:]]
    for changes in (
        {"inputs": inputs},
        {"best_frame": other["best_frame"]},
        {"pair_id": "other"},
        {"fingerprint": other["fingerprint"]},
        {"status": "approved"},
        {"similarity": 900},
        {"similarity": "96.3"},
        {"schema": "liveness-result/2"},
        {"reason": HTML},
    ):
        edit(page.cloud, "p", {**mine, **changes})
        answer = show(page, "p")
        assert answer.status == 200
        assert "or was edited" in answer.text, changes
        assert pictures(page, answer) == {}
        assert 'action="' + page.gate.folder + 'decide"' not in answer.text


def test_a_result_that_contradicts_the_recorded_response_is_flagged(
    page: Reviewing, judge: Judge
) -> None:
    judge("p", {"sim": 40})
    assert "The result was edited" not in show(page, "p").text
    edit(page.cloud, "p", {"status": "passed", "similarity": 95})
    assert "The result was edited: the response on record says Rejected" in show(page, "p").text


@pytest.mark.parametrize(
    "pair_id",
    [
        HTML,
        "a\nb\x1b[31m\x7fc",
        "../../../etc/passwd",
        "a/../b",
        "%2e%2e%2f",
        "人 1 & 2",
        "{{7*7}}",
    ],
)
def test_any_pair_id_is_shown_as_text(page: Reviewing, judge: Judge, pair_id: str) -> None:
    judge(pair_id)
    answer = show(page, pair_id)
    assert answer.status == 200
    assert len(pictures(page, answer)) == 2
    page.refresh()
    for text in (answer.text, page.ask(page.gate.folder).text):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "\x1b" not in text
    assert page.decisions(pair_id) == []


def test_what_the_service_says_is_shown_as_text(page: Reviewing, judge: Judge) -> None:
    judge("p", {"code": f"FailedOperation.{HTML}", "description": HTML})
    page.refresh()
    for text in (show(page, "p").text, page.ask(page.gate.folder).text):
        assert "<script>alert" not in text


def test_a_pair_that_waits(page: Reviewing) -> None:
    page.cloud.put("p", "reference.jpg", JPEG)
    page.refresh()
    answer = show(page, "p")
    assert "This pair has no result." in answer.text
    assert "Waits for an input" in answer.text
    waiting = page.ask(f"{page.gate.folder}waiting").text
    assert "liveness package" in waiting


def test_a_stray_key_says_why_in_the_language_of_the_page(page: Reviewing) -> None:
    page.cloud.put("p", "live.mp4", JPEG)
    page.refresh()
    assert "ends in none of /live.bin" in page.ask(f"{page.gate.folder}waiting").text
    chinese = page.ask(f"{page.gate.folder}waiting?lang=zh").text
    assert "不以下列任一后缀结尾：/live.bin" in chinese
    assert "ends in none of" not in chinese


def test_a_pair_that_cannot_exist(page: Reviewing) -> None:
    assert show(page, "").status == 400
    assert show(page, "x" * 900).status == 400


def test_keys_that_may_not_read_the_ledger_still_show_the_faces(start: Start, judge: Judge) -> None:
    judge("p")
    page = start(without="liveness/ledger/")
    answer = show(page, "p")
    assert answer.status == 200
    assert len(pictures(page, answer)) == 2
    assert "The history is not shown" in answer.text


def test_cos_that_fails_is_a_page_that_says_so(page: Reviewing, judge: Judge) -> None:
    judge("p")
    page.refresh()

    def fail(request: Any, phase: str) -> Reply | None:
        return Reply(503, b"", {}) if request.service == "cos" and phase == "before" else None

    page.cloud.sandbox.hooks.append(fail)
    answer = show(page, "p")
    assert answer.status == 502
    assert "COS did not answer as expected" in answer.text
    page.ask(f"{page.gate.folder}refresh")
    listed = page.ask(page.gate.folder)
    assert listed.status == 200
    assert "The last refresh failed" in listed.text
    assert ">p</a>" in listed.text, "what was read before is still there"
    overview = page.ask(f"{page.gate.folder}overview")
    assert "Cannot be read" in overview.text, page.warnings
    page.cloud.sandbox.hooks.remove(fail)
    assert show(page, "p").status == 200


def test_a_wrong_filter_is_named(page: Reviewing) -> None:
    for query, name in (("least=101", "least"), ("from=yesterday", "from"), ("least=nan", "least")):
        answer = page.ask(f"{page.gate.folder}?{query}")
        assert answer.status == 400
        assert name in answer.text
    assert page.ask(f"{page.gate.folder}?after=nonsense").status == 400
    assert page.ask(f"{page.gate.folder}overview?days=9").status == 400
    assert page.ask(f"{page.gate.folder}threshold?at=-1").status == 400


def test_filters(page: Reviewing, judge: Judge) -> None:
    judge("high", {"sim": 95})
    judge("low", {"sim": 72})
    judge("fake", {"code": "FailedOperation.LivessDetectFake"})
    page.refresh()

    def listed(query: str) -> set[str]:
        text = page.ask(f"{page.gate.folder}?{query}").text
        return {name for name in ("high", "low", "fake") if f">{name}</a>" in text}

    assert listed("") == {"high", "low", "fake"}
    assert listed("status=passed&most=80") == {"low"}
    assert listed("reason=FailedOperation.LivessDetectFake") == {"fake"}
    assert listed("q=ow&decided=no") == {"low"}
    assert listed("decided=yes") == set()
    assert listed("until=2000-01-01") == set()
