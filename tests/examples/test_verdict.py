"""Which verdict stands, and which messages are repetitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from verdict import Verdict, standing_verdict

RESULT = {
    "pair_id": "anna",
    "fingerprint": "f" * 64,
    "status": "passed",
    "reason": {"code": "Success"},
    "attempts": 1,
}


def at(minute: int) -> str:
    return f"2026-11-27T08:{minute:02}:00.123Z"


def result(minute: int = 0, **fields: Any) -> bytes:
    return json.dumps(RESULT | {"times": {"published": at(minute)}} | fields).encode()


def review(
    of: bytes,
    decision: str,
    number: int = 1,
    minute: int = 1,
    fingerprint: str | None = None,
    **changes: Any,
) -> bytes:
    fields = {
        "schema": "liveness-review/1",
        "pair_id": "anna",
        "number": number,
        "decision": decision,
        "decided": at(minute),
        "reason": {"code": "different-person", "note": ""},
        "shown": {"fingerprint": fingerprint or json.loads(of)["fingerprint"]},
    }
    return json.dumps(fields | changes).encode()


def test_without_a_decision_the_function_decides() -> None:
    verdict = standing_verdict(result(), [])

    assert verdict == Verdict(
        "anna",
        "passed",
        "Success",
        "function",
        verdict.verdict_id,
        verdict.message_id,
        at(0),
    )


@pytest.mark.parametrize(
    ("decision", "status"),
    [("approve", "passed"), ("reject", "rejected"), ("retake", "retake")],
)
def test_a_person_overrules_the_function(decision: str, status: str) -> None:
    of = result(status="failed")

    verdict = standing_verdict(of, [review(of, decision)])

    assert (verdict.status, verdict.decided_by) == (status, "reviewer")
    assert verdict.time == at(1)


def test_the_last_of_several_decisions_stands() -> None:
    of = result()

    verdict = standing_verdict(of, [review(of, "reject"), review(of, "approve", 2)])

    assert verdict.status == "passed"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"[]",
        review(result(), "approve", schema="liveness-review/9"),
        review(result(), "approve", pair_id="bert"),
        review(result(), "approve", number=2),
        review(result(), "pass"),
        review(result(), "approve", reason=None),
        review(result(), "approve", shown={"fingerprint": ["f" * 64]}),
        review(result(), "approve", decided="never"),
    ],
    ids=lambda review: review[:20].decode() or "empty",
)
def test_what_is_no_valid_decision_does_not_keep_a_later_one_from_standing(first: bytes) -> None:
    of = result()

    verdict = standing_verdict(of, [first, review(of, "reject", 2)])

    assert (verdict.status, verdict.time) == ("rejected", at(1))
    assert standing_verdict(of, [first]).decided_by == "function"
    assert verdict.verdict_id != standing_verdict(of, [first]).verdict_id


def test_a_decision_on_other_content_does_not_stand() -> None:
    of = result()

    verdict = standing_verdict(of, [review(of, "reject", fingerprint="0" * 64)])

    assert (verdict.status, verdict.decided_by) == ("passed", "function")


@pytest.mark.parametrize(("decision", "status"), [("approve", "passed"), ("reject", "rejected")])
def test_a_decision_outlives_a_result_that_is_only_written_again(
    decision: str, status: str
) -> None:
    shown, rewritten = result(status="retake"), result(minute=2, status="retake")

    assert standing_verdict(rewritten, [review(shown, decision)]).status == status


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "0" * 64},
        {"status": "failed"},
        {"reason": {"code": "GivenUp"}},
        {"attempts": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_verdict_has_another_id(change: dict[str, Any]) -> None:
    one, other = standing_verdict(result(), []), standing_verdict(result(**change), [])

    assert one.verdict_id != other.verdict_id
    assert one.message_id != other.message_id


def test_a_result_that_is_written_again_is_a_new_message_with_the_same_verdict() -> None:
    one = standing_verdict(result(), [])
    other = standing_verdict(result(minute=2), [])

    assert one.verdict_id == other.verdict_id
    assert one.message_id != other.message_id


def test_a_duplicate_event_makes_the_same_message() -> None:
    assert standing_verdict(result(), []) == standing_verdict(result(), [])


def test_a_decision_changes_verdict_and_message() -> None:
    of = result()
    before, after = standing_verdict(of, []), standing_verdict(of, [review(of, "approve")])

    assert before.verdict_id != after.verdict_id
    assert before.message_id != after.message_id


def test_a_verdict_is_as_old_as_what_it_rests_on() -> None:
    """A result that is stored late, over a newer one, must not look newer than that."""
    of = result(minute=5)

    assert standing_verdict(of, []).time == at(5)
    assert standing_verdict(of, [review(of, "reject", minute=7)]).time == at(7)
    assert standing_verdict(of, [review(of, "reject", minute=3)]).time == at(5)
