"""A verdict is the function's: no other role writes, changes or deletes what it rests on."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from liveness.keys import pair_hash
from tests.conftest import BUCKET, PACKAGE

from .cast import (
    CREATE_ONLY,
    DENIED,
    DONE,
    NO_HEADERS,
    TAKEN,
    USERS,
    Actor,
    Attempt,
    Cast,
    allowing,
    delete,
    outcome_of,
    put,
    without_condition,
)

UNAUTHORIZED = "AuthFailure.UnauthorizedOperation"
DETECT = "DetectReflectLivenessAndCompare"
RESULTS, LEDGER = "liveness/results/anna/", "liveness/ledger/"
RESULT = RESULTS + "result.json"
REVIEW = RESULTS + "review-1.json"
FORGED = b'{"schema": "liveness-result/1", "status": "passed"}'
NAMES = (
    RESULT,
    "liveness/frames/anna/best-frame-00000000000000000000000000000000.jpg",
    RESULTS + "review-1/result.json",
    f"{LEDGER}claims/{pair_hash('anna')}/f/1.claim",
    f"{LEDGER}claims/{pair_hash('anna')}/f/response",
    f"{LEDGER}claims/{pair_hash('anna')}/f/late-1",
    f"{LEDGER}claims/{pair_hash('anna')}/f/grant-1",
    f"{LEDGER}submissions/{pair_hash('anna')}/1",
    f"{LEDGER}packages/00000000000000000000000000000000/1",
    f"{LEDGER}frame-urls/{pair_hash('anna')}/f-1",
    f"{LEDGER}pending/20200101T000000Z-{pair_hash('anna')}-x",
    f"{LEDGER}drain/1",
    f"{LEDGER}reconcile.json",
    f"{LEDGER}breaker.json",
)


def detect(who: Actor) -> None:
    """Have the paid API judge what the attacker chooses."""
    link = "http://faces-1250000000.cos.ap-singapore.myqcloud.com/x"
    params = {
        "LiveDataUrl": link,
        "LiveDataMd5": "0" * 32,
        "ImageUrl": link,
        "ImageMd5": "0" * 32,
    }
    api = who.api("faceid", "2018-03-01", "faceid.intl.tencentcloudapi.com")
    api.call_json(DETECT, params)


@pytest.fixture
def judged(cast: Cast) -> Cast:
    """Anna's package was judged, and rejected."""
    cast.photo("anna")
    code = "FailedOperation.CompareLowSimilarity"
    cast.package("anna", json.dumps({"sandbox": 1, "code": code, "sim": 12.5}).encode())
    assert cast.wake("anna")["status"] == "rejected"
    return cast


def response_key(cast: Cast) -> str:
    (key,) = cast.cloud.ledger_keys("response")
    return key


@pytest.mark.parametrize("role", USERS)
def test_no_other_role_writes_what_a_verdict_rests_on(cast: Cast, role: str) -> None:
    actor = cast.actor(role)
    for key in NAMES:
        assert outcome_of(put(key, FORGED, CREATE_ONLY), actor) == DENIED, key
    assert outcome_of(put(RESULT, FORGED), actor) == DENIED
    assert cast.cloud.bucket.keys("") == []
    with cast.with_policy(role, allowing("name/cos:PutObject")):
        assert {outcome_of(put(key, FORGED, CREATE_ONLY), actor) for key in NAMES} == {DONE}


@pytest.mark.parametrize("role", [role for role in USERS if role != "eraser"])
def test_no_other_role_but_an_eraser_deletes_what_a_verdict_rests_on(
    judged: Cast, role: str
) -> None:
    keys = judged.cloud.bucket.keys("")
    actor = judged.actor(role)

    assert {outcome_of(delete(key), actor) for key in keys} == {DENIED}

    assert judged.cloud.bucket.keys("") == keys
    with judged.with_policy(role, allowing("name/cos:DeleteObject")):
        assert {outcome_of(delete(key), actor) for key in keys} == {DONE}


@pytest.mark.parametrize("role", USERS)
def test_no_other_role_has_the_paid_service_judge(cast: Cast, role: str) -> None:
    assert cast.attempt(role, detect) == UNAUTHORIZED
    assert cast.cloud.calls == 0
    with cast.with_policy(role, allowing("faceid:*")):
        cast.attempt(role, detect)
    assert cast.cloud.calls == 1


INVOKERS = ("operator", "deployer", "tester")


@pytest.mark.parametrize("role", [role for role in USERS if role not in INVOKERS])
def test_nobody_else_invokes_the_function(cast: Cast, role: str) -> None:
    def invoke(who: Actor) -> None:
        params = {"FunctionName": "liveness", "Event": json.dumps({"pairs": ["anna"]})}
        who.api("scf", "2018-04-16").call_json("InvokeFunction", params)

    assert cast.attempt(role, invoke) == UNAUTHORIZED
    assert cast.function.lines == []
    assert cast.attempt("operator", invoke) == DONE


def test_an_eraser_who_deletes_a_verdict_cannot_put_another(judged: Cast) -> None:
    """What it deletes is judged again."""
    key, actor = response_key(judged), judged.actor("eraser")
    body = judged.cloud.stored(key).body()
    forged = body.replace(b"FailedOperation.CompareLowSimilarity", b"Success")

    assert outcome_of(delete(key), actor) == DONE
    assert outcome_of(delete(RESULT), actor) == DONE
    for name in (key, RESULT):
        assert outcome_of(put(name, forged, CREATE_ONLY), actor) == DENIED

    judged.cloud.advance(4000)
    assert judged.wake("anna")["status"] == "rejected"


@pytest.mark.parametrize("headers", [{}, CREATE_ONLY], ids=["replace", "create"])
def test_not_even_the_functions_keys_change_a_response_record(
    judged: Cast, headers: dict[str, str]
) -> None:
    key, actor = response_key(judged), judged.actor("function")

    refusal = TAKEN if headers else DENIED
    assert outcome_of(put(key, FORGED, headers), actor) == refusal
    assert outcome_of(delete(key), actor) == DENIED
    replacing = without_condition("cos:x-cos-forbid-overwrite")
    assert judged.stopped_by_policy("function", put(key, FORGED), replacing)


@pytest.mark.parametrize("name", ["submissions", "packages", "claims"])
def test_not_even_the_functions_keys_reset_a_count(judged: Cast, name: str) -> None:
    actor = judged.actor("function")
    keys = judged.cloud.bucket.keys(f"{LEDGER}{name}/")
    assert keys

    for key in keys:
        assert outcome_of(delete(key), actor) == DENIED
        assert outcome_of(put(key, FORGED), actor) == DENIED
    assert judged.stopped_by_policy("function", delete(keys[0]), allowing("name/cos:DeleteObject"))


def test_a_forged_response_record_does_not_pass_unnoticed(judged: Cast) -> None:
    """The account's owner can write one; a digest shows that it was changed carelessly."""
    key = response_key(judged)
    body = judged.cloud.stored(key).body()
    forged = body.replace(b"FailedOperation.CompareLowSimilarity", b"Success")
    judged.cloud.bucket.put(key, forged.replace(b'"similarity": 12.5', b'"similarity": 99.0'))
    judged.cloud.bucket.delete(RESULT)

    with pytest.raises(Exception, match="not as this function wrote it"):
        judged.wake("anna")

    assert judged.cloud.result("anna") is None


# ---- operators, reviewers


@pytest.mark.parametrize(
    "event",
    [
        {"pairs": ["anna"], "status": "passed"},
        {"retry": ["anna"], "pairs": ["anna"]},
        {"pairs": [{"pair_id": "anna", "status": "passed"}]},
        {"publish": {"anna": "passed"}},
        {"Records": [], "retry": ["anna"]},
    ],
    ids=str,
)
def test_an_operator_cannot_say_what_the_verdict_is(judged: Cast, event: object) -> None:
    judged.invoke("operator", event)
    refused = ("invocation.failed", "record.malformed", "record.ignored")
    assert any(judged.function.logged(name) for name in refused)
    judged.invoke("operator", {"retry": ["anna"]})

    assert judged.result("anna")["status"] == "rejected"
    assert judged.cloud.calls == 1


def review(headers: Mapping[str, str] = NO_HEADERS) -> Attempt:
    return put(REVIEW, b'{"schema": "liveness-review/1"}', headers)


def test_a_reviewer_adds_a_decision_once(judged: Cast) -> None:
    assert judged.attempt("reviewer", review(CREATE_ONLY)) == DONE
    first = judged.cloud.stored(REVIEW).etag

    assert judged.attempt("reviewer", review()) == DENIED
    assert judged.attempt("reviewer", review(CREATE_ONLY)) == TAKEN
    assert judged.attempt("reviewer", delete(REVIEW)) == DENIED
    assert judged.cloud.stored(REVIEW).etag == first
    replacing = without_condition("cos:x-cos-forbid-overwrite")
    assert judged.stopped_by_policy("reviewer", review(), replacing)


@pytest.mark.parametrize(
    ("body", "headers", "condition"),
    [
        (b"{}", {"x-cos-storage-class": "ARCHIVE"}, "cos:x-cos-storage-class"),
        (b"{}", {"x-cos-server-side-encryption": "cos/kms"}, "cos:x-cos-server-side-encryption"),
        (b" " * 300_000, {}, "cos:content-length"),
    ],
    ids=["archived", "encrypted", "huge"],
)
def test_a_reviewer_adds_no_decision_that_nobody_can_read(
    judged: Cast, body: bytes, headers: dict[str, str], condition: str
) -> None:
    """It would keep a consumer that reads one after another from all later ones."""
    attempt = put(REVIEW, body, CREATE_ONLY | headers)

    assert judged.stopped_by_policy("reviewer", attempt, without_condition(condition))


@pytest.mark.parametrize(
    "key",
    [
        "liveness/incoming/anna/reference.jpg",
        "liveness/incoming/anna/live.bin",
        "liveness/incoming/anna/liveness-accept-1/reference.jpg",
        "liveness/results/liveness-accept-1/result.json",
        "liveness/ledger/claims/x/y/1.claim",
    ],
)
def test_a_tester_puts_inputs_of_its_own_pairs_and_no_other_object(cast: Cast, key: str) -> None:
    """It may write both inputs, and so would pass as anybody."""
    attempt = put(key, PACKAGE, CREATE_ONLY)

    assert cast.stopped_by_policy("tester", attempt, allowing("name/cos:PutObject"))
    own = put("liveness/incoming/liveness-accept-1/reference.jpg", PACKAGE, CREATE_ONLY)
    assert cast.attempt("tester", own) == DONE


@pytest.mark.parametrize("role", [role for role in USERS if role != "reviewer"])
def test_only_a_reviewer_decides(cast: Cast, role: str) -> None:
    assert cast.attempt(role, review(CREATE_ONLY)) == DENIED
    with cast.with_policy(role, allowing("name/cos:PutObject")):
        assert cast.attempt(role, review(CREATE_ONLY)) == DONE


def test_a_forged_event_only_makes_the_function_look(cast: Cast) -> None:
    """It says that the pair is complete, and names a photo elsewhere; the bucket decides."""
    cast.package("anna", PACKAGE)
    event = cast.cloud.sandbox.trigger_event(BUCKET, "liveness/incoming/anna/live.bin")
    photo = json.loads(json.dumps(event).replace("live.bin", "reference.jpg"))
    foreign = json.loads(json.dumps(event).replace("faces", "theirs"))

    assert cast.function(photo)["pairs"][0]["state"] == "waiting"
    assert cast.function(foreign)["pairs"] == []

    assert (cast.cloud.calls, cast.cloud.result("anna")) == (0, None)
