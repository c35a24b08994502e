"""Asynchronous events: queues, retries by the rules of the platform, quota, dead letters."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qcloud_cos import CosS3Client

from liveness_sandbox import CosTrigger, Function, Sandbox, Status, TimerTrigger
from liveness_sandbox.runtime import queues
from liveness_sandbox.runtime.retries import RetryRules

from .clients import BUCKET, wait_until

Deploy = Callable[..., Function]

ECHO = "def main_handler(event, context):\n    return event\n"
FAILS = "def main_handler(event, context):\n    raise RuntimeError('as always')\n"
# Runs until the file exists that the event names.
WAITS = """
import os, time
def main_handler(event, context):
    while not os.path.exists(event):
        time.sleep(0.01)
"""


def minute_by_minute(sandbox: Sandbox, function: Function, tries: int) -> None:
    """Advance the clock to each next try, up to this total number of tries."""
    for number in range(len(function.invocations) + 1, tries + 1):
        wait_for_invocations(function, number - 1)
        sandbox.clock.advance(60)
    wait_for_invocations(function, tries)


def wait_for_invocations(function: Function, total: int) -> None:
    wait_until(lambda: len(function.invocations) == total)


def test_a_failed_event_is_retried_twice_a_minute_apart(
    sandbox: Sandbox, deploy: Deploy, cos: CosS3Client
) -> None:
    function = deploy(
        """
        tries = 0
        def main_handler(event, context):
            global tries
            tries += 1
            if tries < 3:
                raise RuntimeError(tries)
            return tries
        """,
        triggers=[CosTrigger(BUCKET)],
    )
    cos.put_object(BUCKET, b"", "a")
    wait_until(lambda: len(function.invocations) == 1)

    with pytest.raises(TimeoutError, match="0 queued, 0 running, 1 waiting for a retry"):
        sandbox.wait_idle(timeout_seconds=0.1)

    minute_by_minute(sandbox, function, tries=3)
    sandbox.wait_idle()
    assert [invocation.result for invocation in function.invocations] == [None, None, 3]
    assert len({invocation.request_id for invocation in function.invocations}) == 1

    cos.put_object(BUCKET, b"", "b")
    sandbox.wait_idle()
    assert function.invocations[-1].result == 4, "a success is not retried"
    assert len(function.invocations) == 4
    assert function.dead_letters == []


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_given_up_event_becomes_a_dead_letter(
    sandbox: Sandbox, deploy: Deploy, cos: CosS3Client, tmp_path: Path, retries: int
) -> None:
    function = deploy(
        FAILS, triggers=[CosTrigger(BUCKET)], retries=retries, dead_letters=tmp_path / "dead"
    )
    cos.put_object(BUCKET, b"", "a")
    minute_by_minute(sandbox, function, tries=1 + retries)

    sandbox.wait_idle()

    [letter] = function.dead_letters
    [path] = (tmp_path / "dead").iterdir()
    assert path.name == f"{letter['RequestId']}.json"
    assert json.loads(path.read_text()) == letter
    assert path.stat().st_mode & 0o777 == 0o600, "an event contains its uploader's signature"
    assert (letter["ErrorCode"], letter["ErrorMessage"]) == (-1, "as always")
    body = letter["Body"]
    assert json.loads(body["ClientContext"]) == function.invocations[0].event
    assert (body["FunctionName"], body["RequestSource"], body["RetryNum"]) == (
        "liveness",
        "TRIGGER_COS",
        retries,
    )


def test_an_unwritable_dead_letter_stops_nothing(
    sandbox: Sandbox, deploy: Deploy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    function = deploy(FAILS, retries=0, dead_letters=tmp_path / "dead")
    (tmp_path / "dead").rmdir()
    for _ in range(3):
        function.queue(None)

    sandbox.wait_idle()

    assert len(function.dead_letters) == 3
    assert "a dead letter could not be written" in caplog.text


def test_a_timeout_is_retried(sandbox: Sandbox, deploy: Deploy) -> None:
    function = deploy(WAITS, timeout_seconds=0.3)
    function.queue("/no/such/file")
    minute_by_minute(sandbox, function, tries=3)

    assert {each.status for each in function.invocations} == {Status.TIME_LIMIT}

    sandbox.wait_idle()
    assert len(function.dead_letters) == 1


def test_the_speed_divides_the_delays(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text(FAILS)
    with Sandbox(speed=1200) as sandbox:
        function = sandbox.deploy("liveness", tmp_path)
        function.queue(None)
        sandbox.wait_idle(10)
        assert len(function.invocations) == 3


def test_a_message_over_the_quota_is_retried_until_too_old(
    sandbox: Sandbox, deploy: Deploy, tmp_path: Path
) -> None:
    """A reserved quota of 0 stops a function."""
    function = deploy(
        ECHO, reserved_mb=0, max_event_age_seconds=300, dead_letters=tmp_path / "dead"
    )
    assert function.invoke("synchronous").status is Status.OVER_QUOTA

    function.queue("asynchronous")
    minute_by_minute(sandbox, function, tries=1 + 5)
    sandbox.clock.advance(60)
    sandbox.wait_idle()

    refused = function.invocations[1:]
    assert {invocation.status for invocation in refused} == {Status.OVER_QUOTA}
    assert len({invocation.request_id for invocation in refused}) == 1
    [letter] = function.dead_letters
    assert (letter["ErrorCode"], letter["Body"]["RetryNum"]) == (432, 0)


def test_a_message_that_is_over_the_quota_waits_for_room(
    sandbox: Sandbox, deploy: Deploy, tmp_path: Path
) -> None:
    function = deploy(WAITS, reserved_mb=256, memory_mb=128)
    gate = tmp_path / "gate"
    for _ in range(3):
        function.queue(str(gate))

    [refused] = function.invocations
    assert refused.status is Status.OVER_QUOTA
    assert refused.error is not None and refused.error["errorType"] == "ResourceLimitReached"

    gate.touch()
    wait_until(lambda: len(function.invocations) == 3)
    sandbox.clock.advance(60)
    sandbox.wait_idle()

    assert [each.status for each in function.invocations[1:]] == [Status.SUCCESS] * 3
    assert function.dead_letters == []


def test_exceeding_the_quota_does_not_count_as_a_failure(
    sandbox: Sandbox, deploy: Deploy, tmp_path: Path
) -> None:
    """The function still has its two retries, however often it was rejected."""
    gate = tmp_path / "gate"
    function = deploy(WAITS + "    raise RuntimeError\n", reserved_mb=128)
    blocker = threading.Thread(target=function.invoke, args=[str(gate)])
    blocker.start()

    with pytest.raises(TimeoutError, match="1 running"):
        sandbox.wait_idle(0.1)

    function.queue(str(gate))
    minute_by_minute(sandbox, function, tries=3)
    gate.touch()
    blocker.join(10)
    for _ in range(3):
        finished = len(function.invocations)
        sandbox.clock.advance(60)
        wait_for_invocations(function, finished + 1)
    sandbox.wait_idle()

    statuses = [each.status for each in function.invocations]
    assert statuses == [Status.OVER_QUOTA] * 3 + [Status.CODE_EXCEPTION] * 4


def test_functions_share_the_unreserved_quota(deploy: Deploy) -> None:
    """Of 64,000 MB 51,200 are reserved, which leaves 12,800 for the other functions."""
    deploy(ECHO, "reserved", reserved_mb=51_200)
    small, big = deploy(ECHO, "small", memory_mb=128), deploy(ECHO, "big", memory_mb=12_801)

    assert small.invoke(1).status is Status.SUCCESS
    assert big.invoke(1).status is Status.OVER_QUOTA


def test_every_trigger_has_its_own_queue(
    sandbox: Sandbox, deploy: Deploy, cos: CosS3Client, tmp_path: Path
) -> None:
    """A flood of events from one trigger does not delay another."""
    function = deploy(
        """
        import os, time
        def main_handler(event, context):
            while "Type" not in event and not os.path.exists(GATE):
                time.sleep(0.01)
            return event.get("Type", "Cos")
        """.replace("GATE", repr(str(tmp_path / "gate"))),
        triggers=[CosTrigger(BUCKET), TimerTrigger("minute")],
        instances=1,
    )
    for number in range(4):
        cos.put_object(BUCKET, b"", str(number))
    function.fire_timer("minute")
    (tmp_path / "gate").touch()

    sandbox.wait_idle()

    order = [invocation.result for invocation in function.invocations]
    assert order == ["Cos", "Timer", "Cos", "Cos", "Cos"]


def test_an_event_for_a_full_queue_is_given_up(
    sandbox: Sandbox, deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MAX_MESSAGES", 2)
    function = deploy(WAITS, instances=1)
    gate = tmp_path / "gate"
    for _ in range(4):
        function.queue(str(gate))

    [letter] = function.dead_letters
    assert letter["ErrorMessage"] == "The queue is full"

    gate.touch()
    sandbox.wait_idle()
    assert len(function.invocations) == 3


def test_an_event_has_a_maximum_size(deploy: Deploy) -> None:
    function = deploy("def main_handler(event, context):\n    return len(event)\n")
    assert function.invoke("x" * 1_000_000).result == 1_000_000

    with pytest.raises(ValueError, match="6 MB"):
        function.invoke("x" * 6 * 1024 * 1024)

    function.queue("x" * (128 * 1024 - 2))

    with pytest.raises(ValueError, match="128 KB"):
        function.queue("x" * 128 * 1024)


@pytest.mark.parametrize("rules", [{"retries": 3}, {"retries": -1}, {"max_event_age_seconds": 59}])
def test_retry_rules_have_the_bounds_of_the_platform(rules: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        RetryRules(**rules)


def test_the_speed_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        Sandbox(speed=0)
