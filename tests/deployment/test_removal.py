"""`liveness remove`: what waits is finished first, and what is kept is said."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from liveness.keys import marker_key
from tests.sandbox.clients import cos_client

from .conftest import BUCKET, WORKING, Deployment
from .test_drift import disable_the_trigger, give_the_role_more
from .test_real_function import archive, has_result, uncompiled, upload

__all__ = ["archive", "uncompiled"]
FAILING = WORKING.replace("return {", 'if "drain" in event: raise RuntimeError("no")\n    return {')


def objects(deployment: Deployment) -> list[str]:
    return deployment.sandbox.bucket(BUCKET).keys()


def test_nothing_but_the_data_is_left(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    upload(deployment, "anna")

    value = deployment.value("remove", "--yes")

    assert deployment.sandbox.platform.functions == []
    assert "liveness-function" not in deployment.sandbox.identities
    assert deployment.policies() == []
    assert "liveness/incoming/anna/live.bin" in objects(deployment)
    kept = {each["what"]: each["why"] for each in value["kept"]}
    assert "--delete-data" in kept[f"{BUCKET}/liveness/incoming/"]
    assert cos_client(deployment.sandbox).get_bucket_lifecycle(BUCKET)["Rule"]


def test_the_data_is_deleted_only_if_asked_for(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    assert deployment.configure("--inputs-days", "9", "--frames-days", "8").exit_code == 0
    upload(deployment, "anna")
    cos_client(deployment.sandbox).put_object(BUCKET, b"", "elsewhere")

    deployment.as_role("deployer", "installer", "eraser")

    declined = deployment.run("remove", "--delete-data", stdin="yes\n")
    assert declined.exit_code == 1
    assert deployment.sandbox.platform.functions != []
    result = deployment.run("remove", "--delete-data", stdin=f"{BUCKET}\n")

    assert result.exit_code == 0, result.output
    assert objects(deployment) == ["elsewhere"]
    assert deployment.sandbox.bucket(BUCKET).lifecycle is None


def test_without_the_right_to_delete_data_nothing_is_removed(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    upload(deployment, "anna")
    before = objects(deployment)

    result = deployment.run("remove", "--yes", "--delete-data")

    assert result.exit_code == 1
    assert "nothing was removed" in result.stderr and "`eraser`" in result.stderr
    assert len(deployment.function.triggers) == 3
    assert objects(deployment) == before


def test_a_pair_whose_event_was_lost_is_finished_first(
    deployment: Deployment, archive: Path
) -> None:
    deployment.package = archive
    deployment.deploy("--yes")
    disable_the_trigger(deployment)
    upload(deployment, "anna")

    deployment.value("remove", "--yes")

    assert has_result(deployment, "anna")
    assert deployment.sandbox.platform.functions == []


def test_a_backlog_that_cannot_be_finished_stops_the_removal(deployment: Deployment) -> None:
    deployment.replace_code("failing", FAILING)
    deployment.deploy("--yes")
    cos_client(deployment.sandbox).put_object(
        BUCKET, b"{}", "liveness/ledger/pending/00000000000000000000-anna"
    )

    result = deployment.run("remove", "--yes")

    assert result.exit_code == 1
    assert "could not finish what waits" in result.stderr
    assert len(deployment.sandbox.platform.functions) == 1
    kinds = [type(trigger).__name__ for trigger in deployment.function.triggers]
    assert kinds == ["TimerTrigger"] * 2, "new work is stopped, and the timers go on"
    deployment.value("remove", "--yes", "--abandon-backlog")
    assert deployment.sandbox.platform.functions == []


def test_what_is_waited_for_is_said_with_the_choices(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.deploy("--yes")
    settings, sandbox = deployment.settings, deployment.sandbox
    began = sandbox.clock.now().timestamp()
    markers = [
        marker_key(settings, pair, began + hours * 3600, str(hours))
        for pair, hours in (("anna", 1), ("bert", 3), ("bert", 2))
    ]
    for key in markers:
        cos_client(sandbox).put_object(BUCKET, b"{}", key)

    def finish_one(clock: object, seconds: float) -> None:
        sandbox.clock.advance(seconds)
        cos_client(sandbox).delete_object(BUCKET, markers.pop())

    declined = deployment.run("remove", stdin="n\n")
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", finish_one)
    result = deployment.run("remove", "--yes")

    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(began) + 3 * 3600))
    said = f"2 pairs wait, the last until {last}, in 3 h"
    assert f"At present {said}" in declined.stderr
    assert result.exit_code == 0, result.output
    counts = [line.partition(",")[0] for line in result.stderr.splitlines() if line[0].isdigit()]
    assert counts == ["2 pairs wait", "1 pair waits"], "once each: one of them has two markers"
    assert said in result.stderr
    assert result.stderr.count("Two choices") == 1
    assert "Ctrl-C and run it again later" in result.stderr
    assert "--abandon-backlog, and those pairs get no result" in result.stderr


def test_an_attached_policy_is_kept(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    trust = (
        '{"version": "2.0", "statement": [{"effect": "allow", "action": "name/sts:AssumeRole", '
        '"principal": {"qcs": ["qcs::cam::uin/100000000001:root"]}}]}'
    )
    deployment.cam("CreateRole", RoleName="next-step", PolicyDocument=trust)
    deployment.cam("AttachRolePolicy", PolicyName="liveness-reader", AttachRoleName="next-step")

    value = deployment.value("remove", "--yes")

    assert deployment.policies() == ["liveness-reader"]
    assert "policy liveness-reader" in [each["what"] for each in value["kept"]]


def test_a_role_that_something_else_may_use_is_kept(deployment: Deployment) -> None:
    """Such as another installation in the account, under the same name of the role."""
    deployment.deploy("--yes")
    give_the_role_more(deployment)

    value = deployment.value("remove", "--yes")

    assert "role liveness-function" in [each["what"] for each in value["kept"]]
    assert "liveness-function" in deployment.sandbox.identities
    assert deployment.policies() == ["everything"]


def test_the_function_of_another_bucket_is_not_removed(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.sandbox.create_bucket("other-1250000000")
    deployment.use_bucket("other-1250000000")

    result = deployment.run("remove", "--yes")

    assert result.exit_code == 1
    assert "nothing was removed" in result.stderr
    assert len(deployment.function.triggers) == 3


def test_there_is_nothing_to_remove(deployment: Deployment) -> None:
    assert deployment.value("remove", "--yes")["removed"] == []
