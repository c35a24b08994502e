"""What was changed by hand in the account: shown, and mended only if that is wanted."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.sandbox.clients import cos_client

from .conftest import BUCKET, EVERYTHING, Deployment
from .test_deploy import changing

HOST = f"{BUCKET}.cos.ap-singapore.myqcloud.com"
RULE = {"event": "cos:ObjectCreated:*", "filter": {"Prefix": "liveness/incoming/", "Suffix": ""}}


TRIGGER = {
    "TriggerName": HOST,
    "Type": "cos",
    "TriggerDesc": json.dumps(RULE),
    "Qualifier": "$DEFAULT",
}


def disable_the_trigger(deployment: Deployment) -> None:
    deployment.scf("UpdateTriggerStatus", **TRIGGER, Enable="CLOSE")


def remove_the_trigger(deployment: Deployment) -> None:
    deployment.scf("DeleteTrigger", **TRIGGER)


def add_a_timer(deployment: Deployment) -> None:
    deployment.scf(
        "CreateTrigger",
        TriggerName="extra",
        Type="timer",
        TriggerDesc="0 0 0 * * * *",
        Qualifier="$DEFAULT",
        CustomArgument="drain",
    )


def edit_latest(deployment: Deployment) -> None:
    deployment.scf("UpdateFunctionConfiguration", Timeout=60)
    deployment.sandbox.clock.advance(5)


def share_the_traffic(deployment: Deployment) -> None:
    deployment.scf(
        "UpdateAlias",
        Name="$DEFAULT",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": [{"Version": "$LATEST", "Weight": 0.3}]},
    )


def give_the_role_more(deployment: Deployment) -> None:
    deployment.cam("CreatePolicy", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING))
    deployment.cam("AttachRolePolicy", PolicyName="everything", AttachRoleName="liveness-function")


def retry_less(deployment: Deployment) -> None:
    config = {"MsgTTL": 600, "RetryConfig": [{"RetryNum": 0}]}
    deployment.scf("UpdateFunctionEventInvokeConfig", AsyncTriggerConfig=config)


def expire_claims_sooner(deployment: Deployment) -> None:
    client = cos_client(deployment.sandbox)
    rules = client.get_bucket_lifecycle(BUCKET)["Rule"]
    for rule in rules:
        if rule["ID"] == "liveness-claims":
            rule["Expiration"]["Days"] = "3"
    client.put_bucket_lifecycle(BUCKET, {"Rule": rules})


@pytest.mark.parametrize(
    ("edit", "resource"),
    [
        (disable_the_trigger, f"trigger {BUCKET}"),
        (add_a_timer, "timer extra"),
        (edit_latest, "function liveness $LATEST timeout"),
        (share_the_traffic, "traffic"),
        (give_the_role_more, "role liveness-function"),
        (retry_less, "events"),
        (expire_claims_sooner, "lifecycle liveness/ledger/claims/"),
    ],
)
def test_a_change_by_hand_is_shown_and_mended_only_if_wanted(
    deployment: Deployment, edit: Callable[[Deployment], None], resource: str
) -> None:
    deployment.deploy("--yes")
    edit(deployment)
    first = len(deployment.sandbox.requests)

    assert deployment.deploy("--dry-run") == {resource: "left"}
    deployment.run("deploy", "--yes")
    assert changing(deployment.requests_since(first)) == []
    assert deployment.deploy("--yes", "--mend") == {resource: "done"}
    assert deployment.deploy("--yes") == {}


def test_what_was_removed_by_hand_is_made_again(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.scf("DeleteTrigger", TriggerName="drain", Type="timer", Qualifier="$DEFAULT")
    cos_client(deployment.sandbox).delete_bucket_lifecycle(BUCKET)

    states = deployment.deploy("--yes")

    assert states["timer drain"] == "done"
    assert "lifecycle liveness/ledger/claims/" in states
    assert deployment.deploy("--yes") == {}


def test_a_stopped_function_stays_stopped(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.scf("PutReservedConcurrencyConfig", ReservedConcurrencyMem=0)

    value = json.loads(deployment.run("deploy", "--yes", "--mend", "--json").stdout)

    assert "is stopped" in value["kept"][0]
    assert deployment.sandbox.platform.quota.reserved_mb(deployment.function.memory_quota) == 0


def test_rules_of_others_in_the_bucket_stay(deployment: Deployment) -> None:
    client = cos_client(deployment.sandbox)
    theirs = {
        "ID": "theirs",
        "Filter": {"Prefix": "logs/"},
        "Status": "Enabled",
        "Expiration": {"Days": "9"},
    }
    client.put_bucket_lifecycle(BUCKET, {"Rule": [theirs]})

    deployment.deploy("--yes")

    assert theirs in client.get_bucket_lifecycle(BUCKET)["Rule"]


def test_an_installation_of_the_vendors_tool_is_taken_over(deployment: Deployment) -> None:
    """It has triggers for $LATEST, and no published version."""
    deployment.deploy("--yes")
    deployment.scf("DeleteTrigger", TriggerName="drain", Type="timer", Qualifier="$DEFAULT")
    deployment.scf("UpdateAlias", Name="$DEFAULT", FunctionVersion="$LATEST")
    deployment.scf(
        "CreateTrigger",
        TriggerName="drain",
        Type="timer",
        TriggerDesc="0 * * * * * *",
        Qualifier="$LATEST",
        CustomArgument="drain",
        Enable="OPEN",
    )

    states = deployment.deploy("--yes")

    assert set(states) == {"traffic", "timer drain"}
    assert deployment.serving == "1"
    assert {trigger.qualifier for trigger in deployment.function.triggers} == {"$DEFAULT"}
