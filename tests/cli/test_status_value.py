"""The value of `liveness status`, made from plain values."""

from __future__ import annotations

from typing import Any

import pytest

from liveness.breaker import BreakerState
from liveness.markers import ParkReason
from liveness.settings import read_settings
from liveness_cli.operator.snapshot import (
    BucketSnapshot,
    Listing,
    Marker,
    Owner,
    PairCalls,
    RepeatedCalls,
    Result,
    Slot,
)
from liveness_cli.operator.status import status_of
from liveness_cli.text import format_duration, format_time, pluralize, printable, redact

NOW = 1_800_000_000.0
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
EMPTY = BucketSnapshot(
    settings=SETTINGS,
    now=NOW,
    markers=(),
    markers_listed=Listing(0, True),
    slot=None,
    reconciled_at=None,
    results=(),
    results_listed=Listing(0, True),
    fingerprints_listed=Listing(0, True),
    repeated_calls=(),
)


def marker(
    pair_id: str, seconds: float, reason: ParkReason = ParkReason.UNEXPECTED_ERROR, **fields: Any
) -> Marker:
    """A marker that is due in so many seconds, or was due if they are negative."""
    body: dict[str, Any] = {
        "pair_id": pair_id,
        "reason": reason,
        "detail": "COS PUT: 503" if reason is ParkReason.UNEXPECTED_ERROR else "",
        "deliveries": 0,
        "parked_at": NOW + seconds - 60,
    }
    return Marker(f"hash of {pair_id}", NOW + seconds, is_read=True, **(body | fields))


def test_an_empty_bucket_has_an_empty_status() -> None:
    value = status_of(EMPTY)

    assert value["schema"] == "liveness-status/5"
    assert value["backlog"] == {
        "markers": 0, "pairs": 0, "seconds_of_calls": 0, "due": 0, "oldest": None, "damaged": 0,
        "max_deliveries": 0, "reasons": [],
    }  # fmt: skip
    assert value["drain"] is None
    assert value["results"]["by_status"] == {}
    assert value["failed"] == value["possible_double_billing"] == value["last_errors"] == []
    assert [text.partition(":")[0] for text in value["not_checked"]] == [
        "inputs", "the function's log",
    ]  # fmt: skip


def test_pairs_with_several_contents_come_from_ledger_and_results() -> None:
    results = [
        Result("anna", NOW, "passed", contents=2, pair_calls=2),  # the ledger knows better
        Result("bert", NOW, "rejected", contents=4, pair_calls=5),
        Result("cleo", NOW, "passed", contents=1, pair_calls=1),
        Result("dora", NOW, "passed"),  # written before submissions were counted
    ]
    snapshot = EMPTY._replace(results=results, several_contents=[PairCalls("anna", 20, 18)])

    assert status_of(snapshot)["several_contents"] == [
        {"pair_id": "anna", "contents": 20, "calls": 18},
        {"pair_id": "bert", "contents": 4, "calls": 5},
    ]


def test_the_backlog_is_summarized_by_age_and_reason() -> None:
    markers = [
        marker("anna", -300, deliveries=4),
        marker("anna", -10, ParkReason.THROTTLED, detail="RequestLimitExceeded: busy"),
        marker("bert", -5, ParkReason.THROTTLED, detail="RequestLimitExceeded: try later"),
        marker("cleo", 60),
        marker("cleo", 70, ParkReason.LEASE_HELD),
    ]

    backlog = status_of(EMPTY._replace(markers=markers))["backlog"]

    assert (backlog["markers"], backlog["pairs"], backlog["due"]) == (5, 3, 3)
    assert backlog["oldest"] == {
        "due": "2027-01-15T07:55:00Z", "overdue_seconds": 300, "pair_id": "anna",
    }  # fmt: skip
    assert backlog["max_deliveries"] == 4
    assert backlog["seconds_of_calls"] == 1
    assert backlog["reasons"] == [
        {
            "reason": "unexpected-error",
            "text": "processing the pair raised an error",
            "markers": 2,
            "oldest_due": "2027-01-15T07:55:00Z",
            "next_due": "2027-01-15T08:01:00Z",
        },
        {
            "reason": "throttled",
            "text": "the face API is over its request rate",
            "markers": 2,
            "oldest_due": "2027-01-15T07:59:50Z",
            "next_due": None,
        },
        {
            "reason": "lease-held",
            "text": "another invocation holds the lease",
            "markers": 1,
            "oldest_due": "2027-01-15T08:01:10Z",
            "next_due": "2027-01-15T08:01:10Z",
        },
    ]


def test_the_current_drainer_is_named() -> None:
    slot = Slot(Owner("liveness", "$LATEST", "request-1"), NOW - 4)

    drain = status_of(EMPTY._replace(slot=slot))["drain"]

    assert drain == {
        "function": "liveness",
        "version": "$LATEST",
        "request_id": "request-1",
        "slot_taken": "2027-01-15T07:59:56Z",
    }


def test_results_are_counted_by_status() -> None:
    results = [
        Result("a", NOW, "passed", frame_key="a frame"),
        Result("b", NOW - 9, "passed"),
        Result("c", NOW - 5, "failed", "GivenUp", calls=3, fingerprint="f"),
    ]

    value = status_of(EMPTY._replace(results=results, results_listed=Listing(500, True)))

    assert value["results"] == {
        "listed": 500,
        "read": 3,
        "oldest_read": "2027-01-15T07:59:51Z",
        "newest_read": "2027-01-15T08:00:00Z",
        "by_status": {"passed": 2, "failed": 1},
        "passed_without_frame": 1,
    }
    assert [(row["pair_id"], row["code"]) for row in value["failed"]] == [("c", "GivenUp")]
    assert "497 older results" in value["not_checked"]


def test_double_billing_is_found_in_the_ledger_and_in_results() -> None:
    """A result may outlive its ledger; one fingerprint is reported once."""
    repeated = [
        RepeatedCalls("a", "f-a", 3, answered=False),
        RepeatedCalls("b", "f-b", 1, answered=True),
    ]
    results = [
        Result("a", NOW, "failed", "GivenUp", calls=3, fingerprint="f-a"),
        Result("c", NOW, "passed", calls=2, fingerprint="f-c"),
    ]

    value = status_of(EMPTY._replace(repeated_calls=repeated, results=results))

    rows = [(row["pair_id"], row["calls"]) for row in value["possible_double_billing"]]
    assert rows == [("a", 3), ("c", 2)]


def test_a_repeated_error_is_listed_once() -> None:
    markers = [marker(name, -seconds) for seconds, name in enumerate("abc")]
    waiting = marker("d", 0, ParkReason.LEASE_HELD)
    unreadable = Result("e", NOW - 1000, "unreadable")

    value = status_of(EMPTY._replace(markers=[*markers, waiting], results=[unreadable]))

    assert [(e["reason"], e["times"], e["pair_id"]) for e in value["last_errors"]] == [
        ("processing the pair raised an error: COS PUT: 503", 3, "a"),
        ("unreadable", 1, "e"),
    ]


def test_what_was_not_checked_is_listed() -> None:
    unread = Marker("hash", NOW)

    value = status_of(
        EMPTY._replace(
            markers=[unread, unread],
            markers_listed=Listing(2, False),
            fingerprints_listed=Listing(70_000, False),
            repeated_calls_unread=1,
        )
    )

    text = "\n".join(value["not_checked"])
    assert "the content of 2 later markers" in text
    assert "more than the first 2 markers" in text
    assert "more than the first 70,000 fingerprints in the ledger" in text
    assert "1 more pair with several calls" in text


# ---- texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"),
     (172_800, "2 d")],
)  # fmt: skip
def test_durations_have_about_two_digits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_counts_agree_with_their_noun() -> None:
    texts = [pluralize(count, "call") for count in (0, 1, 1000)]

    assert texts == ["0 calls", "1 call", "1,000 calls"]


def test_foreign_texts_lose_links_and_excess_length() -> None:
    assert redact("see https://x/?q-sign-key=1 now") == "see [link] now"
    assert redact(7) == ""
    assert len(redact("word " * 9999)) == 500


def test_cleaning_a_foreign_text_takes_no_time_that_grows_faster_than_the_text() -> None:
    """A word of a megabyte would take hours, and could end in a link that a cut would hide."""
    assert redact("x" * 1_000_000) == ""
    assert redact("see " + "x" * 1_000_000 + "://y") == "see"


def test_control_characters_are_escaped() -> None:
    assert printable("\x1b[31m会话\u202e\n") == "\\u001b[31m会话\\u202e\\n"


@pytest.mark.parametrize(("probe", "shown"), [(60, 60), (-60, 0), (-NOW, 0)])
def test_the_next_probe_is_not_in_the_past(probe: float, shown: float) -> None:
    breaker = BreakerState("unanswered", NOW - 100, 1, NOW + probe)

    value = status_of(EMPTY._replace(breaker=breaker))

    assert value["breaker"]["next_probe"] == format_time(NOW + shown)
