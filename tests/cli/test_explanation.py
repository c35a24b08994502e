"""The value of `liveness explain`, made from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from liveness.face_api import Answer
<<<<<<< HEAD
from liveness.inspection import CompletePair, Input, Inspection, classify
=======
from liveness.inspection import CompletePair, Inspection, classify
>>>>>>> 05297ec (A marker that the function would discard counts as damaged in status and explain)
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
PASSED = Answer("result", "Success", "ok", "api-1", 96.3, "https://frame/?q-sign", "0" * 32)
UNKNOWN = Answer("result", "Strange", "?", "api-1")


def head(key: str, size: int, meta: Mapping[str, str] | None = None) -> ObjectHead:
    return ObjectHead(key, size, "etag", None, NOW - 3600, NOW, meta or {})


def pair(*roles: str, sizes: int = 10, result: Mapping[str, str] | None = None) -> PairSnapshot:
    """A pair with only the inputs of these roles."""
    keys = candidate_keys(SETTINGS, "anna")
    first = {key.role: key for key in reversed(keys)}
<<<<<<< HEAD
    present = [key for key in keys if key.role in roles and key == first[key.role]]
    inputs = classify(
        SETTINGS,
        "anna",
        [Input(key.role, key.key, "etag", sizes, NOW - 3600, None) for key in present],
    )
=======
    heads = [
        (key, head(key.key, sizes) if key.role in roles and key == first[key.role] else None)
        for key in keys
    ]
    inputs = classify(SETTINGS, "anna", heads)
>>>>>>> 05297ec (A marker that the function would discard counts as damaged in status and explain)
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
<<<<<<< HEAD
    options: dict[str, Any] = {"name": f"{kind} {number}", "owner": OWNER, "written_at": NOW - age}
=======
    options = {"name": f"{kind} {number}", "owner": OWNER, "written_at": NOW - age}
>>>>>>> 05297ec (A marker that the function would discard counts as damaged in status and explain)
    return LedgerRecord(fingerprint(), kind, number, **(options | fields))


def claim(number: int, age: float = 500) -> LedgerRecord:
    return record("claim", number, age, nonce=f"secret {number}")


def response(
    kind: str = "response", number: int = 0, answer: Answer | None = PASSED, attempt: int = 1
) -> LedgerRecord:
    recorded = Response(attempt, 1, 70.0, "presign", {}, NOW, NOW, answer)
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
        ("marker", "due 2027-01-15T08:01:00Z"),
    ]


def test_a_pair_id_is_quoted_for_the_shell() -> None:
    snapshot = complete_pair(result=published("failed"))._replace(pair_id="anna's; rm -rf /")

    action = explanation_of(snapshot)["next"]["action"]

    assert action.endswith("""'anna'"'"'s; rm -rf /'""")
