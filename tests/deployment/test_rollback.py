"""`liveness rollback`: the version before, at once."""

from __future__ import annotations

import pytest

from liveness_cli.account.function import Alias
from liveness_cli.deploy.managed_function import Version
from liveness_cli.deploy.rollback import NoVersionBefore, version_before
from liveness_cli.deploy.stamp import Stamp, describe

from .conftest import Deployment
from .test_deploy import changing

STAMP = Stamp("a" * 32, "b" * 32)


def version(number: int, after: int | None) -> Version:
    return Version(number, describe(STAMP, after), "Active")


@pytest.mark.parametrize(
    ("serving", "expected"),
    [("5", 4), ("4", 2), ("2", 1)],
)
def test_the_version_before_is_that_which_had_the_traffic(serving: str, expected: int) -> None:
    """Version 3 did not pass its check, so version 4 followed version 2."""
    versions = [version(1, None), version(2, 1), version(3, 2), version(4, 2), version(5, 4)]

    assert version_before(Alias(serving, {}), versions) == expected


@pytest.mark.parametrize(
    ("serving", "reason"),
    [
        ("1", "no other version had the traffic before version 1"),
        ("$LATEST", "is no published version"),
        ("7", "no other version"),
        ("9", "version 8, which had the traffic before, was deleted"),
    ],
)
def test_there_is_nothing_to_go_back_to(serving: str, reason: str) -> None:
    versions = [version(1, None), Version(7, "made by hand", "Active"), version(9, 8)]

    with pytest.raises(NoVersionBefore, match=reason.replace("$", r"\$")):
        version_before(Alias(serving, {}), versions)


def test_the_traffic_goes_back_with_one_change(deployment: Deployment) -> None:
    deployment.deploy("--yes")
    deployment.replace_code("two")
    deployment.deploy("--yes")
    deployment.as_role("deployer")
    first = len(deployment.sandbox.requests)

    value = deployment.value("rollback", "--yes")

    assert (value["from"], value["to"]) == ("2", "1")
    assert deployment.serving == "1"
    requests = deployment.requests_since(first)
    assert changing(requests) == ["UpdateAlias"]
    assert len(requests) == 3


def test_a_version_that_was_rolled_back_is_deployed_again_with_a_warning(
    deployment: Deployment,
) -> None:
    deployment.deploy("--yes")
    deployment.replace_code("two")
    deployment.deploy("--yes")
    deployment.value("rollback", "--yes")

    (change,) = deployment.value("deploy", "--dry-run")["changes"]
    assert "was rolled back" in change["risk"]
    deployment.replace_code("three")
    deployment.deploy("--yes")
    assert deployment.serving == "3"
    assert deployment.value("rollback", "--yes")["to"] == "1"


def test_there_is_no_version_before_the_first(deployment: Deployment) -> None:
    deployment.deploy("--yes")

    result = deployment.run("rollback", "--yes")

    assert result.exit_code == 1
    assert "no other version had the traffic" in result.stderr
    assert deployment.serving == "1"
