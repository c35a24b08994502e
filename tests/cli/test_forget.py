"""`liveness forget`: all of one pair goes, nothing of another, whoever is at work meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from liveness.keys import pair_hash
from liveness_cli.operator.erasure import QUIESCENCE_SECONDS
from liveness_sandbox import Effect, Fault, Reply
from tests.conftest import BUCKET, Cloud

from .conftest import Command, assert_one_sentence

THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}
DETECT = "DetectReflectLivenessAndCompare"
Forget = Callable[..., Result]


class Sleep:
    """In place of the command's waits: counted, and something may happen meanwhile."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.meanwhile: Callable[[], Any] = lambda: None

    def __call__(self, clock: object, seconds: float) -> None:
        self.seconds += seconds
        self.meanwhile()


@pytest.fixture
def sleep(monkeypatch: pytest.MonkeyPatch) -> Sleep:
    sleep = Sleep()
    monkeypatch.setattr("liveness.seams.SystemClock.sleep", lambda *given: sleep(*given))
    return sleep


@pytest.fixture
def forget(cloud: Cloud, environment: None, sleep: Sleep, liveness: Command) -> Forget:
    def call(*arguments: str, answer: str | None = None) -> Result:
        result = liveness("forget", *arguments, stdin=answer)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        for secret in (cloud.sandbox.credentials.secret_key, "q-sign", "http://", "https://"):
            assert secret not in result.output
        return result

    return call


def everything(cloud: Cloud, pair_id: str) -> list[str]:
    """Every object whose key or body names the pair."""
    named = (f"/{pair_id}/", pair_hash(pair_id))
    return [
        key
        for key in cloud.bucket.keys("")
        if any(name in key for name in named)
        or f'"{pair_id}"'.encode() in cloud.bucket.get(key).body()
    ]


def judged(cloud: Cloud, *pair_ids: str) -> None:
    for pair_id in pair_ids:
        cloud.put_pair(pair_id)
        assert cloud.instance().walk(pair_id)["state"] == "published"


def long_ago(cloud: Cloud) -> None:
    for key in cloud.bucket.keys(""):
        cloud.bucket.backdate(key, 2 * QUIESCENCE_SECONDS)


def test_all_of_one_pair_goes_and_nothing_of_the_others(cloud: Cloud, forget: Forget) -> None:
    others = ("ann", "annab", "anna/2", "anna/2/b", "x/anna")
    judged(cloud, "anna", *others)
    for pair_id in ("bert", "anna"):
        cloud.put_pair(pair_id, {**THROTTLED, "comment": pair_id})
        assert cloud.instance().walk(pair_id)["state"] == "parked"
    hashed = pair_hash("anna")
    own = {
        key
        for key in cloud.bucket.keys("")
        if hashed in key
        or key.rpartition("/")[0] in ("liveness/incoming/anna", "liveness/results/anna")
    }
    before = set(cloud.bucket.keys(""))

    result = forget("anna", "--yes", "--json")

    assert result.exit_code == 0, result.output
    value = json.loads(result.stdout)
    assert {kind: len(keys) for kind, keys in value["objects"].items()} == {
        "inputs": 2, "markers": 1, "results": 2, "ledger": 4,
    }  # fmt: skip
    assert {key for keys in value["objects"].values() for key in keys} == own
    assert set(cloud.bucket.keys("")) == before - own
    assert value["complete"] is True
    assert not [key for key in everything(cloud, "anna") if "anna/2" not in key and "x/" not in key]


def test_dry_run_lists_the_same_and_removes_nothing(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    before = cloud.bucket.keys("")

    shown = json.loads(forget("anna", "--dry-run", "--json").stdout)
    assert cloud.bucket.keys("") == before
    assert "6 objects would be removed" in forget("anna", "--dry-run").stdout

    removed = json.loads(forget("anna", "--yes", "--json").stdout)
    assert removed["objects"] == shown["objects"]


def test_inputs_go_first_and_claims_last(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    forget("anna", "--yes")
    requests = [request for request in cloud.sandbox.requests if request.method == "DELETE"]
    deleted = [request.key.split("/")[1] for request in requests]
    assert deleted == ["incoming"] * 2 + ["results"] * 2 + ["ledger"] * 2


def test_it_asks_first(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    before = cloud.bucket.keys("")

    declined = forget("anna", answer="n\n")
    assert declined.exit_code == 1
    assert "anna: 2 inputs, 2 result objects, 2 ledger objects" in declined.stderr
    assert cloud.bucket.keys("") == before

    assert forget("anna", answer="y\n").exit_code == 0
    assert cloud.bucket.keys("") == []


def test_what_is_printed(cloud: Cloud, forget: Forget) -> None:
    cloud.put_pair("anna", THROTTLED)
    cloud.instance().walk("anna")
    lines = forget("anna", "--yes").stdout.splitlines()
    assert lines[:6] == [
        "Pair anna: 5 objects removed",
        "  inputs   liveness/incoming/anna/live.bin",
        "           liveness/incoming/anna/reference.jpg",
        "  markers  1 marker, see --json",
        "  ledger   2 ledger objects, see --json",
        "",
    ]
    assert lines[6] == "Not erased"
    assert len(lines) == 12


def test_a_pair_that_nobody_knows(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "bert")
    before = cloud.bucket.keys("")
    result = forget("anna")  # nothing to ask about
    assert result.exit_code == 0
    assert "0 objects removed" in result.stdout
    assert cloud.bucket.keys("") == before


def test_who_was_judged_long_ago_is_erased_at_once(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    judged(cloud, "anna")
    long_ago(cloud)
    assert forget("anna", "--yes").exit_code == 0
    assert everything(cloud, "anna") == []
    assert sleep.seconds < 5


# ---- while an invocation is at work


def test_what_an_invocation_writes_meanwhile_goes_too(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    cloud.put_pair("anna", {"delay": 1})
    ended: list[dict[str, Any]] = []
    at_work = threading.Thread(target=lambda: ended.append(cloud.instance().walk("anna")))
    at_work.start()
    # It has downloaded both files and waits for the answer.
    while not any(request.auth == "query" and request.status for request in downloads(cloud)):
        time.sleep(0.01)
    # And takes a minute until it ends.
    sleep.meanwhile = lambda: at_work.join() if sleep.seconds > 60 else None

    result = forget("anna", "--yes", "--json")

    at_work.join()
    assert ended[0]["state"] == "published"
    value = json.loads(result.stdout)
    assert result.exit_code == 0 and value["complete"]
    assert any(key.endswith("/response") for key in value["objects"]["ledger"])
    assert any("best-frame" in key for key in value["objects"]["results"])
    assert cloud.bucket.keys("") == []
    assert sleep.seconds > QUIESCENCE_SECONDS


def downloads(cloud: Cloud) -> list[Any]:
    return [r for r in cloud.sandbox.requests if (r.key or "").endswith("reference.jpg")]


def test_who_looked_before_and_calls_afterwards_finds_nothing(
    cloud: Cloud, forget: Forget, sleep: Sleep
) -> None:
    cloud.put_pair("anna")
    long_ago(cloud)

    def both_inputs_go() -> None:
        for name in ("live.bin", "reference.jpg"):
            cloud.bucket.delete(f"liveness/incoming/anna/{name}")

    cloud.on("PUT", "1.claim", both_inputs_go)
    assert cloud.instance().walk("anna")["state"] == "waiting"
    assert cloud.billed == 0

    assert forget("anna", "--yes").exit_code == 0

    assert everything(cloud, "anna") == []


def test_an_event_that_comes_late_writes_nothing(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    event = cloud.sandbox.event_for(BUCKET, "liveness/incoming/anna/live.bin")
    assert forget("anna", "--yes").exit_code == 0
    function = cloud.instance()
    assert function(event)["pairs"][0]["state"] == "waiting"
    function({"reconcile": {}})
    function({"drain": {}})
    assert everything(cloud, "anna") == []


def test_listings_that_lag(cloud: Cloud, forget: Forget, sleep: Sleep) -> None:
    """What was written lately is missing in them, what was removed is still there."""
    cloud.sandbox.faults.add(Fault(Effect(stale_list=60)))
    judged(cloud, "anna")
    assert cloud.client.list_objects(BUCKET).get("Contents") is None
    shown = json.loads(forget("anna", "--dry-run", "--json").stdout)["objects"]
    assert shown["results"] == ["liveness/results/anna/result.json"]
    assert len(shown["inputs"]) == 2
    sleep.meanwhile = lambda: cloud.sandbox.clock.advance(1)

    assert forget("anna", "--yes").exit_code == 0

    cloud.sandbox.clock.advance(61)
    assert cloud.bucket.keys("") == []


def test_what_is_listed_and_gone_does_not_count(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    long_ago(cloud)
    cloud.sandbox.faults.add(Fault(Effect(stale_list=3600)))
    assert forget("anna", "--yes").exit_code == 0
    assert len(cloud.client.list_objects(BUCKET)["Contents"]) == 6
    assert cloud.bucket.keys("") == []


def test_who_goes_on_uploading_is_told(cloud: Cloud, forget: Forget, sleep: Sleep) -> None:
    judged(cloud, "anna")
    sleep.meanwhile = lambda: cloud.put("anna", "live.bin", b"again")
    result = forget("anna", "--yes")
    assert result.exit_code == 1
    assert "NOT COMPLETE" in result.stdout


def test_after_it_the_same_upload_is_new_work(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    forget("anna", "--yes")
    judged(cloud, "anna")
    assert cloud.billed == 2


# ---- what goes wrong


def test_one_that_broke_off_can_be_run_again(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    cloud.on("DELETE", "result.json", Reply(503), times=4)
    broken = forget("anna", "--yes")
    assert broken.exit_code == 1
    assert_one_sentence(broken, "StoreUnavailable")
    assert cloud.bucket.keys("liveness/incoming/") == []

    assert forget("anna", "--yes").exit_code == 0
    assert cloud.bucket.keys("") == []


def test_a_key_that_may_not_delete(cloud: Cloud, forget: Forget) -> None:
    judged(cloud, "anna")
    cloud.on("DELETE", "", Reply(403), times=100)
    assert_one_sentence(forget("anna", "--yes"), "403", "policy")


@pytest.mark.parametrize("pair_id", ["", "x" * 900])
def test_what_can_be_no_pair_id(forget: Forget, pair_id: str) -> None:
    result = forget(pair_id, "--yes")
    assert result.exit_code == 2
    assert_one_sentence(result, "pair id")


def test_an_environment_that_names_no_bucket(liveness: Command) -> None:
    result = liveness("forget", "anna")
    assert result.exit_code == 2
    for name in ("LIVENESS_BUCKET", "TENCENTCLOUD_REGION", "TENCENTCLOUD_SECRETID"):
        assert name in result.stderr
