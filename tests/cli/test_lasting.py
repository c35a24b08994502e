"""What `status` and `explain` show of what lasts, and commands on inputs that nobody can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from liveness_cli.operator.snapshot import BucketSnapshot
from tests.conftest import Cloud, Instance
from tests.function.test_backlog import DRAIN
from tests.function.test_outages import open_breaker
from tests.function.test_unreadable_inputs import KINDS, Kind

from .conftest import Command

View = Callable[..., dict[str, Any]]


@pytest.fixture
def view(cloud: Cloud, environment: None, liveness: Command) -> View:
    """Run a command with --json and return its value, and that its table prints, too."""

    def run(*arguments: str) -> dict[str, Any]:
        for extra in ((), ("--json",)):
            result = liveness(*arguments, *extra)
            assert result.exit_code == 0, result.output
        value: dict[str, Any] = json.loads(result.stdout)
        return value

    return run


@pytest.fixture
def function(cloud: Cloud) -> Instance:
    return cloud.deploy()


def test_status_shows_an_open_breaker(cloud: Cloud, function: Instance, view: View) -> None:
    assert view("status")["breaker"] is None
    open_breaker(cloud, function)

    breaker = view("status")["breaker"]

    assert (breaker["cause"], breaker["failed_probes"]) == ("unanswered", 0)
    assert breaker["open_since"] < breaker["next_probe"]
    assert BucketSnapshot._field_defaults["breaker"] is None


def test_status_shows_when_each_reason_is_due(cloud: Cloud, function: Instance, view: View) -> None:
    cloud.put_pair("anna", {"drop": "after"})
    cloud.put_pair("bert", {"code": "RequestLimitExceeded", "channel": "error"})
    function.walk("anna")
    function.walk("bert")

    status = view("status")

    assert status["schema"] == "liveness-status/5"
    reasons = {row["reason"]: row for row in status["backlog"]["reasons"]}
    assert reasons["outcome-unknown"]["next_due"] > status["at"]
    assert reasons["throttled"]["next_due"] is None, "it is due already"


def test_explain_shows_pause_setbacks_and_attempts(
    cloud: Cloud, function: Instance, view: View
) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError"})
    for _ in range(2):
        function.walk("anna")
        cloud.advance(75)

    parked = view("explain", "anna")["parked"]

    assert parked["reason"] == "bad-link"
    assert (parked["setbacks"], parked["max_setbacks"]) == (2, 11)
    assert (parked["unanswered_attempts"], parked["max_attempts"]) == (0, 3)
    assert parked["since"] < parked["next_try"]


def test_explain_reads_the_release_without_a_marker(
    cloud: Cloud, function: Instance, view: View
) -> None:
    cloud.put_pair("anna", {"code": "FailedOperation.DownLoadError"})
    function.walk("anna")
    for key in cloud.bucket.keys("liveness/ledger/pending/"):
        cloud.bucket.delete(key)

    parked = view("explain", "anna")["parked"]

    assert (parked["setbacks"], parked["reason"], parked["next_try"]) == (1, None, None)


def test_explain_counts_attempts_without_a_reply(
    cloud: Cloud, function: Instance, view: View
) -> None:
    cloud.put_pair("anna", {"drop": "after"})
    function.walk("anna")

    parked = view("explain", "anna")["parked"]

    assert parked["reason"] == "outcome-unknown"
    assert (parked["unanswered_attempts"], parked["max_attempts"]) == (1, 3)


def test_explain_shows_no_pause_of_a_judged_pair(
    cloud: Cloud, function: Instance, view: View
) -> None:
    cloud.put_pair("anna")
    function.walk("anna")

    assert view("explain", "anna")["parked"] is None


@pytest.mark.parametrize("name", KINDS)
def test_every_command_works_on_an_unreadable_input(
    cloud: Cloud,
    function: Instance,
    view: View,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", lambda self, seconds: None)
    kind: Kind = KINDS[name]
    cloud.put_pair("anna")
    kind.spoil(cloud, "anna")

    explanation = view("explain", "anna")
    if name not in ("foreign-kms-key", "body-described-at-length"):  # which only a GET shows
        assert explanation["state"] == "invalid"
        assert kind.code in explanation["next"]["outlook"]
    assert view("retry", "anna", "--yes")["pairs"][0]["status"] == "invalid"
    assert view("status")["results"]["by_status"] == {"invalid": 1}
    view("reconcile", "--dry-run")
    view("explain", "anna")
    if name == "forbidden":
        cloud.sandbox.hooks.clear()  # they would refuse the object that was deleted, too
    assert liveness("forget", "anna", "--yes").exit_code == 0
    assert cloud.bucket.keys("") == []
    assert function(DRAIN)["drain"]["ended"] == {}
