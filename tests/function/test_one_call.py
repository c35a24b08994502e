"""One paid call for one fingerprint: claims, leases, lost replies, and what they may cost."""

from __future__ import annotations

import json
import threading

import pytest

from liveness.errors import PairsNotFinished
from liveness_sandbox import Drop, Hold, Reply
from tests.conftest import Cloud, Instance

FOREIGN_CLAIM = json.dumps({"attempt": 1, "nonce": "somebody-else", "owner": {}}).encode()


def claim_key(cloud: Cloud) -> str:
    (key,) = cloud.ledger_keys("1.claim")
    return key


def learn_claim_key(cloud: Cloud, pair_id: str = "anna") -> str:
    """Where the first claim will lie, learnt from a walk that stops right after it."""
    cloud.on("POST", "", Reply(500), service="faceid", times=9)
    cloud.instance().walk(pair_id)
    key = claim_key(cloud)
    for name in cloud.bucket.keys("liveness/ledger/"):
        cloud.bucket.delete(name)
    cloud.sandbox.hooks.clear()
    return key


def test_when_two_creates_both_get_200_only_the_one_that_stands_calls(cloud: Cloud) -> None:
    # COS may let two simultaneous create-only PUTs both succeed: the read-back settles it.
    cloud.put_pair("anna")
    key = learn_claim_key(cloud)

    def somebody_wins() -> None:
        cloud.bucket.put(key, FOREIGN_CLAIM)

    cloud.on("PUT", "1.claim", somebody_wins, phase="after")

    assert cloud.instance().walk("anna")["state"] == "parked"
    assert cloud.calls == 0
    assert len(cloud.markers()) == 1


def test_a_lost_reply_of_our_own_claim_is_not_taken_for_somebody_elses(cloud: Cloud) -> None:
    # The PUT took effect, its reply was lost, the retry gets a 409: the claim is still ours.
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


def test_a_lease_that_is_over_is_passed_and_counts(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = learn_claim_key(cloud)
    cloud.bucket.put(key, FOREIGN_CLAIM)
    cloud.bucket.backdate(key, 60)

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)


def test_the_lease_is_judged_by_the_stores_clock(cloud: Cloud) -> None:
    # An instance whose own clock is an hour ahead must not think the lease over.
    cloud.put_pair("anna")
    cloud.bucket.put(learn_claim_key(cloud), FOREIGN_CLAIM)
    function = cloud.instance()
    wall = function.clock.now
    function.clock.now = lambda: wall() + 3600  # type: ignore[method-assign]

    assert function.walk("anna")["state"] == "parked"
    assert cloud.calls == 0


def test_a_response_that_somebody_stored_is_published_without_a_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    cloud.bucket.delete("liveness/results/anna/result.json")

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_response_stored_between_claim_and_read_back_is_seen(cloud: Cloud) -> None:
    # Attempt 1's owner was slow, not dead: its response lands while we claim attempt 2.
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    (response_key,) = cloud.ledger_keys("response")
    response = cloud.bucket.get(response_key).body()
    cloud.bucket.delete(response_key)
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.bucket.backdate(claim_key(cloud), 60)

    def owner_answers() -> None:
        cloud.bucket.put(response_key, response)

    cloud.on("PUT", "2.claim", owner_answers, phase="after")

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_a_crash_after_the_record_pays_nothing_again(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", "result.json", Reply(503), times=99)
    with pytest.raises(PairsNotFinished, match="anna"):
        cloud.instance().walk("anna")
    cloud.sandbox.hooks.clear()

    assert cloud.instance().walk("anna")["status"] == "passed"
    assert cloud.calls == 1


def test_nothing_is_published_before_the_record_is_safe(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("PUT", "/response", Reply(503), times=99)

    with pytest.raises(PairsNotFinished):
        cloud.instance().walk("anna")

    assert cloud.bucket.keys("liveness/results/") == []


def test_an_unanswered_call_takes_another_attempt_and_is_counted(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after", "times": 1})

    assert cloud.instance().walk("anna")["status"] == "passed"

    result = cloud.result("anna")
    assert result is not None
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)
    assert cloud.ledger(".released") == []


def test_calls_never_exceed_the_limit_and_then_the_pair_is_given_up(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after"})
    function = cloud.instance(MAX_ATTEMPTS="2")

    # The last call may still be answered, so nobody gives up at once.
    assert function.walk("anna")["state"] == "parked"
    assert cloud.result("anna") is None
    for key in cloud.ledger_keys("1.claim") + cloud.ledger_keys("2.claim"):
        cloud.bucket.backdate(key, 80)
    assert function.walk("anna")["status"] == "failed"

    result = cloud.result("anna")
    assert result is not None
    assert result["reason"]["code"] == "GivenUp"
    assert (result["attempts"], result["possibly_billed_calls"]) == (2, 2)
    assert result["api"] is None
    assert cloud.calls == 2
    assert function.logged("pair.gave-up")


def test_nobody_gives_up_while_the_last_call_may_be_answered(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after"})
    function = cloud.instance(MAX_ATTEMPTS="1")
    function.walk("anna")
    cloud.bucket.backdate(claim_key(cloud), 60)  # the lease is over, the call's deadline is not

    assert function.walk("anna")["state"] == "parked"
    assert cloud.result("anna") is None


def given_up(cloud: Cloud) -> Instance:
    """A pair that was given up after one unanswered call, and the instance that did it."""
    cloud.put_pair("anna", {"drop": "after", "times": 1})
    function = cloud.instance(MAX_ATTEMPTS="1")
    function.walk("anna")
    cloud.bucket.backdate(claim_key(cloud), 80)
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
    with pytest.raises(PairsNotFinished):
        function({"retry": ["anna"]})
    cloud.sandbox.hooks.clear()

    assert cloud.instance(MAX_ATTEMPTS="1").walk("anna")["status"] == "passed"
    assert cloud.calls == 2


def test_a_slow_publisher_of_a_failure_does_not_undo_what_came_after(cloud: Cloud) -> None:
    # It gave up, and before it wrote that down an operator granted an attempt that passed.
    function = given_up(cloud)
    failure = cloud.bucket.get("liveness/results/anna/result.json")
    body, metadata = failure.body(), failure.metadata
    function({"retry": ["anna"]})

    def slow_publisher() -> None:
        key = "liveness/results/anna/result.json"
        cloud.bucket.put(key, body, metadata=metadata, content_type="application/json")

    slow_publisher()
    assert function.walk("anna")["status"] == "passed"
    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.calls == 2


def test_a_failure_whose_ledger_has_expired_is_not_paid_again(cloud: Cloud) -> None:
    function = given_up(cloud)
    for key in cloud.bucket.keys("liveness/ledger/claims/"):
        cloud.bucket.delete(key)
    assert function.walk("anna")["state"] == "done"
    assert cloud.calls == 1


def test_without_a_grant_a_given_up_pair_stays_so(cloud: Cloud) -> None:
    function = given_up(cloud)
    assert function.walk("anna") == {"pair_id": "anna", "state": "done", "status": "failed"}
    assert cloud.calls == 1


def test_an_answer_after_giving_up_is_kept_raises_an_alarm_and_is_not_paid_again(
    cloud: Cloud,
) -> None:
    # The owner is slower than everything allows; meanwhile another instance gives the pair up.
    cloud.put_pair("anna")
    slow, other = cloud.instance(MAX_ATTEMPTS="1"), cloud.instance(MAX_ATTEMPTS="1")
    calling, gave_up = threading.Event(), threading.Event()

    def hold_the_answer() -> Hold:
        calling.set()
        return Hold(gave_up)

    action = "DetectReflectLivenessAndCompare"
    cloud.on("POST", action, hold_the_answer, phase="after", service="faceid")
    owner = threading.Thread(target=slow.walk, args=("anna",))
    owner.start()
    assert calling.wait(10)
    cloud.bucket.backdate(claim_key(cloud), 80)
    other.walk("anna")
    gave_up.set()
    owner.join()

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "failed"
    assert cloud.ledger("late-1") == ["late-1"]
    assert slow.logged("pair.paid-after-give-up")

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


def test_an_owner_that_was_paused_past_its_lease_does_not_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()

    def pause() -> None:
        function.clock.shift += 49

    cloud.on("GET", "1.claim", pause, phase="after")
    function.walk("anna")

    assert cloud.calls == 0
    assert cloud.ledger(".released") == ["1.released"]
    assert len(cloud.markers()) == 1


def test_an_attempt_in_a_bucket_with_versions_is_refused_before_any_call(cloud: Cloud) -> None:
    cloud.sandbox.create_bucket("ledger-1250000000", versioning="Suspended")
    cloud.put_pair("anna")
    function = cloud.instance(LEDGER_BUCKET="ledger-1250000000")

    with pytest.raises(PairsNotFinished, match="keeps versions"):
        function.walk("anna")

    assert cloud.calls == 0


def test_a_bucket_that_ignores_create_only_is_found_out_before_any_call(cloud: Cloud) -> None:
    cloud.put_pair("anna")

    def forget() -> None:
        for key in cloud.ledger_keys("1.claim"):
            cloud.bucket.delete(key)

    cloud.on("PUT", "1.claim", forget, times=9)

    with pytest.raises(PairsNotFinished, match="x-cos-forbid-overwrite"):
        cloud.instance().walk("anna")

    assert cloud.calls == 0
    assert len(cloud.markers()) == 1


def test_create_only_is_proved_once_an_instance(cloud: Cloud) -> None:
    function = cloud.instance()
    for pair_id in ("anna", "bert"):
        cloud.put_pair(pair_id)
        function.walk(pair_id)
    puts = [r for r in cloud.requests_of(function) if (r.key or "").endswith("1.claim")]
    assert [r.status for r in puts if r.method == "PUT"] == [200, 409, 200]


@pytest.mark.parametrize("edit", [b"", b"[]", b"no json", b'{"schema": "liveness-response/1"}'])
def test_a_damaged_response_stops_the_pair_and_pays_nothing(cloud: Cloud, edit: bytes) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    (key,) = cloud.ledger_keys("response")
    cloud.bucket.put(key, edit)
    cloud.bucket.delete("liveness/results/anna/result.json")

    with pytest.raises(PairsNotFinished, match="LedgerDamaged"):
        cloud.instance().walk("anna")

    assert cloud.calls == 1
    assert cloud.result("anna") is None


def test_an_edited_verdict_is_noticed(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    cloud.instance().walk("anna")
    (key,) = cloud.ledger_keys("response")
    record = json.loads(cloud.bucket.get(key).body())
    record["answer"].update(code="Success", similarity=99.9)
    cloud.bucket.put(key, json.dumps(record).encode())
    cloud.bucket.delete("liveness/results/anna/result.json")

    with pytest.raises(PairsNotFinished, match="LedgerDamaged"):
        cloud.instance().walk("anna")
    assert cloud.result("anna") is None


@pytest.mark.parametrize("edit", [b"", b"[]", b'{"nonce": 7}', b"\xff"])
def test_an_edited_claim_is_nobodys_and_its_lease_still_counts(cloud: Cloud, edit: bytes) -> None:
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
    cloud.bucket.put(key.replace(".claim", ".released"), b'{"nonce": "not that one"}')
    assert cloud.instance().walk("anna")["state"] == "parked"
    assert cloud.calls == 0


def test_two_pairs_are_never_mixed(cloud: Cloud) -> None:
    # ".jpg" of pair "anna/reference" and "/reference.jpg" of pair "anna" are the same key.
    cloud.put_pair("anna")
    cloud.put("anna/reference", "live.bin", b"x")
    function = cloud.instance(IMAGE_SUFFIXES="/reference.jpg,.jpg")
    assert function.walk("anna/reference")["state"] == "waiting"
    assert function.walk("anna")["status"] == "passed"
    assert cloud.calls == 1
