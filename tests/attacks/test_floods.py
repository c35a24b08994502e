"""Many uploads at once: calls stay within the rate, and other people's pairs go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liveness.cloud.system import SystemClock, ThreadConcurrency
from liveness.handler import Function
from tests.conftest import BUCKET, CONTEXT, Cloud

from .cast import CREATE_ONLY, Cast, package_key, put

RECONCILE: dict[str, Any] = {"reconcile": {}}
DRAIN: dict[str, Any] = {"drain": {}}
RATE, FLOOD = 1, 12


def scripted(number: int, **instructions: Any) -> bytes:
    return json.dumps({"sandbox": 1, "comment": number, **instructions}).encode()


def test_packages_under_invented_pair_ids_cost_nothing(cast: Cast) -> None:
    """Even with a `*` in the uploader's policy: only a backend puts the photo that they lack."""
    actor, keys = cast.actor("app"), [package_key(f"invented-{number}") for number in range(100)]
    records: list[Any] = []
    for key in keys:
        put(key, b"x", CREATE_ONLY)(actor)
        records += cast.cloud.sandbox.trigger_event(BUCKET, key)["Records"]

    pairs = cast.function({"Records": records})["pairs"]

    assert {pair["state"] for pair in pairs} == {"waiting"}
    assert cast.cloud.calls == 0
    assert cast.cloud.bucket.keys("") == sorted(keys), "nothing is written for them, either"


class SandboxClock(SystemClock):
    """The sandbox's clock, which sleeping moves forward."""

    def __init__(self, cloud: Cloud) -> None:
        self._clock = cloud.sandbox.clock

    def now(self) -> float:
        return self._clock.now().timestamp()

    def monotonic(self) -> float:
        return self.now()

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)
        time.sleep(min(seconds, 0.002))  # code that waits for other threads must let them run


class OneWorker(ThreadConcurrency):
    """By a clock that only sleeping moves, workers that sleep at once would add up."""

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        super().run_pool(tasks, workers=1)


def test_a_flood_of_pairs_is_called_for_at_the_configured_rate(cast: Cast, cloud: Cloud) -> None:
    """No call arrives earlier than the rate allows, counted from the beginning; later it may."""
    for number in range(FLOOD):
        cloud.put_pair(f"flood-{number:02}", scripted(number))
    cast.function(RECONCILE)
    clock = SandboxClock(cloud)
    function = Function(
        clock=clock,
        concurrency=OneWorker(),
        environ=cast.function.environ | {"LIVENESS_RATE_LIMIT": str(RATE)},
        write=lambda line: None,
    )
    arrivals: list[float] = []

    def note(request: Any, phase: str) -> None:
        if (request.service, phase) == ("faceid", "before"):
            arrivals.append(clock.now())

    cloud.sandbox.hooks.append(note)
    began = clock.now()

    for _ in range(20):
        function(DRAIN, CONTEXT)
        cloud.sandbox.clock.advance(60)
        if not cloud.markers():
            break

    assert len(arrivals) == cloud.calls == FLOOD
    for number, arrival in enumerate(sorted(arrivals)):
        assert arrival - began >= number / RATE


@pytest.mark.parametrize("code", ["FailedOperation.UnKnown", "InternalError"])
def test_pairs_that_cannot_be_judged_do_not_delay_others(cast: Cast, code: str) -> None:
    """Nor are they taken for an outage, which would pause everybody."""
    for number in range(7):
        cast.cloud.put_pair(f"flood-{number}", scripted(number, code=code, channel="error"))
    cast.function(RECONCILE)
    cast.function(DRAIN)
    before = cast.cloud.calls
    assert len(cast.cloud.markers()) == 7
    cast.cloud.put_pair("anna")

    assert cast.wake("anna")["status"] == "passed"

    assert cast.cloud.calls == before + 1


def test_a_package_that_is_never_judged_comes_to_an_end(cast: Cast) -> None:
    cast.cloud.put_pair("anna", scripted(1, code="InternalError", channel="error"))
    cast.wake("anna")
    for _ in range(20):
        if not cast.cloud.markers():
            break
        cast.cloud.advance(2 * 3600)
        cast.function(DRAIN)

    assert cast.result("anna")["status"] == "failed"
    assert cast.cloud.markers() == []
    assert (cast.cloud.calls, cast.cloud.billed) == (12, 0)
