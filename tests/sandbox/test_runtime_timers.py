"""Timers by cron expressions of seven fields (583/9708)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from liveness_sandbox import DeployOptions, Function, Sandbox, TimerTrigger

from .clients import wait_until

ECHO = "def main_handler(event, context):\n    return event\n"
# A Sunday, in the platform's time zone.
NOW = datetime.fromisoformat("2026-11-22T13:09:21+08:00")


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("*/5 * * * * * *", "2026-11-22T13:09:25"),
        ("0 * * * * * *", "2026-11-22T13:10:00"),
        ("0 0 2 1 * * *", "2026-12-01T02:00:00"),
        ("0 15 10 * * MON-FRI *", "2026-11-23T10:15:00"),
        ("0 0 10,14,16 * * * *", "2026-11-22T14:00:00"),
        ("0 */30 9-17 * * * *", "2026-11-22T13:30:00"),
        ("0 0 12 * * WED *", "2026-11-25T12:00:00"),
        ("0 0 0 1 JAN * 2028", "2028-01-01T00:00:00"),
        ("1/10 * * * * * *", "2026-11-22T13:09:31"),
        # If day and weekday are both given, either is sufficient.
        ("0 0 0 30 * TUE *", "2026-11-24T00:00:00"),
        ("0 0 0 23 * TUE *", "2026-11-23T00:00:00"),
    ],
)
def test_a_timer_is_due_at_the_next_matching_time(cron: str, due: str) -> None:
    timer = TimerTrigger("timer", cron=cron)
    expected = datetime.fromisoformat(due + "+08:00")

    assert timer.next(NOW.timestamp()) == expected.timestamp()


@pytest.mark.parametrize("cron", [None, "0 0 0 1 1 * 2020", "0 0 0 30 2 * *"])
def test_a_timer_without_a_future_time_is_never_due(cron: str | None) -> None:
    assert TimerTrigger("timer", cron=cron).next(NOW.timestamp()) is None


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * * *",
        "0 * * * * *",
        "60 * * * * * *",
        "0 * * * * * 1969",
        "x * * * * * *",
        "0 0 0 L * * *",
        "0 0 0 ? * * *",
        "@hourly",
    ],
)
def test_an_invalid_cron_expression_is_rejected(cron: str) -> None:
    with pytest.raises(ValueError, match="not a cron expression"):
        TimerTrigger("timer", cron=cron)


def test_a_timer_fires_repeatedly(sandbox: Sandbox, deploy: Callable[..., Function]) -> None:
    timers = [TimerTrigger("minute", "drain", "0 * * * * * *"), TimerTrigger("by hand")]
    function = deploy(ECHO, triggers=timers)

    def invoked(times: int) -> bool:
        return len(function.invocations) >= times

    for number in (1, 2, 3):
        sandbox.clock.advance(60)
        wait_until(partial(invoked, number))

    event = function.invocations[0].result
    assert (event["Type"], event["TriggerName"], event["Message"]) == ("Timer", "minute", "drain")
    assert {invocation.result["TriggerName"] for invocation in function.invocations} == {"minute"}


def test_the_speed_divides_the_pauses_of_a_timer(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text(ECHO)
    with Sandbox(speed=600) as sandbox:
        timer = TimerTrigger("minute", cron="0 * * * * * *")
        function = sandbox.deploy("liveness", tmp_path, DeployOptions(triggers=[timer]))
        wait_until(lambda: len(function.invocations) >= 3)
