"""`liveness doctor` looks at the version that the triggers call, and says which that is."""

from __future__ import annotations

import json

from click.testing import CliRunner

from liveness_cli.main import main

from .conftest import Deployment
from .test_drift import TRIGGER, share_the_traffic


def examined(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Return doctor's findings, as one who may only look gets them."""
    deployment.as_role("viewer")
    result = CliRunner().invoke(main, ["doctor", "--json"])
    checks = {each["check"]: each for each in json.loads(result.stdout)["checks"]}
    assert not [each for each in checks.values() if each["state"] == "skipped"]
    deployment.as_role("deployer", "installer")
    return checks


def failed(checks: dict[str, dict[str, str]]) -> list[str]:
    return [name for name, each in checks.items() if each["state"] == "failed"]


def edit_what_nothing_calls(deployment: Deployment) -> None:
    """Change $LATEST, as by a trial in the console."""
    variables = [{"Key": "LIVENESS_BUCKET", "Value": "other-1250000000"}]
    deployment.scf("UpdateFunctionConfiguration", Timeout=30, Environment={"Variables": variables})
    deployment.sandbox.clock.advance(5)


def test_an_edit_that_nothing_calls_is_no_finding(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    edit_what_nothing_calls(deployment)

    checks = examined(deployment)

    assert failed(checks) == []
    assert checks["function"]["message"] == "liveness is active, 256 MB, timeout 900 s"
    said = "triggers call $DEFAULT; the checks are about version 1"
    assert checks["traffic"]["message"] == said


def test_after_a_rollback_the_earlier_version_is_looked_at(deployment: Deployment) -> None:
    deployment.manifest["inputs"]["timeout"] = 600
    deployment.deploy("--yes")
    deployment.manifest["inputs"]["timeout"] = 900
    deployment.deploy("--yes")
    deployment.value("rollback", "--yes")

    checks = examined(deployment)

    assert checks["function"]["message"] == "liveness is active, 256 MB, timeout 600 s"
    assert checks["traffic"]["message"].endswith("about version 1")


def test_a_version_that_is_not_looked_at_is_a_finding(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    share_the_traffic(deployment)

    checks = examined(deployment)

    assert failed(checks) == ["traffic"]
    assert "a part of the traffic goes to $LATEST" in checks["traffic"]["message"]
    assert "about version 1 alone" in checks["traffic"]["message"]


def test_triggers_that_call_latest_have_latest_looked_at(deployment: Deployment) -> None:
    """As those of the vendor's tool do."""
    deployment.deploy("--yes")
    timers = [
        {"TriggerName": name, "Type": "timer", "TriggerDesc": cron, "CustomArgument": name}
        for name, cron in (("drain", "0 * * * * * *"), ("reconcile", "0 17 * * * * *"))
    ]
    for trigger in (*timers, TRIGGER):
        identity = {name: trigger[name] for name in ("TriggerName", "Type", "TriggerDesc")}
        deployment.scf("DeleteTrigger", **{**identity, "Qualifier": "$DEFAULT"})
        deployment.scf("CreateTrigger", **{**trigger, "Qualifier": "$LATEST", "Enable": "OPEN"})
    edit_what_nothing_calls(deployment)

    checks = examined(deployment)

    assert checks["traffic"]["message"] == "triggers call $LATEST; the checks are about $LATEST"
    assert failed(checks) == ["function", "settings"]
