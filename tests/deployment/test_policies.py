"""The policies `deployer` and `installer` allow exactly what the commands need."""

from __future__ import annotations

import json

import pytest

from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.roles import policy_of
from liveness_sandbox import Sandbox
from tests.permissions.requests_made import cos, requests_by, unused
from tests.sandbox.clients import cos_client

from .conftest import BUCKET, SETTINGS, UIN, WORKING, Deployment
from .test_alarms import TOPIC, alarms, cls
from .test_drift import (
    add_a_timer,
    disable_the_trigger,
    edit_latest,
    give_the_role_more,
    remove_the_trigger,
    retry_less,
    share_the_traffic,
)

ROLE = f"qcs::cam::uin/{UIN}:roleName/liveness-function"
DATA = (
    "incoming/anna/live.bin",
    "frames/anna/best-frame-0.jpg",
    "results/anna/result.json",
    "ledger/claims/a/b/1.claim",
    "ledger/submissions/a/1",
    "ledger/packages/a/1",
    "ledger/frame-urls/a/b-1",
    "ledger/drain/1-0",
    "ledger/accept/1",
    "ledger/reconcile.json",
    "ledger/breaker.json",
)
ASSUMED_BY_PEOPLE = {
    "version": "2.0",
    "statement": [
        {
            "effect": "allow",
            "action": "name/sts:AssumeRole",
            "principal": {"qcs": ["qcs::cam::uin/100000000001:root"]},
        }
    ],
}


def deploy_every_day(deployment: Deployment) -> None:
    """Do all that needs no new function, role or policy."""
    for edit in (add_a_timer, disable_the_trigger, edit_latest, retry_less, share_the_traffic):
        edit(deployment)
    deployment.value("deploy", "--yes", "--mend")
    remove_the_trigger(deployment)
    for number in range(12):
        deployment.replace_code(f"code{number}", WORKING % number)
        deployment.value("deploy", "--yes")
    deployment.value("rollback", "--yes")
    for arguments in (["--reserved-mb", "1024"], ["--reserved-mb", "none", "--inputs-days", "9"]):
        assert deployment.configure(*arguments).exit_code == 0


def install(deployment: Deployment) -> None:
    deployment.value("deploy", "--yes", "--create-bucket", "--notify", "100000000007")
    alarm = alarms(deployment)["liveness: something fails"]["AlarmId"]
    cls(deployment, "ModifyAlarm", AlarmId=alarm, Condition="$1.times > 99")
    cls(deployment, "ModifyIndex", TopicId=TOPIC, Rule={})
    give_the_role_more(deployment)
    deployment.edit_policy("liveness-function")
    trust = json.dumps(ASSUMED_BY_PEOPLE)
    deployment.cam("UpdateAssumeRolePolicy", RoleName="liveness-function", PolicyDocument=trust)
    deployment.value("deploy", "--yes", "--mend", "--notify", "100000000008")


def keep_our_rules(sandbox: Sandbox) -> None:
    """Without the rule that a new bucket gets, no rule is left after a removal."""
    client = cos_client(sandbox)
    rules = client.get_bucket_lifecycle(BUCKET)["Rule"]
    kept = [rule for rule in rules if rule["ID"] != "liveness-unfinished"]
    client.put_bucket_lifecycle(BUCKET, {"Rule": kept})


def refused(deployment: Deployment) -> list[str]:
    return [
        each.action or f"{each.method} {each.query}"
        for each in deployment.requests_since(0)
        if "Unauthorized" in each.error_code or each.status == 403
    ]


def test_nothing_is_refused_and_nothing_is_allowed_that_is_not_needed(
    deployment: Deployment, sandbox: Sandbox
) -> None:
    cos_client(sandbox).delete_bucket(BUCKET)
    install(deployment)
    assert refused(deployment) == []
    installing = requests_by(deployment.key, sandbox.requests)
    deployment.as_role("deployer")
    deploy_every_day(deployment)
    assert refused(deployment) == []
    deploying = requests_by(deployment.key, sandbox.requests)
    for key in DATA:
        cos_client(sandbox).put_object(BUCKET, b"", f"liveness/{key}")
    deployment.as_role("installer", "deployer", "eraser")
    keep_our_rules(sandbox)
    deployment.value("remove", "--yes", "--delete-data")
    assert refused(deployment) == []

    assert unused(policy_of("deployer", SETTINGS, UIN), deploying) == []
    removing = requests_by(deployment.key, sandbox.requests)
    assert unused(policy_of("installer", SETTINGS, UIN), [*installing, *removing]) == []


@pytest.mark.parametrize(
    "request_",
    [
        Request("cam:UpdatePolicy", f"qcs::cam::uin/{UIN}:policyid/1"),
        Request("cam:CreatePolicy", "*"),
        Request("cam:AttachRolePolicy", ROLE),
        Request("cam:UpdateAssumeRolePolicy", ROLE),
        Request("cam:PassRole", ROLE.replace("liveness-function", "administrator")),
        Request("scf:DeleteFunction", "*"),
        Request("scf:UpdateFunctionCode", f"qcs::scf:ap-singapore:uin/{UIN}:namespace/default"
                "/function/another"),
        cos("DeleteObject", BUCKET, "liveness/incoming/anna/live.bin"),
    ],
    ids=lambda item: item.action,
)  # fmt: skip
def test_a_deployer_cannot_give_itself_more(request_: Request) -> None:
    assert not allows([policy_of("deployer", SETTINGS, UIN)], request_)


def test_a_key_that_may_not_deploy_gets_one_sentence(deployment: Deployment) -> None:
    deployment.as_role("viewer")

    printed = deployment.run("deploy", "--yes").stderr

    assert printed.count("`liveness policies`") == 1
    assert "ListPolicies: AuthFailure.UnauthorizedOperation: your key may not do this; give it" in (
        " ".join(printed.split())
    )
