"""Markers worked off, over HTTP: nobody is forgotten, and no limit is fought over."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from liveness.backlog import MAX_VISITS, slot_key
from liveness.errors import PairsNotFinished
from liveness.settings import read_settings
from liveness_sandbox import Reply
from tests.conftest import Cloud, Instance

DRAIN = {"Type": "Timer", "TriggerName": "minute", "Time": "", "Message": "drain"}
THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}


def wake(cloud: Cloud, function: Instance, pair_id: str) -> dict[str, Any]:
    """As the upload's event does."""
    event = cloud.sandbox.event_for("faces-1250000000", f"liveness/incoming/{pair_id}/live.bin")
    summary: dict[str, Any] = function(event)["pairs"][0]
    return summary


def park_by_hand(cloud: Cloud, pair_id: str, **fields: Any) -> str:
    marker = {"schema": "liveness-marker/1", "pair_id": pair_id, "reason": "test", "visits": 0}
    key = f"liveness/ledger/pending/20200101T000000Z-{pair_id}hash-nonce"
    cloud.bucket.put(key, json.dumps(marker | fields).encode())
    return key


def test_a_throttled_event_parks_and_drains_its_own_marker(cloud: Cloud) -> None:
    cloud.put_pair("anna", THROTTLED)
    function = cloud.instance()

    assert wake(cloud, function, "anna")["state"] == "parked"

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.markers() == []
    assert cloud.bucket.keys("liveness/ledger/drain/") == []


def test_the_timer_works_markers_off(cloud: Cloud) -> None:
    names = [f"person-{number}" for number in range(8)]
    for name in names:
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    function = cloud.instance()

    assert function(DRAIN)["drain"] == {"began": True, "ended": {"published": 8}}

    (ended,) = function.logged("drain.ended")
    assert ended["overdue"] > 86400, "since the first of January 2020"

    assert all(cloud.result(name) for name in names)
    assert cloud.markers() == []
    assert cloud.billed == 8


def test_only_one_drains_in_a_slot(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    settings = read_settings(cloud.instance().environ)
    now = cloud.sandbox.clock.now().timestamp()
    for seconds in (-10, 0, 10):
        cloud.bucket.put(slot_key(settings, now + seconds), b'{"nonce": "somebody"}')

    assert cloud.instance()(DRAIN)["drain"] == {"began": False, "ended": {}}
    assert cloud.calls == 0
    assert len(cloud.markers()) == 1


def test_an_event_leaves_the_limit_to_a_drainer_at_work(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    settings = read_settings(function.environ)
    now = cloud.sandbox.clock.now().timestamp()
    for seconds in (-10, 0, 10):
        cloud.bucket.put(slot_key(settings, now + seconds), b'{"nonce": "somebody"}')

    assert wake(cloud, function, "anna")["state"] == "parked"
    assert cloud.calls == 0
    assert len(cloud.markers()) == 1
    # Who invokes directly asks for it now.
    assert function.walk("anna")["status"] == "passed"


def test_who_parks_while_a_drainer_leaves_is_not_forgotten(cloud: Cloud) -> None:
    # The drainer has listed for the last time; before it gives the slot back, somebody parks.
    for name in ("anna", "bert"):
        cloud.put_pair(name)
    park_by_hand(cloud, "anna")
    parked: list[str] = []

    def park_late(request: Any, phase: str) -> None:
        leaving = request.method == "DELETE" and "/drain/" in (request.key or "")
        if leaving and phase == "before" and not parked:
            parked.append(park_by_hand(cloud, "bert"))

    cloud.sandbox.hooks.append(park_late)
    cloud.instance()(DRAIN)

    assert parked
    assert cloud.result("bert") is not None
    assert cloud.markers() == []


def test_markers_that_are_not_due_are_left(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    key = "liveness/ledger/pending/29990101T000000Z-hash-nonce"
    cloud.bucket.put(key, b"{}")
    assert cloud.instance()(DRAIN)["drain"]["ended"] == {}
    assert cloud.bucket.get(key) is not None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"pair_id": 7}', b"\xff"])
def test_a_damaged_marker_is_removed_and_told(cloud: Cloud, body: bytes) -> None:
    cloud.bucket.put("liveness/ledger/pending/20200101T000000Z-hash-nonce", body)
    function = cloud.instance()
    assert function(DRAIN)["drain"]["ended"] == {"damaged": 1}
    assert function.logged("drain.marker-damaged")
    assert cloud.bucket.keys("liveness/ledger/pending/") == []


def test_a_marker_is_kept_until_its_pair_has_its_result(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")

    def look(request: Any, phase: str) -> None:
        publishing = request.method == "PUT" and (request.key or "").endswith("result.json")
        if publishing and phase == "before":
            seen.append(len(cloud.markers()))

    seen: list[int] = []
    cloud.sandbox.hooks.append(look)
    cloud.instance()(DRAIN)
    assert seen == [1]


def test_a_pair_at_work_is_noted_behind_all_others_and_counted(cloud: Cloud) -> None:
    # Should its instance die now, nobody waits behind it, and somebody will come back to it.
    cloud.put_pair("killer")
    park_by_hand(cloud, "killer", visits=4)
    seen: list[dict[str, Any]] = []
    cloud.on("HEAD", "killer/live.bin", lambda: seen.extend(cloud.markers()))

    cloud.instance()(DRAIN)

    (marker,) = seen
    assert marker["visits"] == 5
    assert marker["due"] - marker["parked_at"] >= 100


def test_after_too_many_visits_a_pair_is_given_up_visibly(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna", visits=MAX_VISITS)
    function = cloud.instance()

    function(DRAIN)

    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], result["reason"]["code"]) == ("failed", "GivenUp")
    assert cloud.calls == 0
    assert function.logged("drain.gave-up")
    assert cloud.markers() == []


def test_a_visit_that_fails_for_the_store_does_not_count_against_the_pair(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna", visits=3)
    cloud.on("HEAD", "live.bin", Reply(503), times=99)
    cloud.instance()(DRAIN)
    assert [marker["visits"] for marker in cloud.markers()] == [3]


def test_a_result_that_cannot_be_written_leaves_one_marker_however_often(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")
    cloud.on("PUT", "result.json", Reply(503), times=99)
    cloud.instance()(DRAIN)
    assert [marker["reason"] for marker in cloud.markers()] == ["a write may land late"]
    assert cloud.billed == 1


def test_wrong_configuration_stops_the_drain_and_keeps_the_markers(cloud: Cloud) -> None:
    for name in ("anna", "bert", "cleo"):
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    cloud.on("HEAD", "live.bin", Reply(403), times=99)
    with pytest.raises(Exception, match="check the execution role"):
        cloud.instance()(DRAIN)
    assert {marker["pair_id"] for marker in cloud.markers()} == {"anna", "bert", "cleo"}
    assert {marker["visits"] for marker in cloud.markers()} == {0}


def test_what_goes_wrong_in_a_drain_beside_an_event_is_not_the_events_fault(cloud: Cloud) -> None:
    cloud.put_pair("anna", THROTTLED)

    def refuse(request: Any, phase: str) -> Reply | None:
        listing = request.method == "GET" and not request.key
        return Reply(503) if listing and phase == "before" else None

    cloud.sandbox.hooks.append(refuse)
    function = cloud.instance()
    assert wake(cloud, function, "anna")["state"] == "parked"
    assert function.logged("drain.failed")
    assert len(cloud.markers()) == 1


def test_two_drainers_at_once_pay_nothing_twice(cloud: Cloud) -> None:
    names = [f"person-{number}" for number in range(6)]
    for name in names:
        cloud.put_pair(name)
        park_by_hand(cloud, name)
    # Neither sees the other's slot.
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

    done = function(RECONCILE)["reconcile"]

    assert done["finished"] and done["parked"] == 1
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


def test_reconcile_judges_by_metadata_not_by_times(cloud: Cloud) -> None:
    # A result written after the inputs, but for the content before.
    cloud.put_pair("anna")
    function = cloud.instance()
    function.walk("anna")
    old = cloud.bucket.get("liveness/results/anna/result.json")
    body, metadata = old.body(), old.metadata
    cloud.put_pair("anna", b"newer")
    cloud.bucket.put("liveness/results/anna/result.json", body, metadata=metadata)
    assert function(RECONCILE)["reconcile"]["parked"] == 1


def test_reconcile_leaves_what_is_older_than_the_ledger(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    for name in ("live.bin", "reference.jpg"):
        cloud.bucket.backdate(f"liveness/incoming/anna/{name}", 31 * 24 * 3600)
    assert cloud.instance()(RECONCILE)["reconcile"]["parked"] == 0


@pytest.mark.parametrize("flat", [False, True])
def test_reconcile_takes_one_request_for_a_thousand_keys(cloud: Cloud, flat: bool) -> None:
    names = [f"{number:04}" for number in range(1500)]
    function = cloud.instance(
        **({"LIVE_SUFFIXES": ".live", "IMAGE_SUFFIXES": ".jpg"} if flat else {})
    )
    function.walk("nobody")
    for name in names:
        for key in (f"{name}.live", f"{name}.jpg") if flat else (
            f"{name}/live.bin", f"{name}/reference.jpg"
        ):  # fmt: skip
            cloud.bucket.put(f"liveness/incoming/{key}", b"x")
            cloud.bucket.backdate(f"liveness/incoming/{key}", 100_000)
        result = f"liveness/results/{name}/result.json"
        cloud.bucket.put(result, b"{}")
        cloud.bucket.backdate(result, 90_000)
    state = {"finished_pass_began": cloud.sandbox.clock.now().timestamp() - 7200}
    state |= {"pass_began": 0, "cursor": ""}
    cloud.bucket.put("liveness/ledger/reconcile.json", json.dumps(state).encode())
    seen = len(cloud.requests_of(function))

    done = function(RECONCILE)["reconcile"]

    assert (done["keys"], done["looked_at"]) == (3000, 0)
    assert len(cloud.requests_of(function)) - seen <= 3 + 5 + 2  # inputs, results, state


def test_reconcile_goes_on_where_it_stopped(cloud: Cloud) -> None:
    for number in range(1200):
        cloud.put(f"{number:04}", "live.bin", b"x")
        cloud.bucket.backdate(f"liveness/incoming/{number:04}/live.bin", 40 * 24 * 3600)
    cloud.put_pair("lost-early")
    cloud.put_pair("0000-lost")
    function = cloud.instance()

    def out_of_time(request: Any, phase: str) -> None:
        if request.method == "GET" and not request.key and phase == "after" and not stopped:
            stopped.append(1)
            function.clock.shift += 115

    stopped: list[int] = []
    cloud.sandbox.hooks.append(out_of_time)
    assert function(RECONCILE)["reconcile"]["finished"] is False
    function.clock.shift = 0
    assert function(RECONCILE)["reconcile"]["finished"] is True
    assert {marker["pair_id"] for marker in cloud.markers()} == {"lost-early", "0000-lost"}


def test_reconcile_of_a_prefix_looks_there_only(cloud: Cloud) -> None:
    cloud.put_pair("2026/anna")
    cloud.put_pair("2027/bert")
    function = cloud.instance()
    assert function({"reconcile": {"prefix": "2026/"}})["reconcile"]["parked"] == 1
    assert [marker["pair_id"] for marker in cloud.markers()] == ["2026/anna"]


def test_a_pair_that_fails_is_parked_too(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    cloud.on("HEAD", "live.bin", Reply(503), times=4)
    function = cloud.instance()
    with pytest.raises(PairsNotFinished):
        function.walk("anna")
    function(DRAIN)
    assert cloud.result("anna") is not None
