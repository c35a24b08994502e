"""`liveness policies`: what it prints; and the operators' commands held against their policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveness.settings import read_settings
from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.roles import MAX_CHARACTERS, ROLES, policy_of
from tests.cli.conftest import Command, assert_one_sentence
from tests.conftest import BUCKET, Cloud
from tests.permissions.requests_made import REGION, UIN, asked_by, cos, refused, unused

SETTINGS = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})
LOOKING = (
    ("status",),
    ("status", "--all"),
    ("explain", "anna"),
    ("explain", "nobody"),
    ("reconcile", "--dry-run"),
    ("forget", "anna", "--dry-run"),
    ("doctor",),
)
CHANGING = (("retry", "anna", "--yes"), ("reconcile",), ("forget", "anna", "--yes"))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names an installation, and no key."""
    monkeypatch.setenv("TENCENTCLOUD_REGION", REGION)
    monkeypatch.setenv("LIVENESS_BUCKET", BUCKET)
    return monkeypatch


# ---- what is printed


def test_one_is_ready_to_paste(named: pytest.MonkeyPatch, liveness: Command) -> None:
    for role in ROLES:
        printed = liveness("policies", "--role", role)
        assert printed.exit_code == 0
        assert json.loads(printed.stdout) == policy_of(role, SETTINGS)
        assert printed.stdout.isascii()


def test_all_are_printed_under_headings(named: pytest.MonkeyPatch, liveness: Command) -> None:
    printed = liveness("policies").stdout
    parts = re.split(r"(?m)^# (\w+): .*\n# attach to: .*\n", printed)[1:]
    assert parts[::2] == list(ROLES)
    assert [json.loads(part) for part in parts[1::2]] == [policy_of(r, SETTINGS) for r in ROLES]


def test_settings_and_account_are_those_of_the_environment(
    named: pytest.MonkeyPatch, liveness: Command
) -> None:
    for name, value in (
        ("LIVENESS_RESULT_BUCKET", "results-1250000000"),
        ("LIVENESS_RESULT_PREFIX", "out/"),
        ("LIVENESS_LEDGER_BUCKET", "ledger-1250000000"),
        ("LIVENESS_LIVE_SUFFIXES", ".live"),
        ("LIVENESS_INPUT_PREFIX", "人/"),
        ("TENCENTCLOUD_UIN", UIN),
    ):
        named.setenv(name, value)
    reader, app = (json.loads(liveness("policies", "--role", r).stdout) for r in ("reader", "app"))
    assert resources(reader) == {f"qcs::cos:{REGION}:uid/1250000000:results-1250000000/out/*"}
    assert f"qcs::cos:{REGION}:uid/1250000000:{BUCKET}/人/*.live" in resources(app)
    function = json.loads(liveness("policies", "--role", "function").stdout)
    assert any(
        ":ledger-1250000000/liveness/ledger/claims/*" in item for item in resources(function)
    )
    deployer = json.loads(liveness("policies", "--role", "deployer").stdout)
    assert f"qcs::cam::uin/{UIN}:roleName/liveness-function" in resources(deployer)


def resources(policy: Policy) -> set[str]:
    return {item for statement in policy["statement"] for item in statement["resource"]}


def test_every_policy_is_as_small_as_cam_wants_it() -> None:
    wide = SETTINGS._replace(result_bucket="results-1250000000", ledger_bucket="ledger-1250000000")
    for role in ROLES:
        policy = policy_of(role, wide, UIN)
        assert len(json.dumps(policy, indent=2)) <= MAX_CHARACTERS == 6144
        assert set(policy) == {"version", "statement"}


def test_what_is_missing_is_told_at_once(liveness: Command) -> None:
    result = liveness("policies")
    assert result.exit_code == 2
    assert "LIVENESS_BUCKET" in result.stderr
    assert "TENCENTCLOUD_REGION" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIVENESS_INPUT_PREFIX", "in*/", "matches any text"),
        ("LIVENESS_LIVE_SUFFIXES", "/*.bin", "matches any text"),
        ("LIVENESS_INPUT_PREFIX", "x" * 400 + "/", "CAM accepts 6,144"),
    ],
)
def test_settings_of_which_no_policy_can_be_made(
    named: pytest.MonkeyPatch, liveness: Command, name: str, value: str, said: str
) -> None:
    named.setenv(name, value)
    named.setenv("LIVENESS_IMAGE_SUFFIXES", ",".join(f".{n}.jpg" for n in range(16)))
    result = liveness("policies", "--role", "app")
    assert result.exit_code == 2
    assert_one_sentence(result, said)


# ---- operators


@pytest.fixture
def arranged(cloud: Cloud, named: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A pair that was answered but not published, one that failed, one that no event reached."""
    cloud.put_pair("anna")
    cloud.put_pair("bert", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    cloud.put_pair("lost")
    function = cloud.instance()
    function.walk("anna")
    function.walk("bert")
    cloud.client.delete_object(BUCKET, "liveness/results/anna/result.json")
    named.setenv("http_proxy", cloud.sandbox.url)
    named.setenv("LIVENESS_ENDPOINT_SCHEME", "http")
    named.setattr("liveness.seams.SystemClock.sleep", lambda self, seconds: None)
    yield cloud


def asked_for(
    cloud: Cloud, command: Command, patch: pytest.MonkeyPatch, *arguments: str
) -> list[Request]:
    """What a command asks for under a key of its own."""
    keys = cloud.sandbox.temporary_credentials()
    patch.setenv("TENCENTCLOUD_SECRETID", keys.secret_id)
    patch.setenv("TENCENTCLOUD_SECRETKEY", keys.secret_key)
    patch.setenv("TENCENTCLOUD_SESSIONTOKEN", keys.token or "")
    result = command(*arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert "Error" not in result.stderr
    made = asked_by(keys.secret_id, cloud.sandbox.requests)
    assert made
    return made


def test_who_only_looks_may_look_and_no_more(
    arranged: Cloud, named: pytest.MonkeyPatch, liveness: Command, tmp_path: Path
) -> None:
    put_up(arranged, tmp_path)
    made = [
        item for arguments in LOOKING for item in asked_for(arranged, liveness, named, *arguments)
    ]
    viewer = policy_of("viewer", SETTINGS, UIN)
    assert refused(viewer, made) == []
    assert unused(viewer, made) == []


def put_up(cloud: Cloud, code: Path) -> None:
    """A function with its role."""
    (code / "index.py").write_text("")
    trust, own = (policy_of(role, SETTINGS) for role in ("trust", "function"))
    cloud.sandbox.put_role("liveness-function", trust, {"liveness": own})
    cloud.sandbox.deploy("liveness", code, role="liveness-function")


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
def test_who_changes_something_needs_the_operators_policy(
    arranged: Cloud, named: pytest.MonkeyPatch, liveness: Command, arguments: tuple[str, ...]
) -> None:
    made = asked_for(arranged, liveness, named, *arguments)
    assert refused(policy_of("operator", SETTINGS, UIN), made) == []
    assert refused(policy_of("viewer", SETTINGS, UIN), made) != []


@pytest.mark.parametrize("role", ["viewer", "deployer", "reader"])
@pytest.mark.parametrize(
    "request_",
    [
        cos("PutObject", BUCKET, "liveness/ledger/pending/x"),
        cos("PutObject", BUCKET, "liveness/results/anna/result.json"),
        cos("DeleteObject", BUCKET, "liveness/incoming/anna/live.bin"),
        cos("PutObjectACL", BUCKET, "liveness/results/anna/result.json"),
        Request("faceid:DetectReflectLivenessAndCompare", "*"),
        Request("scf:InvokeFunction", "*"),
        Request("cam:AttachRolePolicy", "*"),
    ],
    ids=lambda item: item.action,
)
def test_who_only_looks_changes_nothing(role: str, request_: Request) -> None:
    assert not allows([policy_of(role, SETTINGS)], request_)


def test_whoever_uses_results_reads_those_and_not_the_ledger() -> None:
    reader = [policy_of("reader", SETTINGS)]
    assert allows(reader, cos("GetObject", BUCKET, "liveness/results/anna/best-frame-0.jpg"))
    for key in ("liveness/ledger/claims/a/b/response", "liveness/incoming/anna/live.bin", "x"):
        assert not allows(reader, cos("GetObject", BUCKET, key))


def test_who_deploys_may_configure_and_no_more(
    arranged: Cloud, named: pytest.MonkeyPatch, liveness: Command, tmp_path: Path
) -> None:
    put_up(arranged, tmp_path)
    made = [
        item
        for arguments in (
            ("--dry-run",),
            ("--reserved-mb", "1024", "--retries", "1", "--max-event-age", "3600"),
            ("--inputs-days", "90"),
            ("--reserved-mb", "none", "--results-days", "never"),
        )
        for item in asked_for(arranged, liveness, named, "configure", *arguments)
    ]
    deployer = policy_of("deployer", SETTINGS, UIN)
    assert refused(deployer, made) == []
    # What `scf deploy` asks for, it asks the vendor's own servers.
    actions = {part["statement"][0]["action"][0] for part in unused(deployer, made)}
    assert actions == {"sls:*", "cam:PassRole"}


def test_who_deploys_sees_no_face() -> None:
    deployer = [policy_of("deployer", SETTINGS, UIN)]
    for key in ("liveness/incoming/anna/reference.jpg", "liveness/results/anna/result.json"):
        assert not allows(deployer, cos("GetObject", BUCKET, key))


def test_who_deploys_passes_no_other_role() -> None:
    deployer = [policy_of("deployer", SETTINGS, UIN)]
    for role, allowed in (("liveness-function", True), ("administrator", False)):
        wanted = Request("cam:PassRole", f"qcs::cam::uin/{UIN}:roleName/{role}")
        assert allows(deployer, wanted) is allowed


def test_the_function_is_trusted_to_nobody_but_the_platform() -> None:
    (statement,) = policy_of("trust", SETTINGS)["statement"]
    assert statement == {
        "effect": "allow",
        "action": ["name/sts:AssumeRole"],
        "principal": {"service": ["scf.qcloud.com"]},
    }
