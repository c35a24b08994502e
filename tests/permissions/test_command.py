"""`liveness policies`: what it prints, and the settings that it rejects."""

from __future__ import annotations

import json
import re

import pytest

from liveness.settings import read_settings
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.roles import (
    MAX_CHARACTERS,
    PAIR_ROLES,
    ROLES,
    policy_of,
    policy_of_pair,
)
from tests.cli.conftest import Command, assert_one_sentence
from tests.conftest import BUCKET

from .requests_made import REGION, UIN

SETTINGS = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names an installation, without a key."""
    monkeypatch.setenv("TENCENTCLOUD_REGION", REGION)
    monkeypatch.setenv("LIVENESS_BUCKET", BUCKET)
    return monkeypatch


def resources(policy: Policy) -> set[str]:
    return {item for statement in policy["statement"] for item in statement["resource"]}


@pytest.mark.parametrize("role", ROLES)
def test_a_single_policy_is_ready_to_paste(
    installation: pytest.MonkeyPatch, liveness: Command, role: str
) -> None:
    printed = liveness("policies", "--role", role)

    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == policy_of(role, SETTINGS)
    assert printed.stdout.isascii()


def test_all_policies_are_printed_under_headings(
    installation: pytest.MonkeyPatch, liveness: Command
) -> None:
    printed = liveness("policies").stdout

    parts = re.split(r"(?m)^# ([\w-]+): .*\n# attach to: .*\n", printed)[1:]
    assert parts[::2] == list(ROLES)
    assert [json.loads(part) for part in parts[1::2]] == [policy_of(r, SETTINGS) for r in ROLES]


def test_resources_follow_from_the_environment(
    installation: pytest.MonkeyPatch, liveness: Command
) -> None:
    for name, value in (
        ("LIVENESS_RESULT_BUCKET", "results-1250000000"),
        ("LIVENESS_RESULT_PREFIX", "out/"),
        ("LIVENESS_LEDGER_BUCKET", "ledger-1250000000"),
        ("LIVENESS_LIVE_SUFFIXES", ".live"),
        ("LIVENESS_INPUT_PREFIX", "人/"),
        ("TENCENTCLOUD_UIN", UIN),
    ):
        installation.setenv(name, value)

    reader, app, function, deployer = (
        resources(json.loads(liveness("policies", "--role", role).stdout))
        for role in ("reader", "app", "function", "deployer")
    )

    assert f"qcs::cos:{REGION}:uid/1250000000:results-1250000000/out/*" in reader
    assert f"qcs::cos:{REGION}:uid/1250000000:{BUCKET}/人/*.live" in app
    assert any(":ledger-1250000000/liveness/ledger/claims/*" in item for item in function)
    assert f"qcs::cam::uin/{UIN}:roleName/liveness-function" in deployer


@pytest.mark.parametrize("role", PAIR_ROLES)
def test_the_policy_for_one_pair_is_what_a_backend_passes_to_sts(
    installation: pytest.MonkeyPatch, liveness: Command, role: str
) -> None:
    printed = liveness("policies", "--role", role, "--pair", "anna")

    assert printed.exit_code == 0
    policy = json.loads(printed.stdout)
    assert policy == policy_of_pair(role, SETTINGS, "anna")
    assert all("/incoming/anna/" in resource for resource in resources(policy))
    assert all(set(each) <= {"effect", "action", "resource", "condition"}
               for each in policy["statement"])  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--pair", "anna"), "--pair needs --role with one of app, app-simple, backend"),
        (("--role", "viewer", "--pair", "anna"), "--pair needs --role"),
        (("--role", "app", "--pair", "*"), "the keys would be good for other pairs, too"),
        (("--role", "app", "--pair", "${qcs:uin}"), "contains '$', which CAM may take"),
        (("--role", "app", "--pair", ""), "pair id"),
    ],
)
def test_a_policy_for_one_pair_is_refused_with_a_reason(
    installation: pytest.MonkeyPatch, liveness: Command, arguments: tuple[str, ...], text: str
) -> None:
    result = liveness("policies", *arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert_one_sentence(result, text)


@pytest.mark.parametrize("role", ROLES)
def test_every_policy_is_short_enough_for_cam(role: str) -> None:
    separate = SETTINGS._replace(
        result_bucket="results-1250000000", ledger_bucket="ledger-1250000000"
    )

    policy = policy_of(role, separate, UIN)

    assert len(json.dumps(policy, indent=2)) <= MAX_CHARACTERS == 6144
    assert set(policy) == {"version", "statement"}


def test_all_missing_variables_are_reported_at_once(liveness: Command) -> None:
    result = liveness("policies")

    assert result.exit_code == 2
    assert "LIVENESS_BUCKET" in result.stderr
    assert "TENCENTCLOUD_REGION" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("LIVENESS_INPUT_PREFIX", "in*/", "matches any text"),
        ("LIVENESS_LIVE_SUFFIXES", "/*.bin", "matches any text"),
        ("LIVENESS_INPUT_PREFIX", "x" * 400 + "/", "CAM accepts 6,144"),
    ],
)
def test_settings_that_allow_no_correct_policy_are_rejected(
    installation: pytest.MonkeyPatch, liveness: Command, name: str, value: str, text: str
) -> None:
    installation.setenv(name, value)
    installation.setenv("LIVENESS_IMAGE_SUFFIXES", ",".join(f".{n}.jpg" for n in range(16)))

    result = liveness("policies", "--role", "app")

    assert result.exit_code == 2
    assert_one_sentence(result, text)
