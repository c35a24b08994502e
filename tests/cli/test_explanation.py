"""The value of `liveness explain`, made from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from liveness.breaker import BreakerState
from liveness.face_api import Answer
from liveness.history import MAX_SETBACKS, History
from liveness.inspection import CompletePair, Input, Inspection, classify
from liveness.keys import candidate_keys
from liveness.markers import ParkReason
from liveness.records import Response
from liveness.settings import read_settings
from liveness.store import ObjectHead
from liveness_cli.operator.explain import explanation_of
from liveness_cli.operator.snapshot import LedgerRecord, Marker, Owner, PairSnapshot, Result, Slot

NOW = 1_800_000_000.0
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
OWNER = Owner("liveness", "$LATEST", "request-1")
PASSED = Answer("result", "Success", "ok", "api-1", 96.3, "https://frame/?q-sign", True, "0" * 32)
UNKNOWN = Answer("result", "Strange", "?", "api-1")


def head(key: str, size: int, meta: Mapping[str, str] | None = None) -> ObjectHead:
    return ObjectHead(key, size, "etag", None, NOW - 3600, NOW, meta or {})


def pair(*roles: str, sizes: int = 10, result: Mapping[str, str] | None = None) -> PairSnapshot:
    """A pair with only the inputs of these roles."""
    keys = candidate_keys(SETTINGS, "anna")
    first = {key.role: key for key in reversed(keys)}
    present = [key for key in keys if key.role in roles and key == first[key.role]]
    inputs = classify(
        SETTINGS,
        "anna",
        [Input(key.role, key.key, "etag", sizes, NOW - 3600, None) for key in present],
    )
    return PairSnapshot(
        settings=SETTINGS,
        now=NOW,
        pair_id="anna",
        inspection=Inspection(inputs, None if result is None else head("r", 9, result)),
        records=(),
        markers=(),
        result=None,
        frame_exists=None,
        slot=None,
    )


def complete_pair(**options: Any) -> PairSnapshot:
    return pair("live", "image", **options)


def fingerprint() -> str:
    inputs = complete_pair().inspection.inputs
    assert isinstance(inputs, CompletePair)
    return inputs.fingerprint


def published(status: str, **meta: str) -> dict[str, str]:
    """The metadata of a result for the current inputs."""
    return {"liveness-fingerprint": fingerprint(), "liveness-status": status} | meta


def record(kind: str, number: int, age: float = 500, **fields: Any) -> LedgerRecord:
    options: dict[str, Any] = {"name": f"{kind} {number}", "owner": OWNER, "written_at": NOW - age}
    return LedgerRecord(fingerprint(), kind, number, **(options | fields))


def claim(number: int, age: float = 500) -> LedgerRecord:
    return record("claim", number, age, nonce=f"secret {number}")


def response(
    kind: str = "response", number: int = 0, answer: Answer | None = PASSED, attempt: int = 1
) -> LedgerRecord:
    recorded = Response(attempt, 1, 70.0, "presign", {}, NOW, NOW, answer, None)
    return record(kind, number, 400, response=recorded)


def state_of(snapshot: PairSnapshot) -> str:
    value = explanation_of(snapshot)
    assert "secret" not in str(value)
    assert "://" not in str(value)
    state: str = value["state"]
    return state


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        (pair(), "unknown"),
        (pair(result={})._replace(result=Result("anna", NOW, "passed")), "gone"),
        (complete_pair(sizes=0), "invalid"),
        (complete_pair(), "ready"),
        (complete_pair()._replace(records=[claim(1, age=5)]), "running"),
        (complete_pair()._replace(records=[claim(1)]), "ready"),
        (complete_pair()._replace(records=[claim(1), claim(2), claim(3)]), "exhausted"),
        (complete_pair()._replace(records=[claim(1), claim(2), claim(3, age=5)]), "running"),
        (complete_pair()._replace(records=[claim(1), response()]), "answered"),
        (complete_pair()._replace(records=[claim(1), record("response", 0)]), "damaged"),
        (complete_pair(result=published("passed")), "passed"),
        (complete_pair(result=published("failed")), "failed"),
        (complete_pair(result=published("failed"))._replace(records=[record("grant", 1)]), "ready"),
        (complete_pair(result={"liveness-fingerprint": "of other content"}), "ready"),
        (complete_pair(result=published("invalid", **{"liveness-reason": "InputEmpty"})), "ready"),
    ],
)
def test_the_state_follows_from_inputs_ledger_and_result(
    snapshot: PairSnapshot, state: str
) -> None:
    assert state_of(snapshot) == state


def test_a_pair_with_one_input_waits_for_the_other() -> None:
    snapshot = pair("live")

    value = explanation_of(snapshot)

    assert (value["state"], value["missing"], value["fingerprint"]) == ("waiting", ["image"], None)
    assert "waits for the image input" in value["next"]["outlook"]


@pytest.mark.parametrize(
    ("nonce", "state"), [("secret 1", "released"), ("another", "unanswered"), (None, "unanswered")]
)
def test_only_its_owner_can_release_an_attempt(nonce: str | None, state: str) -> None:
    snapshot = complete_pair()._replace(records=[claim(1), record("released", 1, nonce=nonce)])

    attempts = explanation_of(snapshot)["attempts"]

    assert [attempt["state"] for attempt in attempts] == [state]


def test_the_maximum_number_of_calls_of_a_retry_is_known() -> None:
    def max_calls(snapshot: PairSnapshot) -> int:
        calls: int = explanation_of(snapshot)["next"]["max_calls"]
        return calls

    failed = complete_pair(result=published("failed"))
    passed = complete_pair(result=published("passed"))
    claims = [claim(1), claim(2), claim(3)]
    given_up = response(answer=None, attempt=3)
    late = response("late", 3, attempt=3)

    assert max_calls(failed._replace(records=[*claims, given_up])) == 1
    assert max_calls(failed._replace(records=[claim(1), response(answer=UNKNOWN)])) == 3
    # The response that came too late is used instead of a call.
    assert max_calls(failed._replace(records=[*claims, given_up, late])) == 0
    assert max_calls(passed._replace(records=[claim(1), response()])) == 0
    assert max_calls(complete_pair()._replace(records=[claim(1)])) == 2


@pytest.mark.parametrize(
    ("markers", "slot", "text"),
    [
        ([], None, "by the hourly reconcile, not before: the pair has no marker"),
        ([Marker("", NOW - 9)], None, "by the next drain, within a minute: its marker is due"),
        ([Marker("", NOW + 40), Marker("", NOW + 90)], None, "after its marker is due, in 40 s"),
        ([Marker("", NOW - 9)], Slot(OWNER, NOW), "by invocation request-1, which is draining now"),
    ],
)
def test_the_outlook_says_what_starts_the_next_walk(
    markers: list[Marker], slot: Slot | None, text: str
) -> None:
    snapshot = complete_pair()._replace(markers=markers, slot=slot)

    outlook = explanation_of(snapshot)["next"]["outlook"]

    assert text in outlook


def outlook_of(snapshot: PairSnapshot) -> str:
    outlook: str = explanation_of(snapshot)["next"]["outlook"]
    return outlook


def parked(due: float, history: History) -> Marker:
    """A marker of the current content that is due in so many seconds."""
    return Marker("", NOW + due, fingerprint=fingerprint(), history=history)


def test_a_pause_counts_until_it_is_over() -> None:
    """A marker may be due before: of other content, or written by hand."""
    history = History(1, (1,), 0, NOW - 10, NOW + 500)
    early = parked(-9, history)

    paused = complete_pair()._replace(records=[claim(1, age=10)], markers=[early])
    later = paused._replace(now=NOW + 600)
    other = paused._replace(markers=[early._replace(fingerprint="of other content")])

    assert "pauses for another 8 min" in outlook_of(paused)
    assert "by the next drain after its pause is over, in 8 min" in outlook_of(paused)
    assert "by the next drain, within a minute" in outlook_of(later)
    assert state_of(other) == "running"


def test_a_release_is_what_its_claims_owner_wrote() -> None:
    history = History(1, (), 3, NOW - 900, NOW + 300)
    released = record("released", 1, nonce="secret 1", history=history)

    ours = complete_pair()._replace(records=[claim(1), released])
    foreign = ours._replace(records=[claim(1), released._replace(nonce="another")])

    assert "not before its pause is over, in 5 min" in outlook_of(ours)
    assert explanation_of(ours)["parked"]["setbacks"] == 3
    assert explanation_of(foreign)["parked"]["unanswered_attempts"] == 1


def test_claims_after_the_latest_release_are_added_to_it() -> None:
    history = History(2, (1,), 1, NOW - 9000, NOW - 5000)
    released = record("released", 2, nonce="secret 2", history=history)

    snapshot = complete_pair()._replace(
        records=[claim(1, 9000), claim(2, 7000), released, claim(3)]
    )

    assert explanation_of(snapshot)["parked"]["unanswered_attempts"] == 2
    assert explanation_of(snapshot)["next"]["max_calls"] == 1


def test_a_pair_is_given_up_when_an_answer_can_no_longer_come() -> None:
    """Not when its marker is due, if that is earlier."""
    history = History(3, (1, 2, 3), 0, NOW - 1800, NOW + 100)
    claims = [claim(1, 1800), claim(2, 900), claim(3, 500)]
    snapshot = complete_pair()._replace(records=claims, markers=[parked(-9, history)])

    assert state_of(snapshot) == "exhausted"
    assert "by the next drain after the wait for a late answer is over, in 30 min" in outlook_of(
        snapshot
    )
    over = snapshot._replace(now=NOW + 1801)
    assert "as failed by the next drain, within a minute" in outlook_of(over)


def test_set_backs_end_a_content_unless_one_more_is_granted() -> None:
    history = History(MAX_SETBACKS, (), MAX_SETBACKS, NOW - 9000, NOW + 3600)
    snapshot = complete_pair()._replace(markers=[parked(3600, history)])
    granted = snapshot._replace(records=[record("grant", 1)])

    assert state_of(snapshot) == "exhausted"
    assert "All 11 set-backs" in outlook_of(snapshot)
    assert state_of(granted) == "ready"


def test_a_granted_attempt_waits_for_the_lease_of_the_one_that_was_answered() -> None:
    records = [claim(1, age=10), response(answer=UNKNOWN), record("grant", 1, 5)]
    snapshot = complete_pair(result=published("failed"))._replace(records=records)
    later = snapshot._replace(now=NOW + 100)

    assert state_of(snapshot) == "ready"
    assert "as soon as the last call's lease expires" in explanation_of(snapshot)["next"]["action"]
    assert explanation_of(later)["next"]["action"] == "Make it now: liveness retry anna"


@pytest.mark.parametrize(
    ("answer", "grants", "state", "text"),
    [
        (PASSED, 0, "answered", "A late response is used and published by the next drain"),
        (UNKNOWN, 0, "answered", "A late response, which is a failure, is used"),
        (PASSED, 1, "answered", "A late response is used"),
        (UNKNOWN, 1, "ready", "The next call"),
    ],
)
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_late_response_takes_the_place_of_a_call_and_of_giving_up(
    answer: Answer, grants: int, state: str, text: str, attempts: int
) -> None:
    claims = [claim(number, age=9000) for number in range(1, attempts + 1)]
    grant = [record("grant", number) for number in range(1, grants + 1)]
    snapshot = complete_pair()._replace(
        records=[*claims, *grant, response("late", attempts, answer, attempts)],
        markers=[Marker("", NOW - 9)],
    )

    assert (state_of(snapshot), text in outlook_of(snapshot)) == (state, True)


def test_a_damaged_late_response_stops_every_walk() -> None:
    snapshot = complete_pair()._replace(records=[claim(1), record("late", 1)])

    assert state_of(snapshot) == "damaged"
    assert "its record of a late response is not as the function wrote it" in outlook_of(snapshot)


@pytest.mark.parametrize(
    ("probe", "text"),
    [
        (200, "by the next drain after the breaker's next probe is due, in 3 min"),
        (-5, "by the next drain, within a minute"),
        (9e9, "by the next drain, within a minute"),
        (float("nan"), "by the next drain, within a minute"),
    ],
)
def test_an_open_breaker_lets_only_probes_through(probe: float, text: str) -> None:
    breaker = BreakerState("unanswered", NOW - 100, 1, NOW + probe)
    snapshot = complete_pair()._replace(markers=[Marker("", NOW - 9)], breaker=breaker)

    assert "The breaker is open (unanswered)" in outlook_of(snapshot)
    assert text in outlook_of(snapshot)


@pytest.mark.parametrize(
    ("reason", "cause", "is_of_account"),
    [
        (ParkReason.MISCONFIGURED, None, True),
        (ParkReason.THROTTLED, "refused", True),
        (ParkReason.THROTTLED, "unanswered", False),
        (ParkReason.THROTTLED, None, False),
    ],
)
def test_what_is_wrong_with_the_account_is_corrected_before_a_pair_is_retried(
    reason: ParkReason, cause: str | None, is_of_account: bool
) -> None:
    marker = Marker("", NOW + 40, "anna", reason, "ResourceUnavailable.InArrears")
    breaker = BreakerState(cause, NOW - 100, 1, NOW + 60) if cause else None
    snapshot = complete_pair()._replace(markers=[marker], breaker=breaker)

    value = explanation_of(snapshot)

    action = value["next"]["action"]
    assert action.startswith("Correct what the reason says") == is_of_account
    assert action.endswith("liveness retry anna")
    lead = f"{reason.text}: " if reason.is_error else ""
    assert value["parked"]["text"] == f"{lead}ResourceUnavailable.InArrears"


def test_the_key_of_an_input_is_not_taken_for_a_pair_id() -> None:
    key = "liveness/incoming/anna/live.bin"

    value = explanation_of(pair()._replace(pair_id=key))

    assert value["next"]["action"] == "That is a key, and not a pair id: liveness explain anna"


def test_what_a_running_call_leaves_behind_is_foreseen() -> None:
    claims = [claim(1, 9000), claim(2, 5000), claim(3, age=5)]
    snapshot = complete_pair()._replace(records=claims)

    assert "is given up by the hourly reconcile, not before the wait for a late answer" in (
        outlook_of(snapshot)
    )
    assert "continues by the hourly reconcile, not before its pause is over, in 55 s" in outlook_of(
        complete_pair()._replace(records=[claim(1, age=5)])
    )


def test_entries_of_the_same_second_are_in_causal_order() -> None:
    marker = Marker("", NOW + 60, "anna", ParkReason.THROTTLED, "busy", 2, NOW - 400)
    records = [
        response(number=1, attempt=4),
        record("grant", 1, 400),
        response(answer=None, attempt=3),
        *(claim(number, age=400) for number in (4, 3, 2, 1)),
        record("unknown", 0, 400, name="stranger"),
    ]

    value = explanation_of(complete_pair()._replace(records=records, markers=[marker]))

    entries = [
        (entry["kind"], entry["text"].split(",")[0].split(";")[0]) for entry in value["timeline"]
    ]
    assert entries == [
        ("input", "liveness/incoming/anna/live.bin"),
        ("input", "liveness/incoming/anna/reference.jpg"),
        ("unknown", "stranger: not written by this function"),
        *(("claim", f"attempt {number} by invocation request-1") for number in (1, 2, 3)),
        ("response", "given up after attempt 3"),
        ("grant", "one more attempt granted by invocation request-1"),
        ("claim", "attempt 4 by invocation request-1"),
        ("response", "attempt 4: Success"),
        ("marker", "due 2027-01-15 08:01:00"),
    ]


def test_a_marker_comes_before_the_release_that_it_makes_safe() -> None:
    """It is always written first, whether or not a second ends between them."""
    marker = Marker("", NOW + 60, "anna", ParkReason.THROTTLED, "busy", 0, NOW - 400)
    snapshot = complete_pair()._replace(markers=[marker])

    for seconds in (0, 1):
        released = record("released", 1, 400 - seconds)
        value = explanation_of(snapshot._replace(records=[claim(1, age=400), released]))

        kinds = [entry["kind"] for entry in value["timeline"]]
        assert kinds == ["input", "input", "claim", "marker", "released"]


def test_a_pair_id_is_quoted_for_the_shell() -> None:
    snapshot = complete_pair(result=published("failed"))._replace(pair_id="anna's; rm -rf /")

    action = explanation_of(snapshot)["next"]["action"]

    assert action.endswith("""'anna'"'"'s; rm -rf /'""")
