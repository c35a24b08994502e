"""The example consumer beside the function: from upload to webhook, through real processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from deliver import Consumer
from tests.conftest import BUCKET, JPEG, PACKAGE, REVIEW_SCHEMA, Cloud

from .deployment import CONSUMER, FUNCTION, SECRET, deploy, inputs_of, put_role, upload_filters
from .endpoint import Endpoint

RESULT = "liveness/results/anna/result.json"
UNDELIVERED = "liveness/undelivered/"
PICTURE = {"key": "a key", "etag": "an etag", "size": 1, "sha256": "0" * 64}
TIMER = {"Type": "Timer", "TriggerName": "undelivered", "Time": "", "Message": "undelivered"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint(SECRET)
    yield endpoint
    endpoint.close()


def review(cloud: Cloud, number: int, decision: str) -> None:
    """Write a person's decision on the result that is there."""
    shown = cloud.stored(RESULT).body()
    fingerprint = json.loads(shown)["fingerprint"]
    pictures = {"reference": PICTURE, "best_frame": PICTURE}
    decided = {
        "schema": "liveness-review/1",
        "pair_id": "anna",
        "number": number,
        "nonce": "0" * 32,
        "decision": decision,
        "reason": {"code": "different-person", "note": ""},
        "reviewer": dict.fromkeys(("arn", "account_id", "user_id", "principal_id", "type"), "x"),
        "decided": cloud.sandbox.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "shown": {"fingerprint": fingerprint, "result_sha256": sha256(shown), **pictures},
        "version": "0",
    }
    REVIEW_SCHEMA.validate(decided)
    key = f"liveness/results/anna/review-{number}.json"
    cloud.client.put_object(BUCKET, json.dumps(decided).encode(), key)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def acted_on(endpoint: Endpoint) -> list[str]:
    return [held.status for held in endpoint.acted_on]


def test_the_triggers_of_both_functions_can_be_on_one_bucket() -> None:
    (ours,), (consumers,) = (
        upload_filters(inputs_of(manifest)) for manifest in (FUNCTION, CONSUMER)
    )

    assert not ours.overlaps(consumers)


def test_a_pair_that_is_uploaded_ends_as_a_webhook(cloud: Cloud, endpoint: Endpoint) -> None:
    deploy(cloud, FUNCTION)
    consumer = deploy(cloud, CONSUMER, endpoint.url)

    cloud.client.put_object(BUCKET, JPEG, "liveness/incoming/anna/reference.jpg")
    cloud.client.put_object(BUCKET, PACKAGE, "liveness/incoming/anna/live.bin")
    cloud.sandbox.wait_idle()

    assert acted_on(endpoint) == ["passed"]
    assert all(invocation.error is None for invocation in consumer.invocations)
    woken_by = {
        record["cos"]["cosObject"]["key"].rpartition("/")[2]
        for invocation in consumer.invocations
        for record in invocation.event["Records"]
    }
    assert woken_by == {"result.json"}  # not by the best frame
    assert cloud.bucket.keys(UNDELIVERED) == []


def test_a_duplicate_event_changes_nothing(cloud: Cloud, endpoint: Endpoint) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    event = cloud.sandbox.trigger_event(BUCKET, RESULT)

    consumer.invoke(event)
    consumer.invoke({"Records": event["Records"] * 2})

    assert len(endpoint.received) == 2
    assert len(set(endpoint.message_ids)) == 1
    assert acted_on(endpoint) == ["passed"]


def test_a_pass_after_an_operators_retry_is_delivered_too(cloud: Cloud, endpoint: Endpoint) -> None:
    """Fingerprint and pair are those of the failure: a consumer that compares them drops it."""
    cloud.put_pair("anna", {"response": {"Sim": None}, "times": 1})
    cloud.instance().walk("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    early = cloud.sandbox.trigger_event(BUCKET, RESULT)
    consumer.invoke(early)

    cloud.advance(120)  # the lease of the first attempt is over
    cloud.instance()({"retry": ["anna"]})
    consumer.invoke(early)  # the later event is lost: the earlier one, sent again, must do

    assert acted_on(endpoint) == ["failed", "passed"]


def test_replaced_content_is_a_new_verdict(cloud: Cloud, endpoint: Endpoint) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    event = cloud.sandbox.trigger_event(BUCKET, RESULT)
    consumer.invoke(event)

    cloud.advance(2)
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    cloud.instance().walk("anna")
    consumer.invoke(event)

    assert acted_on(endpoint) == ["passed", "rejected"]


def test_a_result_that_is_stored_late_over_a_newer_one_changes_nothing(
    cloud: Cloud, endpoint: Endpoint
) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    event = cloud.sandbox.trigger_event(BUCKET, RESULT)
    late = cloud.stored(RESULT).body()
    cloud.advance(2)
    cloud.put_pair("anna", {"code": "FailedOperation.LivessDetectFake"})
    cloud.instance().walk("anna")
    cloud.sandbox.wait_idle()

    cloud.bucket.put(RESULT, late)
    consumer.invoke(event)

    assert endpoint.received[-1].status == "passed"
    assert acted_on(endpoint) == ["rejected"]


def test_a_persons_decision_wakes_the_consumer_and_overrules(
    cloud: Cloud, endpoint: Endpoint
) -> None:
    cloud.put_pair("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    cloud.instance().walk("anna")
    cloud.sandbox.wait_idle()

    cloud.advance(2)
    review(cloud, 1, "reject")
    cloud.sandbox.wait_idle()
    cloud.advance(2)
    review(cloud, 2, "approve")
    cloud.sandbox.wait_idle()

    assert [invocation.error for invocation in consumer.invocations] == [None] * 3
    assert acted_on(endpoint) == ["passed", "rejected", "passed"]


def test_an_erased_result_is_no_error(cloud: Cloud, endpoint: Endpoint) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    event = cloud.sandbox.trigger_event(BUCKET, RESULT)
    cloud.bucket.delete(RESULT)

    invocation = consumer.invoke(event)

    assert invocation.error is None
    assert invocation.result["pairs"][0]["outcome"] == "there is no result"
    assert endpoint.received == []


def consumer_in_process(
    cloud: Cloud, url: str, pauses: list[float], secret: str = SECRET
) -> Consumer:
    """The consumer with pauses that take no time."""
    put_role(cloud, "liveness-consumer")
    keys = cloud.sandbox.temporary_credentials(role="liveness-consumer")
    environ = {
        "RESULT_BUCKET": BUCKET,
        "WEBHOOK_URL": url,
        "WEBHOOK_SECRET": secret,
        "TENCENTCLOUD_REGION": cloud.sandbox.region,
        "TENCENTCLOUD_SECRETID": keys.secret_id,
        "TENCENTCLOUD_SECRETKEY": keys.secret_key,
        "TENCENTCLOUD_SESSIONTOKEN": keys.token or "",
        "LIVENESS_ENDPOINT_SCHEME": "http",
    }
    return Consumer(environ, pauses.append)


@pytest.fixture
def judged(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    return cloud


def test_no_password_of_a_netrc_is_sent(judged: Cloud, endpoint: Endpoint, netrc: None) -> None:
    summary = consumer_in_process(judged, endpoint.url, []).deliver("anna")

    assert summary["outcome"] == "delivered"
    assert endpoint.authorizations == []


def test_an_endpoint_that_fails_for_a_moment_is_tried_again(
    judged: Cloud, endpoint: Endpoint
) -> None:
    endpoint.answers = [503, None]
    pauses: list[float] = []

    summary = consumer_in_process(judged, endpoint.url, pauses).deliver("anna")

    assert summary["outcome"] == "delivered"
    assert pauses == [1, 2]
    assert len(set(endpoint.message_ids)) == 1  # the receiver knows the second for a copy


def test_what_is_not_accepted_is_delivered_by_the_timer(judged: Cloud, endpoint: Endpoint) -> None:
    consumer = consumer_in_process(judged, endpoint.url, [])
    endpoint.answers = [500, 500, 302]
    assert consumer.deliver("anna")["outcome"] == "not delivered: HTTP 302"
    (note,) = judged.bucket.keys(UNDELIVERED)

    endpoint.answers = [500]
    assert consumer.deliver_again(lambda: True)[0]["outcome"] == "not delivered: HTTP 500"
    assert judged.bucket.keys(UNDELIVERED) == [note]
    consumer.deliver_again(lambda: True)

    assert acted_on(endpoint) == ["passed"]
    assert judged.bucket.keys(UNDELIVERED) == []


@pytest.mark.parametrize("first", [b"", b" " * 300_000 + b"{}"], ids=["empty", "huge"])
def test_a_decision_behind_one_that_is_none_is_delivered(
    judged: Cloud, endpoint: Endpoint, first: bytes
) -> None:
    """Whose keys may add decisions could otherwise keep all later ones from being seen."""
    judged.bucket.put("liveness/results/anna/review-1.json", first)
    judged.advance(2)
    review(judged, 2, "reject")

    consumer_in_process(judged, endpoint.url, []).deliver("anna")

    assert acted_on(endpoint) == ["rejected"]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", f"{SECRET} whsec_"])
def test_a_secret_with_which_anyone_could_sign_is_refused(judged: Cloud, secret: str) -> None:
    with pytest.raises(ValueError, match="24 random bytes"):
        consumer_in_process(judged, "https://example.com/", [], secret)


def test_the_timer_delivers_what_stands_now(judged: Cloud, endpoint: Endpoint) -> None:
    consumer = consumer_in_process(judged, endpoint.url, [])
    endpoint.answers = [500, 500, 500]
    consumer.deliver("anna")
    judged.advance(2)
    review(judged, 1, "reject")

    endpoint.answers = [500]
    consumer.deliver_again(lambda: True)
    (note,) = judged.bucket.keys(UNDELIVERED)
    consumer.deliver_again(lambda: True)

    assert note.endswith(endpoint.message_ids[-1])
    assert acted_on(endpoint) == ["rejected"]
    assert judged.bucket.keys(UNDELIVERED) == []


def test_one_pair_that_cannot_be_read_does_not_hold_up_the_others(
    judged: Cloud, endpoint: Endpoint
) -> None:
    consumer = consumer_in_process(judged, endpoint.url, [])
    judged.bucket.put("liveness/results/bert/result.json", b"damaged")
    judged.bucket.put(UNDELIVERED + "msg_0", b"bert")
    judged.bucket.put(UNDELIVERED + "msg_1", b"anna")

    outcomes = {each["outcome"] for each in consumer.deliver_again(lambda: True)}

    assert outcomes == {"JSONDecodeError", "delivered"}
    assert judged.bucket.keys(UNDELIVERED) == [UNDELIVERED + "msg_0"]


def test_the_result_of_another_pair_is_not_delivered(judged: Cloud, endpoint: Endpoint) -> None:
    judged.bucket.put("liveness/results/bert/result.json", judged.stored(RESULT).body())

    with pytest.raises(ValueError, match="another pair"):
        consumer_in_process(judged, endpoint.url, []).deliver("bert")

    assert endpoint.received == []


def test_notes_of_an_erased_pair_are_removed(judged: Cloud, endpoint: Endpoint) -> None:
    consumer = consumer_in_process(judged, endpoint.url, [])
    endpoint.answers = [500, 500, 500]
    consumer.deliver("anna")
    judged.bucket.delete(RESULT)

    consumer.deliver_again(lambda: True)

    assert judged.bucket.keys(UNDELIVERED) == []


def test_a_run_of_the_timer_ends_in_time(judged: Cloud, endpoint: Endpoint) -> None:
    consumer = consumer_in_process(judged, endpoint.url, [])
    endpoint.answers = [500, 500, 500]
    consumer.deliver("anna")

    assert consumer.deliver_again(lambda: False) == []
    assert len(judged.bucket.keys(UNDELIVERED)) == 1


def test_the_timer_reaches_the_deployed_function(cloud: Cloud, endpoint: Endpoint) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    consumer = deploy(cloud, CONSUMER, endpoint.url)
    cloud.bucket.put(UNDELIVERED + "msg_0", b"anna")

    invocation = consumer.invoke(TIMER)

    assert invocation.error is None
    assert acted_on(endpoint) == ["passed"]
    assert cloud.bucket.keys(UNDELIVERED) == []


def test_an_endpoint_without_tls_is_refused(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="https://"):
        consumer_in_process(cloud, "http://backend.example.com/", [])


def test_without_a_secret_nothing_is_sent(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        consumer_in_process(cloud, "https://backend.example.com/", [], secret="")


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("put", RESULT),
        ("put", "liveness/results/anna/review-1.json"),
        ("put", "liveness/incoming/anna/live.bin"),
        ("get", "liveness/incoming/anna/reference.jpg"),
        ("get", "liveness/frames/anna/best-frame-{md5}.jpg"),
        ("get", "liveness/ledger/claims/x"),
        ("delete", RESULT),
    ],
)
def test_a_consumer_forges_nothing_and_sees_no_face(judged: Cloud, method: str, key: str) -> None:
    put_role(judged, "liveness-consumer")
    keys = judged.sandbox.temporary_credentials(role="liveness-consumer")
    config = CosConfig(
        Region=judged.sandbox.region,
        SecretId=keys.secret_id,
        SecretKey=keys.secret_key,
        Token=keys.token,
        Scheme="http",
    )
    client = CosS3Client(config, retry=0)
    result = judged.result("anna")
    assert result is not None
    key = key.format(md5=result["best_frame"]["md5"])

    with pytest.raises(CosServiceError) as refused:
        if method == "put":
            client.put_object(BUCKET, b"{}", key)
        elif method == "get":
            client.get_object(BUCKET, key)
        else:
            client.delete_object(BUCKET, key)

    assert refused.value.get_status_code() == 403
