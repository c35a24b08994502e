"""One billed call per fingerprint: claims, leases, lost replies, and what they may cost.

A claim is a lease on a conditional write (put-if-absent), confirmed by reading it back.
"""

from __future__ import annotations

import json
import threading

import pytest

from liveness.errors import PairsNotFinishedError
from liveness_sandbox import Drop, Pause, Reply
from tests.conftest import Cloud, Instance

# The longest pause before the last attempt, and before a pair is given up: an hour, and jitter.
LAST_PAUSE = 3600 * 1.2 + 5
FOREIGN_CLAIM = json.dumps({"attempt": 1, "nonce": "other-instance", "owner": {}}).encode()


def claim_key(cloud: Cloud) -> str:
    (key,) = cloud.ledger_keys("1.claim")
    return key


def learn_claim_key(cloud: Cloud, pair_id: str = "anna") -> str:
    """Find the key of the first claim by a walk that stops right after it."""
    cloud.on("POST", "", Reply(500), service="faceid", times=9)
    cloud.instance().walk(pair_id)
    key = claim_key(cloud)
    for name in cloud.bucket.keys("liveness/ledger/"):
        cloud.bucket.delete(name)
    cloud.sandbox.hooks.clear()
    return key


def test_when_two_creates_succeed_only_the_surviving_one_calls(cloud: Cloud) -> None:
    """COS may let two simultaneous create-only PUTs both succeed: the read-back decides."""
    cloud.put_pair("anna")
    key = learn_claim_key(cloud)

    def overwrite_claim() -> None:
        cloud.bucket.put(key, FOREIGN_CLAIM)

    cloud.on("PUT", "1.claim", overwrite_claim, phase="after")

    assert cloud.instance().walk("anna")["state"] == "parked"
    assert cloud.calls == 0
    assert len(cloud.markers()) == 1


def test_a_claim_whose_reply_was_lost_is_recognized(cloud: Cloud) -> None:
    """The PUT took effect, its reply was lost, its retry gets a 409: the claim is still ours."""
    cloud.put_pair("anna")
    cloud.on("PUT", "1.claim", Drop(), phase="after")

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.billed == 1
    assert cloud.ledger(".claim") == ["1.claim"]


def test_a_running_lease_parks_until_it_ends(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.bucket.put(learn_claim_key(cloud), FOREIGN_CLAIM)

    assert cloud.instance().walk("anna")["state"] == "parked"

    (marker,) = cloud.markers()
    assert cloud.calls == 0
    assert marker["pair_id"] == "anna"
    assert 48 <= marker["due"] - marker["parked_at"] <= 52


def test_an_expired_lease_is_superseded_and_counts(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = learn_claim_key(cloud)
    cloud.bucket.put(key, FOREIGN_CLAIM)
    cloud.bucket.backdate(key, 60)

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


def test_the_age_of_a_lease_is_measured_by_the_stores_clock(cloud: Cloud) -> None:
    """An instance whose own clock is an hour ahead must not consider the lease expired."""
    cloud.put_pair("anna")
    cloud.bucket.put(learn_claim_key(cloud), FOREIGN_CLAIM)
    function = cloud.instance()
    function.clock.wall_shift = 3600

    assert function.walk("anna")["state"] == "parked"
    assert cloud.calls == 0


def test_a_stored_response_is_published_without_a_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    cloud.bucket.delete("liveness/results/anna/result.json")

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_response_stored_between_claim_and_read_back_is_seen(cloud: Cloud) -> None:
    """The owner of attempt 1 was only slow: its response arrives while attempt 2 is claimed."""
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    (response_key,) = cloud.ledger_keys("response")
    response = cloud.stored(response_key).body()
    cloud.bucket.delete(response_key)
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.bucket.backdate(claim_key(cloud), 60)

    def store_response() -> None:
        cloud.bucket.put(response_key, response)

    cloud.on("PUT", "2.claim", store_response, phase="after")

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_crash_after_the_record_bills_nothing_again(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", "result.json", Reply(503), times=99)
    with pytest.raises(PairsNotFinishedError, match="anna"):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_nothing_is_published_before_the_record_is_stored(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()

    def refuse() -> Reply:
        function.clock.shift += 10
        return Reply(503)

    cloud.on("PUT", "/response", refuse, times=99)

    with pytest.raises(PairsNotFinishedError):
        function.walk("anna")

    assert function.clock.shift > 100  # it was tried for as long as the invocation lived
    assert cloud.bucket.keys("liveness/results/") == []


def test_an_unanswered_call_takes_another_attempt_and_counts(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after", "times": 1})
    function = cloud.instance()

    assert function.walk("anna")["state"] == "parked"
    cloud.advance(75)
    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)
    assert cloud.ledger(".released") == []


def test_a_pair_is_given_up_once_its_attempts_are_used_up(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after"})
    function = cloud.instance(MAX_ATTEMPTS="2")

    assert function.walk("anna")["state"] == "parked"
    cloud.advance(LAST_PAUSE)
    # The last call may still be answered, so the pair is not given up at once.
    assert function.walk("anna")["state"] == "parked"
    assert cloud.result("anna") is None
    cloud.advance(LAST_PAUSE)
    assert function.walk("anna")["status"] == "failed"

    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == "GivenUp"
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)
    assert result["api"] is None
    assert cloud.calls == 2
    assert function.logged("pair.given-up")


def test_no_pair_is_given_up_within_an_hour(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after"})
    function = cloud.instance(MAX_ATTEMPTS="1")
    function.walk("anna")
    for _ in range(10):
        cloud.advance(355)  # I9: not within an hour

        assert function.walk("anna")["state"] == "parked"
    assert cloud.result("anna") is None
    assert cloud.calls == 1


def given_up(cloud: Cloud) -> Instance:
    """Give the pair anna up after one unanswered call; return the instance that did it."""
    cloud.put_pair("anna", {"drop": "after", "times": 1})
    function = cloud.instance(MAX_ATTEMPTS="1")
    function.walk("anna")
    cloud.advance(LAST_PAUSE)
    assert function.walk("anna")["status"] == "failed"
    return function


def test_an_operator_may_grant_one_more_attempt(cloud: Cloud) -> None:
    function = given_up(cloud)

    assert function({"retry": ["anna"]})["pairs"][0]["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)
    assert cloud.calls == 2
    assert function.walk("anna") == {"pair_id": "anna", "state": "done", "status": "passed"}
    assert function({"retry": ["anna"]})["pairs"][0]["state"] == "done"
    assert cloud.calls == 2


def test_a_grant_survives_a_crash_right_after_it(cloud: Cloud) -> None:
    function = given_up(cloud)
    cloud.on("PUT", "2.claim", Reply(503), times=99)
    with pytest.raises(PairsNotFinishedError):
        function({"retry": ["anna"]})
    cloud.sandbox.hooks.clear()

    assert cloud.instance(MAX_ATTEMPTS="1").walk("anna")["status"] == "passed"
    assert cloud.calls == 2


def test_a_late_write_of_a_failure_is_corrected(cloud: Cloud) -> None:
    """An instance gives the pair up, but an operator grants an attempt before it publishes that."""
    function = given_up(cloud)
    failure = cloud.stored("liveness/results/anna/result.json")
    body, metadata = failure.body(), failure.metadata
    function({"retry": ["anna"]})

    key = "liveness/results/anna/result.json"
    cloud.bucket.put(key, body, metadata=metadata, content_type="application/json")
    assert function.walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.calls == 2


def test_a_failure_whose_ledger_has_expired_is_not_billed_again(cloud: Cloud) -> None:
    function = given_up(cloud)
    for key in cloud.bucket.keys("liveness/ledger/claims/"):
        cloud.bucket.delete(key)

    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == 1


def test_a_given_up_pair_stays_so_without_a_grant(cloud: Cloud) -> None:
    function = given_up(cloud)

    assert function.walk("anna") == {"pair_id": "anna", "state": "done", "status": "failed"}
    assert cloud.calls == 1


def test_an_answer_after_giving_up_is_stored_and_raises_an_alarm(cloud: Cloud) -> None:
    """The owner is slower than every deadline allows, and another instance gives the pair up.

    A grant then publishes the stored answer instead of making another call.
    """
    cloud.put_pair("anna")
    slow, other = cloud.instance(MAX_ATTEMPTS="1"), cloud.instance(MAX_ATTEMPTS="1")
    calling, given_up = threading.Event(), threading.Event()

    def hold_the_answer() -> Pause:
        calling.set()
        return Pause(given_up)

    action = "DetectReflectLivenessAndCompare"
    cloud.on("POST", action, hold_the_answer, phase="after", service="faceid")
    owner = threading.Thread(target=slow.walk, args=("anna",))
    owner.start()
    assert calling.wait(10)
    cloud.advance(LAST_PAUSE)
    other.walk("anna")
    given_up.set()
    owner.join()

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "failed"
    assert cloud.ledger("late-1") == ["late-1"]
    assert slow.logged("pair.billed-after-give-up")

    assert other({"retry": ["anna"]})["pairs"][0]["status"] == "passed"
    assert cloud.calls == 1


def test_too_little_time_left_parks_instead_of_calling(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()

    def pause() -> None:
        function.clock.shift += 110  # of 120

    cloud.on("HEAD", "live.bin", pause, phase="after")

    assert function.walk("anna")["state"] == "parked"
    assert cloud.ledger() == []
    assert len(cloud.markers()) == 1


def test_an_owner_paused_past_its_lease_does_not_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()

    def pause() -> None:
        function.clock.shift += 49

    cloud.on("GET", "1.claim", pause, phase="after")

    function.walk("anna")

    assert cloud.calls == 0
    assert cloud.ledger(".released") == ["1.released"]
    assert len(cloud.markers()) == 1


def test_a_versioned_ledger_bucket_is_rejected_before_any_call(cloud: Cloud) -> None:
    cloud.sandbox.create_bucket("ledger-1250000000", versioning="Suspended")
    cloud.put_pair("anna")
    function = cloud.instance(LEDGER_BUCKET="ledger-1250000000")

    with pytest.raises(PairsNotFinishedError, match="keeps versions"):
        function.walk("anna")

    assert cloud.calls == 0


def test_a_bucket_that_ignores_create_only_is_detected_before_any_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def delete_claim() -> None:
        for key in cloud.ledger_keys("1.claim"):
            cloud.bucket.delete(key)

    cloud.on("PUT", "1.claim", delete_claim, times=9)

    with pytest.raises(PairsNotFinishedError, match="x-cos-forbid-overwrite"):
        cloud.instance().walk("anna")

    assert cloud.calls == 0
    assert len(cloud.markers()) == 1


def test_create_only_is_verified_once_per_instance(cloud: Cloud) -> None:
    function = cloud.instance()
    for pair_id in ("anna", "bert"):
        cloud.put_pair(pair_id)
        function.walk(pair_id)

    puts = [r for r in cloud.requests_of(function) if (r.key or "").endswith("1.claim")]
    assert [r.status for r in puts if r.method == "PUT"] == [200, 409, 200]


@pytest.mark.parametrize("edit", [b"", b"[]", b"not JSON", b'{"schema": "liveness-response/2"}'])
def test_a_damaged_response_stops_the_pair_without_another_call(cloud: Cloud, edit: bytes) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    (key,) = cloud.ledger_keys("response")
    cloud.bucket.put(key, edit)
    cloud.bucket.delete("liveness/results/anna/result.json")

    with pytest.raises(PairsNotFinishedError, match="LedgerDamaged"):
        cloud.instance().walk("anna")

    assert cloud.calls == 1
    assert cloud.result("anna") is None


def test_an_edited_verdict_is_detected(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    cloud.instance().walk("anna")
    (key,) = cloud.ledger_keys("response")
    record = json.loads(cloud.stored(key).body())
    record["answer"].update(code="Success", similarity=99.9)
    cloud.bucket.put(key, json.dumps(record).encode())
    cloud.bucket.delete("liveness/results/anna/result.json")

    with pytest.raises(PairsNotFinishedError, match="LedgerDamaged"):
        cloud.instance().walk("anna")

    assert cloud.result("anna") is None


@pytest.mark.parametrize("edit", [b"", b"[]", b'{"nonce": 7}', b"\xff"])
def test_the_lease_of_an_edited_claim_still_counts(cloud: Cloud, edit: bytes) -> None:
    cloud.put_pair("anna")
    key = learn_claim_key(cloud)
    cloud.bucket.put(key, edit)
    assert cloud.instance().walk("anna")["state"] == "parked"
    cloud.bucket.backdate(key, 60)

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_release_that_names_another_nonce_releases_nothing(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = learn_claim_key(cloud)
    cloud.bucket.put(key, FOREIGN_CLAIM)
    cloud.bucket.put(key.replace(".claim", ".released"), b'{"nonce": "another-nonce"}')

    assert cloud.instance().walk("anna")["state"] == "parked"
    assert cloud.calls == 0


def test_overlapping_suffixes_never_mix_two_pairs(cloud: Cloud) -> None:
    """Pair "anna" with "/reference.jpg" and pair "anna/reference" with ".jpg" share one key."""
    cloud.put_pair("anna")
    cloud.put("anna/reference", "live.bin", b"x")
    function = cloud.instance(IMAGE_SUFFIXES="/reference.jpg,.jpg")

    assert function.walk("anna/reference")["state"] == "waiting"
    assert function.walk("anna")["status"] == "passed"
    assert cloud.calls == 1
