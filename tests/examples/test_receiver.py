"""The endpoint: what is genuine, and what changes anything."""

from __future__ import annotations

import base64
import hmac
import json
import re
from typing import Any

import pytest

from receiver import MAX_AGE_SECONDS, Held, NotGenuine, is_new, newest, read_webhook
from tests.conftest import ROOT
from verdict import Verdict
from webhook import envelope, signature, signed_headers

SECRET = "whsec_" + base64.b64encode(b"a secret of at least 24 bytes").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another one, just as long").decode()
NOW = 1_800_000_000
VERDICT = Verdict(
    "anna", "passed", "Success", "function", "v1", "msg_1", "2026-11-27T08:00:00.123Z"
)
BODY = envelope(VERDICT, "faces-1250000000", "liveness/results/anna/result.json")


def held(time: str, verdict_id: str, status: str = "passed") -> Held:
    return Held("anna", status, verdict_id, time)


def test_the_signature_is_that_of_the_standard() -> None:
    # The specification's own example.
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    signed = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_genuine_message_is_read() -> None:
    headers = signed_headers(SECRET, "msg_1", NOW, BODY)

    received = read_webhook(SECRET, headers, BODY, NOW + 10.5)

    assert received == held("2026-11-27T08:00:00.123Z", "v1")


def test_the_envelope_is_a_cloud_event_without_picture_and_similarity() -> None:
    event: dict[str, Any] = json.loads(BODY)

    assert {name: event[name] for name in ("specversion", "id", "type", "subject")} == {
        "specversion": "1.0",
        "id": "msg_1",
        "type": "liveness.verdict",
        "subject": "anna",
    }
    assert set(event["data"]) == {
        "pair_id", "status", "reason", "decided_by", "verdict_id", "result",
    }  # fmt: skip


def test_integrating_shows_this_envelope() -> None:
    page = (ROOT / "docs/integrating.md").read_text("utf-8")
    (shown,) = re.findall(r"```json\n(\{\n  \"specversion.*?)```", page, re.DOTALL)

    assert shape(json.loads(shown)) == shape(json.loads(BODY))


def shape(value: Any) -> Any:
    """Return the names of fields, without their values."""
    return {name: shape(item) for name, item in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_while_a_secret_is_replaced_both_are_accepted(secret: str) -> None:
    headers = signed_headers(f"{OTHER_SECRET} {SECRET}", "msg_1", NOW, BODY)

    assert read_webhook(secret, headers, BODY, NOW).status == "passed"


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        (signed_headers(OTHER_SECRET, "msg_1", NOW, BODY), BODY, NOW),
        (signed_headers(SECRET, "msg_1", NOW, BODY), BODY.replace(b"anna", b"bert"), NOW),
        (signed_headers(SECRET, "msg_1", NOW, BODY) | {"webhook-id": "msg_2"}, BODY, NOW),
        (signed_headers(SECRET, "msg_1", NOW, BODY), BODY, NOW + MAX_AGE_SECONDS + 1),
        (signed_headers(SECRET, "msg_1", NOW, BODY), BODY, NOW - MAX_AGE_SECONDS - 1),
        (signed_headers(SECRET, "msg_1", NOW, BODY) | {"webhook-timestamp": "now"}, BODY, NOW),
        (signed_headers(SECRET, "msg_1", NOW, BODY) | {"webhook-signature": ""}, BODY, NOW),
        (signed_headers(SECRET, "msg_1", NOW, BODY) | {"webhook-signature": "v1,é"}, BODY, NOW),
        ({}, BODY, NOW),
    ],
    ids=[
        "secret", "body", "id", "too old", "too new", "no time", "unsigned", "not ASCII",
        "no headers",
    ],
)  # fmt: skip
def test_anything_else_is_not_genuine(headers: dict[str, str], body: bytes, seconds: float) -> None:
    with pytest.raises(NotGenuine):
        read_webhook(SECRET, headers, body, seconds)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_?", SECRET + "?"])
def test_a_secret_with_which_anyone_could_sign_is_refused(secret: str) -> None:
    """An empty one is what a variable that is not set may come to."""
    forged = hmac.digest(b"", f"msg_1.{NOW}.".encode() + BODY, "sha256")
    headers = signed_headers(SECRET, "msg_1", NOW, BODY)
    headers["webhook-signature"] = "v1," + base64.b64encode(forged).decode()

    with pytest.raises(ValueError):
        read_webhook(secret, headers, BODY, NOW)


def test_the_first_verdict_is_new() -> None:
    assert is_new(None, held("2026-11-27T08:00:00.123Z", "v1"))


def test_a_repetition_is_not_new() -> None:
    first, again = held("2026-11-27T08:00:00.123Z", "v1"), held("2026-11-27T08:05:00.123Z", "v1")

    assert not is_new(first, again)


def test_a_pass_that_follows_a_failure_is_new() -> None:
    failed = held("2026-11-27T08:00:00.123Z", "v1", "failed")
    passed = held("2026-11-27T09:00:00.123Z", "v2")

    assert is_new(failed, passed)
    assert newest(failed, passed) == passed


def test_an_older_message_that_arrives_late_changes_nothing() -> None:
    failed = held("2026-11-27T08:00:00.123Z", "v1", "failed")
    passed = held("2026-11-27T09:00:00.123Z", "v2")

    assert not is_new(passed, failed)
    assert newest(passed, failed) == passed


def test_a_verdict_that_returns_after_another_one_is_new() -> None:
    """Content that is replaced, and put back: comparing with all earlier ids would miss it."""
    first = held("2026-11-27T08:00:00.123Z", "v1")
    second = held("2026-11-27T08:10:00.123Z", "v2", "rejected")
    third = held("2026-11-27T08:20:00.123Z", "v1")

    assert is_new(newest(first, second), third)
