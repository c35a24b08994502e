"""Which contents are called for: what happens to numbers besides the attacks in tests/attacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liveness.cloud.system import ThreadConcurrency
from liveness.handler import Function
from liveness_sandbox import Drop, Reply
from tests.clocks import FastForwardClock
from tests.conftest import CONTEXT, PACKAGE, Cloud, Instance

DETECT = "DetectReflectLivenessAndCompare"
PACKAGES = "liveness/ledger/packages/"
# A code that nobody documented: the pair ends as `failed`, which is no verdict.
NO_VERDICT = {"Response": {"Error": {"Code": "FailedOperation.New", "Message": ""}}}


class OneWorker(ThreadConcurrency):
    """By a clock that only sleeping moves, workers that sleep at once would add up."""

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        super().run_pool(tasks, workers=1)


def end_without_verdict(cloud: Cloud, instance: Instance, *pair_ids: str) -> None:
    """Have these pairs, which share PACKAGE, end as `failed` one after another."""
    for pair_id in pair_ids:
        body = json.dumps({"Response": {**NO_VERDICT["Response"], "RequestId": "r"}}).encode()
        headers = {"Content-Type": "application/json"}
        cloud.on("POST", DETECT, Reply(200, body=body, headers=headers), service="faceid")
        assert judge(cloud, instance, pair_id) == ("failed", False)


def judge(cloud: Cloud, instance: Instance, pair_id: str) -> tuple[str, bool]:
    """Walk a pair with PACKAGE; return its status, and whether the package was used before."""
    cloud.advance(60)  # longer than a fresh number makes others wait
    cloud.put_pair(pair_id, PACKAGE)
    instance.walk(pair_id)
    result = cloud.result(pair_id)
    assert result is not None
    return result["status"], result["package"]["reused"]


def test_a_pair_may_send_one_package_with_many_photos(cloud: Cloud) -> None:
    instance = cloud.instance(MAX_SUBMISSIONS="10")
    cloud.put("anna", "live.bin", PACKAGE)
    for number in range(8):
        cloud.put("anna", "reference.jpg", b"\xff\xd8\xff photo %d" % number)
        assert instance.walk("anna")["state"] == "published"

    assert cloud.calls == 8


def test_a_reported_package_is_called_for_however_many_have_it(cloud: Cloud) -> None:
    instance = cloud.instance(REUSED_PACKAGE="report")
    end_without_verdict(cloud, instance, "anna", "ben", "cleo", "dora", "emil")

    assert judge(cloud, instance, "fred") == ("passed", True)


def test_a_package_that_is_reported_as_in_use_is_reported_later(cloud: Cloud) -> None:
    """The second pair is judged while the first one, which never is, may be under way."""
    instance = cloud.instance(REUSED_PACKAGE="report")
    cloud.on("POST", DETECT, Drop(), service="faceid")
    cloud.put_pair("anna", PACKAGE)
    assert instance.walk("anna")["state"] == "parked"
    assert judge(cloud, instance, "ben") == ("passed", True)
    cloud.bucket.delete("liveness/incoming/anna/live.bin")
    cloud.advance(600)

    assert judge(cloud, instance, "cleo") == ("passed", True)


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_number_that_was_erased_hides_no_other(cloud: Cloud, number: str) -> None:
    """The pair that is erased, or whose numbers expire first, was not judged; a later one was."""
    instance = cloud.instance()
    end_without_verdict(cloud, instance, "anna", "ben")
    assert judge(cloud, instance, "cleo") == ("passed", False)
    for key in cloud.bucket.keys(PACKAGES):
        if key.endswith(f"/{number}"):
            cloud.bucket.delete(key)

    assert judge(cloud, instance, "dora") == ("rejected", True)


def test_a_drain_spends_no_permit_on_contents_that_are_refused(cloud: Cloud) -> None:
    """At one call in two seconds, forty that share a package do not delay others for long."""
    assert judge(cloud, cloud.instance(), "anna") == ("passed", False)
    cloud.advance(60)
    crowd = [f"crowd-{number}" for number in range(40)]
    for pair_id in crowd:
        cloud.put_pair(pair_id, PACKAGE)
    instance = cloud.instance(RATE_LIMIT="0.5")
    instance({"reconcile": {}})
    clock = FastForwardClock()
    clock.wall_shift = cloud.advanced
    function = Function(
        clock=clock, concurrency=OneWorker(), environ=instance.environ, write=instance.lines.append
    )
    function({"drain": {}}, {**CONTEXT, "time_limit_in_ms": 900_000})

    assert all(cloud.result(pair_id) for pair_id in crowd)
    assert clock.shift < len(crowd) / 0.5 / 2
