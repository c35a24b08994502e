"""What `liveness explain` concludes, from plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from liveness.face import Answer
from liveness.keys import candidate_keys
from liveness.ledger import Response
from liveness.look import judge
from liveness.settings import read_settings
from liveness.store import ObjectHead
from liveness_cli.operator.explain import explanation_of
from liveness_cli.operator.facts import Marker, Owner, Pair, Record, Result, Slot

NOW = 1_800_000_000.0
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
OWNER = Owner("liveness", "$LATEST", "request-1")
PASSED = Answer("result", "Success", "ok", "api-1", 96.3, "https://frame/?q-sign", "0" * 32)
UNKNOWN = Answer("result", "Strange", "?", "api-1")


def head(key: str, size: int, meta: Mapping[str, str] | None = None) -> ObjectHead:
    return ObjectHead(key, size, "etag", None, NOW - 3600, NOW, meta or {})


def pair(*roles: str, sizes: int = 10, result: Mapping[str, str] | None = None) -> Pair:
    """A pair whose inputs of these roles lie there, and nothing else."""
    keys = candidate_keys(SETTINGS, "anna")
    first = {key.role: key for key in reversed(keys)}
    heads = [
        (key, head(key.key, sizes) if key.role in roles and key == first[key.role] else None)
        for key in keys
    ]
    look = judge(SETTINGS, "anna", heads, None if result is None else head("r", 9, result))
    work = look.work
    return Pair(SETTINGS, NOW, "anna", look, work.inputs if work else (), (), (), None, None, None)


def both(**more: Any) -> Pair:
    return pair("live", "image", **more)


def fingerprint() -> str:
    work = both().look.work
    assert work is not None
    return work.fingerprint


def published(status: str, **meta: str) -> dict[str, str]:
    return {"liveness-fingerprint": fingerprint(), "liveness-status": status} | meta


def record(name: str, age: float = 500, **more: Any) -> Record:
    return Record(fingerprint(), name, NOW - age, OWNER, **more)


def claim(number: int, age: float = 500) -> Record:
    return record(f"{number}.claim", age, nonce=f"secret {number}")


def response(name: str = "response", answer: Answer | None = PASSED, attempt: int = 1) -> Record:
    kept = Response(attempt, 1, 70.0, "presign", {}, NOW, NOW, answer)
    return record(name, 400, response=kept)


def state_of(read: Pair) -> str:
    value = explanation_of(read)
    assert "secret" not in str(value)
    assert "://" not in str(value)
    state: str = value["state"]
    return state


@pytest.mark.parametrize(
    ("read", "state"),
    [
        (pair(), "unknown"),
        (pair(result={})._replace(result=Result("anna", NOW, "passed")), "gone"),
        (both(sizes=0), "unusable"),
        (both(), "ready"),
        (both()._replace(records=[claim(1, age=5)]), "running"),
        (both()._replace(records=[claim(1)]), "ready"),
        (both()._replace(records=[claim(1), claim(2), claim(3)]), "exhausted"),
        (both()._replace(records=[claim(1), claim(2), claim(3, age=5)]), "running"),
        (both()._replace(records=[claim(1), response()]), "answered"),
        (both()._replace(records=[claim(1), record("response")]), "damaged"),
        (both(result=published("passed")), "passed"),
        (both(result=published("failed")), "failed"),
        (both(result=published("failed"))._replace(records=[record("grant-1")]), "ready"),
        (both(result={"liveness-fingerprint": "of other content"}), "ready"),
        (both(result=published("invalid", **{"liveness-reason": "InputEmpty"})), "ready"),
    ],
)
def test_the_state_of_a_pair(read: Pair, state: str) -> None:
    assert state_of(read) == state


def test_one_input_is_waited_for() -> None:
    read = pair("live")
    read = read._replace(inputs=both().inputs[:1])
    value = explanation_of(read)
    assert (value["state"], value["missing"], value["fingerprint"]) == ("waiting", ["image"], None)
    assert "waits for the image input" in value["next"]["happens"]


@pytest.mark.parametrize(
    ("nonce", "state"), [("secret 1", "released"), ("another", "unanswered"), (None, "unanswered")]
)
def test_only_its_owner_gives_an_attempt_back(nonce: str | None, state: str) -> None:
    read = both()._replace(records=[claim(1), record("1.released", nonce=nonce)])
    assert [attempt["state"] for attempt in explanation_of(read)["attempts"]] == [state]


def test_calls_that_a_retry_may_make() -> None:
    def at_most(read: Pair) -> int:
        calls: int = explanation_of(read)["next"]["calls_at_most"]
        return calls

    failed = both(result=published("failed"))
    claims = [claim(1), claim(2), claim(3)]
    given_up = response(answer=None, attempt=3)
    assert at_most(failed._replace(records=[*claims, given_up])) == 1
    assert at_most(failed._replace(records=[claim(1), response(answer=UNKNOWN)])) == 3
    # What came too late is used instead.
    late = response("late-3", attempt=3)
    assert at_most(failed._replace(records=[*claims, given_up, late])) == 0
    assert at_most(both(result=published("passed"))._replace(records=[claim(1), response()])) == 0
    assert at_most(both()._replace(records=[claim(1)])) == 2


@pytest.mark.parametrize(
    ("markers", "slot", "said"),
    [
        ([], None, "by the hourly reconcile, and not before: there is no marker"),
        ([Marker("", NOW - 9)], None, "by the next drain, within a minute: its marker is due"),
        ([Marker("", NOW + 40), Marker("", NOW + 90)], None, "after its marker is due, in 40 s"),
        ([Marker("", NOW - 9)], Slot(OWNER, NOW), "by invocation request-1, which drains now"),
    ],
)
def test_who_wakes_it(markers: list[Marker], slot: Slot | None, said: str) -> None:
    read = both()._replace(markers=markers, slot=slot)
    assert said in explanation_of(read)["next"]["happens"]


def test_the_timeline_within_one_second() -> None:
    marker = Marker("", NOW + 60, "anna", "busy", 2, NOW - 400)
    records = [
        response("response-1", attempt=4),
        record("grant-1", 400),
        response("response", None, attempt=3),
        *(claim(number, age=400) for number in (4, 3, 2, 1)),
        record("stranger", 400),
    ]
    value = explanation_of(both()._replace(records=records, markers=[marker]))
    told = [
        (entry["what"], entry["text"].split(",")[0].split(";")[0]) for entry in value["timeline"]
    ]
    assert told == [
        ("input", "liveness/incoming/anna/live.bin"),
        ("input", "liveness/incoming/anna/reference.jpg"),
        ("unknown", "stranger: not of this function"),
        *(("claim", f"attempt {number} by invocation request-1") for number in (1, 2, 3)),
        ("response", "given up after attempt 3"),
        ("grant", "one more attempt allowed by invocation request-1"),
        ("claim", "attempt 4 by invocation request-1"),
        ("response", "attempt 4: Success"),
        ("marker", "due 2027-01-15T08:01:00Z"),
    ]


def test_a_pair_id_is_quoted_for_the_shell() -> None:
    read = both(result=published("failed"))._replace(pair_id="anna's; rm -rf /")
    assert explanation_of(read)["next"]["you_can"].endswith("""'anna'"'"'s; rm -rf /'""")
