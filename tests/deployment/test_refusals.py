"""What must be corrected before `liveness deploy` changes anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from liveness_sandbox import CosTrigger, DeployOptions, Reply
from liveness_sandbox.requestlog import RequestRecord
from tests.sandbox.clients import cos_client

from .conftest import BUCKET, EVERYTHING, Deployment
from .test_deploy import changing


def refused(deployment: Deployment, *arguments: str) -> str:
    """Return why nothing was changed."""
    first = len(deployment.sandbox.requests)
    result = deployment.run("deploy", "--yes", *arguments)
    assert result.exit_code == 2, result.output
    assert "Nothing was changed" in result.stdout
    assert changing(deployment.requests_since(first)) == []
    return " ".join(result.stdout.split())


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    code = tmp_path / "elsewhere"
    code.mkdir()
    (code / "index.py").write_text("def main_handler(event, context):\n    return event\n")
    return code


@pytest.mark.parametrize(
    ("prefix", "is_refused"),
    [("", True), ("liveness/", True), ("liveness/incoming/a", True), ("other/", False)],
)
def test_a_trigger_of_another_function_on_the_same_prefix(
    deployment: Deployment, elsewhere: Path, prefix: str, is_refused: bool
) -> None:
    bucket = deployment.sandbox.bucket(BUCKET)
    options = DeployOptions(triggers=[CosTrigger(bucket, prefix=prefix)])
    deployment.sandbox.deploy("thumbnails", elsewhere, options)

    if is_refused:
        assert "the function thumbnails has a trigger on" in refused(deployment)
    else:
        assert deployment.deploy("--yes")


def test_another_function_of_that_name(deployment: Deployment, elsewhere: Path) -> None:
    deployment.sandbox.deploy("liveness", elsewhere, DeployOptions(runtime="Python3.10"))

    assert "another function of the name liveness" in refused(deployment)


def test_the_function_of_another_bucket(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.sandbox.create_bucket("other-1250000000")
    deployment.use_bucket("other-1250000000")

    assert f"works on the bucket {BUCKET}" in refused(deployment, "--mend")


def test_a_bucket_that_the_region_does_not_have(deployment: Deployment) -> None:
    deployment.sandbox.create_bucket("far-1250000000", region="ap-hongkong")
    deployment.use_bucket("far-1250000000")

    said = "there is no bucket far-1250000000 (LIVENESS_BUCKET) in ap-singapore"
    assert f"{said} (TENCENTCLOUD_REGION)" in refused(deployment)


def second_installation(deployment: Deployment) -> None:
    """Describe another installation as most would: with the role of the first."""
    deployment.sandbox.create_bucket("second-1250000000")
    deployment.use_bucket("second-1250000000")
    deployment.as_role("owner")
    deployment.manifest["inputs"]["name"] = "second"


def test_the_role_of_another_installation(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    second_installation(deployment)

    for arguments in ([], ["--mend"]):
        reason = refused(deployment, *arguments)
        assert "the role liveness-function is that of another installation, liveness:" in reason
        assert "its policy liveness-function" in reason
        assert "give `role` in serverless.yml another name" in reason
    deployment.manifest["inputs"]["role"] = "second-function"
    assert deployment.deploy("--yes")["role second-function"] == "done"
    assert deployment.deploy("--yes", "--mend") == {}


def test_a_shared_role_is_left_to_both_and_taken_from_none(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    second_installation(deployment)
    deployment.manifest["inputs"]["role"] = "second-function"
    deployment.deploy("--yes")
    role = {"AttachRoleName": "liveness-function"}
    deployment.cam("AttachRolePolicy", PolicyName="second-function", **role)
    deployment.manifest["inputs"]["role"] = "liveness-function"
    deployment.manifest["inputs"]["name"] = "liveness"
    deployment.use_bucket(BUCKET)
    deployment.as_role("owner")
    deployment.replace_code("two")

    assert "another installation, second: it carries its policy second-function" in refused(
        deployment, "--mend"
    )
    states = deployment.deploy("--yes")

    assert states["traffic"] == "done", "what is not about the role can go on"
    assert states["role liveness-function"] == "left"


def test_a_new_version_of_a_function_that_is_stopped(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.scf("PutReservedConcurrencyConfig", ReservedConcurrencyMem=0)
    deployment.manifest["inputs"]["memorySize"] = 512

    assert "a new version could not check itself" in refused(deployment)


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_bucket_with_versions(deployment: Deployment, status: str) -> None:
    deployment.sandbox.create_bucket("versions-1250000000", versioning=status)
    deployment.use_bucket("versions-1250000000")

    assert f"versioning is {status}" in refused(deployment)


def test_a_bucket_that_everybody_can_read(deployment: Deployment) -> None:
    cos_client(deployment.sandbox).put_bucket_acl(BUCKET, ACL="public-read")

    assert "readable or writable by everybody" in refused(deployment)


def test_a_policy_that_was_edited_by_hand(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.edit_policy("liveness-function")

    assert "the policy liveness-function was edited by hand" in refused(deployment)
    assert deployment.deploy("--yes", "--mend") == {"policy liveness-function": "done"}
    assert deployment.deploy("--yes") == {}


def test_a_policy_of_the_same_name_that_we_did_not_make(deployment: Deployment) -> None:
    deployment.cam(
        "CreatePolicy",
        PolicyName="liveness-reader",
        PolicyDocument=json.dumps(EVERYTHING),
        Description="Made by hand",
    )

    assert "the policy liveness-reader was edited by hand" in refused(deployment)


def test_a_role_that_others_may_assume(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    statement = (
        '{"effect": "allow", "action": "name/sts:AssumeRole", '
        '"principal": {"qcs": ["qcs::cam::uin/100000000001:root"]}}'
    )
    deployment.cam(
        "UpdateAssumeRolePolicy",
        RoleName="liveness-function",
        PolicyDocument=f'{{"version": "2.0", "statement": [{statement}]}}',
    )

    assert "may be assumed by others" in refused(deployment)
    assert deployment.deploy("--yes", "--mend") == {"role liveness-function": "done"}


def test_an_account_without_enough_memory(deployment: Deployment) -> None:
    usage = {"TotalConcurrencyMem": 65_536, "TotalAllocatedConcurrencyMem": 65_408, "Namespace": []}
    response = {"AccountUsage": usage, "AccountLimit": {"Namespace": []}, "RequestId": "1"}
    reply = Reply(200, json.dumps({"Response": response}).encode())

    def limit(request: RequestRecord, phase: str) -> Reply | None:
        return reply if request.action == "GetAccount" else None

    deployment.sandbox.hooks.append(limit)

    assert "the account has 128 MB of memory for instances left" in refused(deployment)


def test_an_account_without_room_for_a_function(deployment: Deployment, elsewhere: Path) -> None:
    for number in range(50):
        deployment.sandbox.deploy(f"function-{number}", elsewhere)

    assert "the account has 0 functions left" in refused(deployment)


def test_a_reservation_in_which_no_instance_fits(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.scf("PutReservedConcurrencyConfig", ReservedConcurrencyMem=128)

    assert "128 MB are reserved for the function, less than one instance's 256" in refused(
        deployment
    )


def test_another_runtime(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.manifest["inputs"]["runtime"] = "Python3.9"

    assert "runtime is Python3.10, which cannot be changed" in refused(deployment)


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("layers", [], "inputs.layers is not supported"),
        ("namespace", "other", "give 'default'"),
        ("timeout", 30, "less would cut off paid calls"),
        ("events", [{"apigw": {"parameters": {"enable": True}}}], "kind 'apigw'"),
    ],
)
def test_what_serverless_yml_may_not_say(
    deployment: Deployment, part: str, value: object, reason: str
) -> None:
    deployment.manifest["inputs"][part] = value

    result = deployment.run("deploy", "--yes")

    assert result.exit_code == 2
    assert reason in result.stderr
    assert deployment.sandbox.requests == []


def test_a_key_is_needed(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")

    result = deployment.run("deploy")

    assert result.exit_code == 2
    assert "TENCENTCLOUD_SECRET_ID" in result.stderr


def test_the_environment_and_env_must_mean_the_same_key(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Which goes before the other, nobody can know: they have different names."""
    (tmp_path / ".env").write_text("TENCENTCLOUD_SECRETID=AKIDofanother\n")

    result = deployment.run("deploy")

    assert result.exit_code == 2
    assert "TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRET_ID are two spellings" in result.stderr
    assert "AKID" not in result.output
    assert deployment.sandbox.requests == []


def test_the_code_of_another_folder_is_not_deployed(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    (other / "src").mkdir(parents=True)
    (other / "src/index.py").touch()
    (other / "serverless.yml").touch()
    monkeypatch.chdir(other)

    result = deployment.run("deploy")

    assert result.exit_code == 2
    assert "belongs to another folder" in result.stderr
