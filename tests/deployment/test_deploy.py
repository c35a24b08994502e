"""`liveness deploy` over HTTP, with the policies of its roles enforced."""

from __future__ import annotations

import json

import pytest

from liveness_cli.permissions.roles import ROLES
from liveness_sandbox.requestlog import RequestRecord
from tests.sandbox.clients import cos_client

from .conftest import BROKEN, BUCKET, REFUSED, WORKING, Deployment

READING = ("Get", "List", "Describe", "Invoke")


def changing(requests: list[RequestRecord]) -> list[str]:
    return [
        each.action or f"{each.method} {'?'.join(each.query)}"
        for each in requests
        if not (each.action or "Get").startswith(READING)
        or (each.service == "cos" and each.method not in ("GET", "HEAD"))
    ]


def test_an_empty_account_becomes_an_installation(deployment: Deployment) -> None:
    first = len(deployment.sandbox.requests)

    value = deployment.value("deploy", "--yes")

    assert {change["state"] for change in value["changes"]} == {"done"}
    (traffic,) = [each for each in value["changes"] if each["resource"] == "traffic"]
    assert "version 1 checked itself" in traffic["meaning"]
    assert "it has 0.25 of a core" in traffic["meaning"]
    assert (value["doctor"]["failed"], value["doctor"]["skipped"]) == (0, 0)
    assert deployment.serving == "1"
    assert {trigger.qualifier for trigger in deployment.function.triggers} == {"$DEFAULT"}
    assert all(trigger.enabled for trigger in deployment.function.triggers)
    assert "liveness-function" in deployment.sandbox.identities
    requests = deployment.requests_since(first)
    assert [each for each in requests if "Unauthorized" in each.error_code] == []


def test_nothing_that_wakes_exists_before_what_it_wakes_was_checked(deployment: Deployment) -> None:
    first = len(deployment.sandbox.requests)
    deployment.deploy("--yes")

    order = changing(deployment.requests_since(first))

    assert order == [
        "PUT lifecycle",
        "CreateLogset",
        "CreateTopic",
        "CreateIndex",
        *["CreatePolicy"] * (len(ROLES) - 1),
        "CreateRole",
        "AttachRolePolicy",
        "CreateFunction",
        "PublishVersion",
        "UpdateAlias",
        *["CreateTrigger"] * 3,
    ]
    actions = [each.action for each in deployment.requests_since(first)]
    assert actions.index("PublishVersion") < actions.index("InvokeFunction")
    assert actions.index("InvokeFunction") < actions.index("UpdateAlias")


def test_a_second_run_changes_and_uploads_nothing(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    first = len(deployment.sandbox.requests)

    assert deployment.deploy("--yes") == {}

    requests = deployment.requests_since(first)
    assert changing(requests) == []
    assert "InvokeFunction" not in [each.action for each in requests]


def test_the_number_of_requests(deployment: Deployment) -> None:
    """Of a first deployment, an unchanged one, and one of code, each with all of doctor's.

    How often a change is asked about until it is complete depends on the platform.
    """
    counts = []
    for word in ("one", "one", "two"):
        deployment.replace_code(word)
        first = len(deployment.sandbox.requests)
        deployment.deploy("--yes")
        requests = deployment.requests_since(first)
        counts.append(sum(each.action != "GetFunction" for each in requests))

    assert counts == [48, 39, 43]


def test_json_does_not_stand_for_yes(deployment: Deployment) -> None:
    result = deployment.run("deploy", "--json")

    assert result.exit_code == 2
    assert "give --yes or --dry-run" in result.stderr
    assert deployment.sandbox.requests == []


def test_a_changed_value_is_published_as_a_new_version(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    variables = deployment.manifest["inputs"]["environment"]["variables"]
    variables["LIVENESS_SIM_THRESHOLD"] = "80"

    value = deployment.value("deploy", "--yes")

    rows = {change["resource"]: change for change in value["changes"]}
    threshold = rows["function liveness environment.LIVENESS_SIM_THRESHOLD"]
    assert (threshold["before"], threshold["after"]) == ("70", "80")
    assert set(rows) == {"function liveness code", threshold["resource"], "traffic"}
    assert deployment.serving == "2"
    serving = deployment.function.versions.described("2")
    assert serving is not None
    assert serving.deployment.options.environment["LIVENESS_SIM_THRESHOLD"] == "80"


def test_changed_code_is_uploaded_without_a_change_of_settings(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.replace_code("two")
    first = len(deployment.sandbox.requests)

    deployment.deploy("--yes")

    assert changing(deployment.requests_since(first)) == [
        "UpdateFunctionCode",
        "PublishVersion",
        "UpdateAlias",
    ]
    assert deployment.serving == "2"


def test_who_may_not_write_policies_can_deploy_code(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.as_role("deployer")
    deployment.replace_code("two")
    first = len(deployment.sandbox.requests)

    deployment.deploy("--yes")

    assert deployment.serving == "2"
    requests = deployment.requests_since(first)
    assert [each for each in requests if "Unauthorized" in each.error_code] == []


def test_a_key_that_may_not_create_says_which_policy_it_needs(deployment: Deployment) -> None:
    deployment.as_role("deployer")

    result = deployment.run("deploy", "--yes")

    assert result.exit_code == 1
    assert "`installer`" in result.stdout
    assert deployment.sandbox.platform.functions == []


@pytest.mark.parametrize(
    ("source", "reason"), [(BROKEN, "a_module_that_does_not_exist"), (REFUSED, "AuthFailure")]
)
def test_a_version_that_does_not_work_never_gets_traffic(
    deployment: Deployment, source: str, reason: str
) -> None:
    deployment.deploy("--yes")
    deployment.replace_code("two", source)

    result = deployment.run("deploy", "--yes")

    assert result.exit_code == 1
    assert "version 2 does not work, version 1 still has all traffic" in result.stdout
    assert reason in result.stdout
    assert deployment.serving == "1"
    deployment.run("deploy", "--yes")
    assert [each.version for each in deployment.function.versions.published] == ["1", "2"]


def test_a_first_version_that_does_not_work_is_never_woken(deployment: Deployment) -> None:
    deployment.replace_code("broken", BROKEN)

    result = deployment.run("deploy", "--yes")

    assert result.exit_code == 1
    assert "nothing gets traffic yet" in result.stdout
    assert not deployment.function.triggers
    deployment.replace_code("one")
    deployment.deploy("--yes")
    assert len(deployment.function.triggers) == 3


def test_code_without_a_self_check_is_refused(deployment: Deployment) -> None:
    deployment.replace_code("odd", "def main_handler(event, context):\n    return {}\n")

    result = deployment.run("deploy", "--yes")

    assert "does not know the self-check" in result.stdout
    assert deployment.serving == "$LATEST"


def test_a_changed_prefix_replaces_the_trigger(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    inputs = deployment.manifest["inputs"]
    inputs["environment"]["variables"]["LIVENESS_INPUT_PREFIX"] = "faces/in/"
    inputs["events"][0]["cos"]["parameters"]["filter"]["prefix"] = "faces/in/"

    value = deployment.value("deploy", "--yes", "--mend")

    (trigger,) = [each for each in value["changes"] if each["resource"] == f"trigger {BUCKET}"]
    assert "reconcile" in trigger["risk"]
    prefixes = [getattr(each, "prefix", None) for each in deployment.function.triggers]
    assert sorted(filter(None, prefixes)) == ["faces/in/"]


def test_the_oldest_versions_are_removed(deployment: Deployment) -> None:
    for number in range(13):
        deployment.replace_code(f"code{number}", WORKING % number)
        deployment.deploy("--yes")

    versions = [int(each.version) for each in deployment.function.versions.published]
    assert versions == list(range(3, 14))
    assert deployment.serving == "13"


def test_the_plan_is_shown_and_asked_about(deployment: Deployment) -> None:
    result = deployment.run("deploy", stdin="n\n")

    assert result.exit_code == 1
    assert "policy liveness-function" in result.stdout
    assert "Apply these changes?" in result.stderr
    assert deployment.sandbox.platform.functions == []
    assert deployment.run("deploy", stdin="y\n").exit_code == 0
    assert deployment.serving == "1"


def test_a_dry_run_changes_nothing(deployment: Deployment) -> None:
    first = len(deployment.sandbox.requests)

    value = deployment.value("deploy", "--dry-run")

    assert {change["state"] for change in value["changes"]} == {"to do"}
    assert changing(deployment.requests_since(first)) == []


def test_a_bucket_is_created_private_and_encrypted(deployment: Deployment) -> None:
    deployment.use_bucket("new-1250000000")

    deployment.deploy("--yes", "--create-bucket")

    client = cos_client(deployment.sandbox)
    rules = client.get_bucket_lifecycle("new-1250000000")["Rule"]
    assert {rule["ID"] for rule in rules} >= {"liveness-unfinished", "liveness-claims"}
    encryption = client.get_bucket_encryption("new-1250000000")["Rule"]
    assert "AES256" in str(encryption)
    assert deployment.serving == "1"


def test_the_environment_of_the_manifest_may_be_a_file(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIVENESS_BUCKET")
    assert "LIVENESS_BUCKET must be filled in" in deployment.run("deploy").stderr
    (deployment.folder / ".env").write_text(f"LIVENESS_BUCKET={BUCKET}\n")

    assert deployment.deploy("--yes")

    assert deployment.serving == "1"


def test_what_is_printed_is_json_in_ascii(deployment: Deployment) -> None:
    output = deployment.run("deploy", "--dry-run", "--json").stdout

    assert output.isascii()
    assert json.loads(output)["schema"] == "liveness-deployed/1"
