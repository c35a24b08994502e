"""Draining and reconciling over HTTP: no pair is lost, and one instance at a time calls."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import pytest

from liveness.errors import PairsNotFinishedError
from liveness.keys import (
    SLOT_SECONDS,
    drain_busy_key,
    drain_shard_of,
    drain_slot_key,
    pair_hash,
)
from liveness.markers import MAX_DELIVERIES
from liveness.settings import read_settings
from liveness_sandbox import Reply
from tests.conftest import Cloud, Instance, marker_body
from tests.function.test_one_call import LAST_PAUSE

DRAIN = {"Type": "Timer", "TriggerName": "minute", "Time": "", "Message": "drain"}
THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}


def upload_event(cloud: Cloud, function: Instance, pair_id: str) -> dict[str, Any]:
    """Invoke the function as the upload's event does; return the summary of the pair."""
    event = cloud.sandbox.trigger_event("faces-1250000000", f"liveness/incoming/{pair_id}/live.bin")
    summary: dict[str, Any] = function(event)["pairs"][0]
    return summary


def park_by_hand(cloud: Cloud, pair_id: str, token: str = "token", **fields: Any) -> str:
    """Write a marker that has been due since 2020."""
    pair_hash = hashlib.sha256(pair_id.encode()).hexdigest()
    key = f"liveness/ledger/pending/20200101T000000Z-{pair_hash}-{token}"
    cloud.bucket.put(key, marker_body(pair_id, **fields))
    return key


def test_a_throttled_event_parks_and_drains_its_own_marker(cloud: Cloud) -> None:
    cloud.put_pair("anna", THROTTLED)
    function = cloud.instance()

    assert upload_event(cloud, function, "anna")["state"] == "parked"

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.markers() == []
    assert cloud.bucket.keys("liveness/ledger/drain/") == []


def test_an_event_drains_every_shard_in_which_it_parked_a_pair(cloud: Cloud) -> None:
    """At a rate for several drainers, the pairs of one event may belong to different ones."""
    function = cloud.instance(RATE_LIMIT="100")
    settings = read_settings(function.environ)
    names = ["anna", "bert", "cleo", "dora"]
    assert len({drain_shard_of(settings, pair_hash(name)) for name in names}) > 1
    for name in names:
        cloud.put_pair(name, THROTTLED)
    key = "liveness/incoming/{}/live.bin"
    events = [cloud.sandbox.trigger_event("faces-1250000000", key.format(name)) for name in names]
    records = [record for event in events for record in event["Records"]]

    summary = function({"Records": records})

    assert [pair["state"] for pair in summary["pairs"]] == ["parked"] * 4
    assert all(cloud.result(name) for name in names)
    assert cloud.markers() == []


def test_the_timer_drains_due_markers(cloud: Cloud) -> None:
    names = [f"person-{number}" for number in range(8)]
    for name in names:
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    function = cloud.instance()

    assert function(DRAIN)["drain"] == {"began": True, "ended": {"published": 8}}

    (finished,) = function.logged("drain.finished")
    assert finished["overdue_seconds"] > 86400, "due since 1 January 2020"
    assert all(cloud.result(name) for name in names)
    assert cloud.markers() == []
    assert cloud.billed == 8


def test_only_one_instance_drains_in_a_slot(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    settings = read_settings(cloud.instance().environ)
    now = cloud.sandbox.clock.now().timestamp()
    for seconds in (-10, 0, 10):
        cloud.bucket.put(drain_slot_key(settings, now + seconds), b'{"nonce": "other-instance"}')

    assert cloud.instance()(DRAIN)["drain"] == {"began": False, "ended": {}}
    assert cloud.calls == 0
    assert len(cloud.markers()) == 1


def test_an_event_leaves_the_rate_to_a_busy_drainer(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    settings = read_settings(function.environ)
    now = cloud.sandbox.clock.now().timestamp()
    for seconds in (-10, 0, 10):
        busy = drain_busy_key(drain_slot_key(settings, now + seconds))
        cloud.bucket.put(busy, b"{}")

    assert upload_event(cloud, function, "anna")["state"] == "parked"
    assert cloud.calls == 0
    assert len(cloud.markers()) == 1

    # A direct invocation asks for the result now.
    assert function.walk("anna")["status"] == "passed"


def test_a_drainer_that_nobody_waits_for_leaves_events_the_rate(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    settings = read_settings(function.environ)
    now = cloud.sandbox.clock.now().timestamp()
    for seconds in (-10, 0, 10):
        cloud.bucket.put(drain_slot_key(settings, now + seconds), b'{"nonce": "other-instance"}')

    assert upload_event(cloud, function, "anna")["status"] == "passed"


def test_a_pair_parked_while_the_drainer_leaves_is_processed(cloud: Cloud) -> None:
    """The drainer has listed the markers for the last time but not released its slot yet."""
    for name in ("anna", "bert"):
        cloud.put_pair(name)
    park_by_hand(cloud, "anna")
    parked: list[str] = []

    def park_late(request: Any, phase: str) -> None:
        is_release = request.method == "DELETE" and "/drain/" in (request.key or "")
        if is_release and phase == "before" and not parked:
            parked.append(park_by_hand(cloud, "bert"))

    cloud.sandbox.hooks.append(park_late)

    cloud.instance()(DRAIN)

    assert parked
    assert cloud.result("bert") is not None
    assert cloud.markers() == []


def test_markers_that_are_not_due_stay(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = "liveness/ledger/pending/29990101T000000Z-hash-token"
    cloud.bucket.put(key, b"{}")

    assert cloud.instance()(DRAIN)["drain"]["ended"] == {}
    assert cloud.bucket.get(key) is not None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"pair_id": 7}', b"\xff"])
def test_an_invalid_marker_is_removed_and_logged(cloud: Cloud, body: bytes) -> None:
    cloud.bucket.put("liveness/ledger/pending/20200101T000000Z-hash-token", body)
    function = cloud.instance()

    assert function(DRAIN)["drain"]["ended"] == {"invalid": 1}
    assert function.logged("drain.marker-invalid")
    assert cloud.bucket.keys("liveness/ledger/pending/") == []


def test_a_marker_stays_until_its_pair_has_its_result(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    markers_at_publication: list[int] = []
    cloud.on(
        "PUT", "result.json", lambda: markers_at_publication.append(len(cloud.markers())), times=9
    )

    cloud.instance()(DRAIN)

    assert markers_at_publication == [1]


def test_further_markers_of_a_finished_pair_are_deleted_unvisited(cloud: Cloud) -> None:
    """They were listed before the walk began: whatever they announced was in the bucket already."""
    cloud.put_pair("anna")
    for token in ("1", "2", "3"):
        park_by_hand(cloud, "anna", token)
    function = cloud.instance()

    assert function(DRAIN)["drain"]["ended"] == {"published": 1, "obsolete": 2}

    assert cloud.markers() == []
    assert len(function.logged("pair.inspected")) == 2, "once at each end of the one walk"


def test_a_marker_is_requeued_last_before_its_pair_is_processed(cloud: Cloud) -> None:
    """A pair that crashes its instance holds up no other pair, and its marker counts that.

    This is poison-message handling: after too many deliveries the pair is given up.
    """
    cloud.put_pair("poison")
    park_by_hand(cloud, "poison", deliveries=4)
    markers: list[dict[str, Any]] = []
    cloud.on("HEAD", "poison/live.bin", lambda: markers.extend(cloud.markers()))

    cloud.instance()(DRAIN)

    (marker,) = markers
    assert marker["deliveries"] == 5
    assert marker["due"] - marker["parked_at"] >= 100


def test_a_pair_is_given_up_after_too_many_deliveries(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna", deliveries=MAX_DELIVERIES)
    function = cloud.instance()

    function(DRAIN)

    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], result["reason"]["code"]) == ("failed", "GivenUp")
    assert cloud.calls == 0
    assert cloud.ledger(".claim") == ["1.claim"]  # under which no other instance calls
    assert function.logged("drain.given-up")
    assert cloud.markers() == []


def test_no_poison_pair_is_given_up_while_its_call_may_be_answered(cloud: Cloud) -> None:
    cloud.put_pair("anna", {"drop": "after", "times": 1})
    cloud.instance(MAX_ATTEMPTS="1").walk("anna")
    for key in cloud.bucket.keys("liveness/ledger/pending/"):
        cloud.bucket.delete(key)
    cloud.advance(75)  # the lease is over, but an answer may still come
    park_by_hand(cloud, "anna", deliveries=MAX_DELIVERIES)
    function = cloud.instance()

    assert function(DRAIN)["drain"]["ended"] == {"parked": 1}

    (marker,) = cloud.markers()
    assert (marker["reason"], marker["deliveries"]) == ("attempts-exhausted", MAX_DELIVERIES)
    assert cloud.result("anna") is None

    cloud.advance(LAST_PAUSE)
    for key in cloud.bucket.keys("liveness/ledger/pending/"):
        cloud.bucket.delete(key)
    park_by_hand(cloud, "anna", deliveries=MAX_DELIVERIES)
    assert function(DRAIN)["drain"]["ended"] == {"published": 1}

    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], result["possibly_billed_calls"]) == ("failed", 1)
    assert cloud.calls == 1


def test_a_store_failure_does_not_count_as_a_delivery(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna", deliveries=3)
    cloud.on("HEAD", "live.bin", Reply(503), times=99)

    cloud.instance()(DRAIN)

    assert [marker["deliveries"] for marker in cloud.markers()] == [3]


def test_an_unwritable_result_leaves_exactly_one_marker(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    cloud.on("PUT", "result.json", Reply(503), times=99)

    cloud.instance()(DRAIN)

    assert [marker["reason"] for marker in cloud.markers()] == ["late-write"]
    assert cloud.billed == 1


def test_a_configuration_error_stops_the_drain_and_keeps_the_markers(cloud: Cloud) -> None:
    for name in ("anna", "bert", "cleo"):
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    cloud.on("HEAD", "live.bin", Reply(403), times=99)
    cloud.on("GET", ".liveness-control", Reply(403), times=99)

    with pytest.raises(Exception, match="check the execution role"):
        cloud.instance()(DRAIN)

    assert {marker["pair_id"] for marker in cloud.markers()} == {"anna", "bert", "cleo"}
    assert {marker["deliveries"] for marker in cloud.markers()} == {0}


def test_a_failing_drain_does_not_fail_the_event_that_started_it(cloud: Cloud) -> None:
    cloud.put_pair("anna", THROTTLED)

    def fail_listings(request: Any, phase: str) -> Reply | None:
        is_listing = request.method == "GET" and not request.key
        return Reply(503) if is_listing and phase == "before" else None

    cloud.sandbox.hooks.append(fail_listings)
    function = cloud.instance()

    assert upload_event(cloud, function, "anna")["state"] == "parked"
    assert function.logged("drain.failed")
    assert len(cloud.markers()) == 1


def test_two_concurrent_drainers_bill_nothing_twice(cloud: Cloud) -> None:
    names = [f"person-{number}" for number in range(6)]
    for name in names:
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    # Neither drainer sees the slot of the other one.
    cloud.sandbox.hooks.append(
        lambda request, phase: (
            Reply(200, headers={"ETag": '"0"'})
            if phase == "before" and request.method == "PUT" and "/drain/" in (request.key or "")
            else None
        )
    )

    drainers = [threading.Thread(target=cloud.instance(), args=(DRAIN,)) for _ in range(2)]
    for drainer in drainers:
        drainer.start()
    for drainer in drainers:
        drainer.join()

    assert all(cloud.result(name) for name in names)
    assert cloud.billed == 6


RECONCILE: dict[str, Any] = {"reconcile": {}}


def test_reconcile_parks_complete_pairs_that_no_event_finished(cloud: Cloud) -> None:
    cloud.put_pair("lost")
    cloud.put_pair("done")
    cloud.put("alone", "live.bin", b"x")
    function = cloud.instance()
    function.walk("done")

    run = function(RECONCILE)["reconcile"]

    assert run["complete"] and run["parked"] == 1
    assert [marker["pair_id"] for marker in cloud.markers()] == ["lost"]

    function(DRAIN)

    assert cloud.result("lost") is not None
    assert function(RECONCILE)["reconcile"]["parked"] == 0


def test_reconcile_parks_pairs_whose_inputs_changed(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    cloud.put_pair("anna", b"other content, and its event was lost")

    assert function(RECONCILE)["reconcile"]["parked"] == 1


def test_reconcile_decides_by_metadata_rather_than_times(cloud: Cloud) -> None:
    """The result was written after the inputs, but for the content before."""
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    old = cloud.stored("liveness/results/anna/result.json")
    body, metadata = old.body(), old.metadata
    cloud.put_pair("anna", b"newer")
    cloud.bucket.put("liveness/results/anna/result.json", body, metadata=metadata)

    assert function(RECONCILE)["reconcile"]["parked"] == 1


def test_reconcile_skips_pairs_older_than_the_ledger(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    for name in ("live.bin", "reference.jpg"):
        cloud.bucket.backdate(f"liveness/incoming/anna/{name}", 31 * 24 * 3600)

    assert cloud.instance()(RECONCILE)["reconcile"]["parked"] == 0


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("full", [False, True])
def test_reconcile_needs_one_request_per_thousand_keys(
    cloud: Cloud, flat: bool, full: bool
) -> None:
    names = [f"{number:04}" for number in range(1500)]
    function = cloud.instance(
        **({"LIVE_SUFFIXES": ".live", "IMAGE_SUFFIXES": ".jpg"} if flat else {})
    )
    function.walk("absent")
    for name in names:
        for key in (f"{name}.live", f"{name}.jpg") if flat else (
            f"{name}/live.bin", f"{name}/reference.jpg"
        ):  # fmt: skip
            cloud.bucket.put(f"liveness/incoming/{key}", b"x")
            cloud.bucket.backdate(f"liveness/incoming/{key}", 100_000)
        result = f"liveness/results/{name}/result.json"
        cloud.bucket.put(result, b"{}")
        cloud.bucket.backdate(result, 99_000)
    now = cloud.sandbox.clock.now().timestamp()
    state = {
        "finished_pass_began": now - 7200,
        "pass_began": 0,
        "cursor": "",
        "full_pass_began": now - (90_000 if full else 7200),
    }
    cloud.bucket.put("liveness/ledger/reconcile.json", json.dumps(state).encode())
    request_count = len(cloud.requests_of(function))

    run = function(RECONCILE)["reconcile"]

    assert (run["keys"], run["checked"]) == (3000, 0)
    # Inputs, state, markers; once a day the results, too.
    assert len(cloud.requests_of(function)) - request_count <= 3 + 2 + 1 + 5 * full


def test_reconcile_makes_one_request_for_a_pair_that_is_finished(cloud: Cloud) -> None:
    function = cloud.instance()
    for name in ("anna", "bert"):
        cloud.put_pair(name)
        function.walk(name)
    request_count = len(cloud.requests_of(function))

    run = function(RECONCILE)["reconcile"]

    assert (run["checked"], run["parked"]) == (2, 0)
    made = [f"{item.method} {item.key}" for item in cloud.requests_of(function)[request_count:]]
    assert sorted(item for item in made if "liveness/ledger" not in item and item != "GET ") == [
        "HEAD liveness/results/anna/result.json",
        "HEAD liveness/results/bert/result.json",
    ]


@pytest.mark.parametrize("hours", [0, 30])
def test_reconcile_finds_a_result_that_was_removed(cloud: Cloud, hours: int) -> None:
    """A pass every hour sees it as long as the inputs are new, and the daily one later, too."""
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    function(RECONCILE)
    cloud.bucket.delete("liveness/results/anna/result.json")
    cloud.advance(hours * 3600)

    assert function(RECONCILE)["reconcile"]["parked"] == 1


def test_reconcile_resumes_where_it_stopped(cloud: Cloud) -> None:
    for number in range(1200):
        cloud.put(f"{number:04}", "live.bin", b"x")
        cloud.bucket.backdate(f"liveness/incoming/{number:04}/live.bin", 40 * 24 * 3600)
    cloud.put_pair("lost-early")
    cloud.put_pair("0000-lost")
    function = cloud.instance()

    def use_up_the_time(request: Any, phase: str) -> None:
        if request.method == "GET" and not request.key and phase == "after" and not stopped:
            stopped.append(1)
            function.clock.shift += 115

    stopped: list[int] = []
    cloud.sandbox.hooks.append(use_up_the_time)

    assert function(RECONCILE)["reconcile"]["complete"] is False
    function.clock.shift = 0
    assert function(RECONCILE)["reconcile"]["complete"] is True
    assert {marker["pair_id"] for marker in cloud.markers()} == {"lost-early", "0000-lost"}


def test_reconcile_with_a_prefix_checks_only_that_prefix(cloud: Cloud) -> None:
    cloud.put_pair("2026/anna")
    cloud.put_pair("2027/bert")
    function = cloud.instance()

    assert function({"reconcile": {"prefix": "2026/"}})["reconcile"]["parked"] == 1
    assert [marker["pair_id"] for marker in cloud.markers()] == ["2026/anna"]


def test_a_failed_pair_is_parked_too(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("HEAD", "live.bin", Reply(503), times=4)
    function = cloud.instance()
    with pytest.raises(PairsNotFinishedError):
        function.walk("anna")

    function(DRAIN)

    assert cloud.result("anna") is not None


def test_a_drain_that_begins_as_its_slot_ends_goes_on(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    function = cloud.instance()
    seconds = cloud.sandbox.clock.now().timestamp() % SLOT_SECONDS
    cloud.advance((SLOT_SECONDS - 1.5 - seconds) % SLOT_SECONDS)
    looked: list[str] = []

    def let_the_slot_end(request: Any, phase: str) -> None:
        if (request.key or "").endswith("breaker.json") and phase == "before" and not looked:
            looked.append(request.key)
            cloud.advance(2.0)

    cloud.sandbox.hooks.append(let_the_slot_end)

    assert function(DRAIN)["drain"] == {"began": True, "ended": {"published": 1}}
    assert looked
