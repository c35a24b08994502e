"""What `liveness status` concludes, from plain values."""

from __future__ import annotations

from typing import Any

import pytest

from liveness.settings import read_settings
from liveness_cli.operator.facts import Bucketful, Counted, Marker, Owner, Repeated, Result, Slot
from liveness_cli.operator.status import status_of
from liveness_cli.operator.wording import duration, harmless, number, visible

NOW = 1_800_000_000.0
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
EMPTY = Bucketful(
    settings=SETTINGS,
    now=NOW,
    markers=(),
    markers_listed=Counted(0, True),
    slot=None,
    reconciled_at=None,
    results=(),
    results_listed=Counted(0, True),
    ledger_listed=Counted(0, True),
    repeated=(),
)


def marker(name: str, due: float, reason: str | None = "COS PUT: 503", **more: Any) -> Marker:
    """Due so many seconds from now."""
    told = {"pair_id": name, "reason": reason, "visits": 0, "parked_at": NOW + due - 60} | more
    return Marker(f"hash of {name}", NOW + due, read=True, **told)


def test_an_empty_bucket() -> None:
    value = status_of(EMPTY)

    assert value["backlog"] == {
        "markers": 0, "pairs": 0, "seconds_of_calls": 0, "due": 0, "oldest": None, "damaged": 0,
        "most_visits": 0, "reasons": [],
    }  # fmt: skip
    assert value["drain"] is None
    assert value["results"]["by_status"] == {}
    assert value["failed"] == value["possibly_billed_twice"] == value["last_errors"] == []
    assert [said.partition(":")[0] for said in value["not_looked_at"]] == [
        "inputs", "the function's log",
    ]  # fmt: skip


def test_the_backlog_by_age_and_reason() -> None:
    markers = [
        marker("anna", -300, visits=4),
        marker("anna", -10, "RequestLimitExceeded: busy"),
        marker("bert", -5, "RequestLimitExceeded: busy"),
        marker("cleo", 60),
    ]

    backlog = status_of(EMPTY._replace(markers=markers))["backlog"]

    assert (backlog["markers"], backlog["pairs"], backlog["due"]) == (4, 3, 3)
    assert backlog["oldest"] == {
        "due": "2027-01-15T07:55:00Z", "overdue_seconds": 300, "pair_id": "anna",
    }  # fmt: skip
    assert backlog["most_visits"] == 4
    assert backlog["seconds_of_calls"] == 1
    assert [(row["markers"], row["reason"]) for row in backlog["reasons"]] == [
        (2, "COS PUT: 503"),
        (2, "RequestLimitExceeded: busy"),
    ]


def test_who_drains() -> None:
    slot = Slot(Owner("liveness", "$LATEST", "request-1"), NOW - 4)
    assert status_of(EMPTY._replace(slot=slot))["drain"] == {
        "function": "liveness",
        "version": "$LATEST",
        "request_id": "request-1",
        "slot_taken": "2027-01-15T07:59:56Z",
    }


def test_results_by_status() -> None:
    results = [
        Result("a", NOW, "passed", frame_key="a frame"),
        Result("b", NOW - 9, "passed"),
        Result("c", NOW - 5, "failed", "GivenUp", calls=3, fingerprint="f"),
    ]

    value = status_of(EMPTY._replace(results=results, results_listed=Counted(500, True)))

    assert value["results"] == {
        "listed": 500,
        "read": 3,
        "oldest_read": "2027-01-15T07:59:51Z",
        "newest_read": "2027-01-15T08:00:00Z",
        "by_status": {"passed": 2, "failed": 1},
        "passed_without_frame": 1,
    }
    assert [(row["pair_id"], row["code"]) for row in value["failed"]] == [("c", "GivenUp")]
    assert "497 older results" in value["not_looked_at"]


def test_calls_billed_twice_by_the_ledger_and_by_results_that_outlived_it() -> None:
    repeated = [Repeated("a", "f-a", 3, answered=False), Repeated("b", "f-b", 1, answered=True)]
    results = [
        Result("a", NOW, "failed", "GivenUp", calls=3, fingerprint="f-a"),
        Result("c", NOW, "passed", calls=2, fingerprint="f-c"),
    ]

    value = status_of(EMPTY._replace(repeated=repeated, results=results))

    told = [(row["pair_id"], row["calls"]) for row in value["possibly_billed_twice"]]
    assert told == [("a", 3), ("c", 2)]


def test_the_same_error_is_told_once() -> None:
    markers = [marker(name, -seconds) for seconds, name in enumerate("abc")]
    waiting = marker("d", 0, "another invocation holds the lease")
    unreadable = Result("e", NOW - 1000, "unreadable")

    errors = status_of(EMPTY._replace(markers=[*markers, waiting], results=[unreadable]))

    assert [(e["why"], e["times"], e["pair_id"]) for e in errors["last_errors"]] == [
        ("COS PUT: 503", 3, "a"),
        ("unreadable", 1, "e"),
    ]


def test_it_says_what_it_did_not_look_at() -> None:
    unread = Marker("hash", NOW)
    value = status_of(
        EMPTY._replace(
            markers=[unread, unread],
            markers_listed=Counted(2, False),
            ledger_listed=Counted(70_000, False),
            repeated_unread=1,
        )
    )
    said = "\n".join(value["not_looked_at"])
    assert "what 2 of the later markers say" in said
    assert "more than the first 2 markers" in said
    assert "more than the first 70,000 fingerprints in the ledger" in said
    assert "1 more pair with several calls" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"),
     (172_800, "2 d")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_numbers() -> None:
    told = [number(0, "call"), number(1, "call"), number(1000, "call")]
    assert told == ["0 calls", "1 call", "1,000 calls"]


def test_texts_of_others() -> None:
    assert harmless("see https://x/?q-sign-key=1 now") == "see [link] now"
    assert harmless(7) == ""
    assert len(harmless("x" * 9999)) == 500
    assert visible("\x1b[31m会话\u202e\n") == "\\x1b[31m会话\\u202e\\n"
