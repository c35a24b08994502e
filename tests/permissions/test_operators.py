"""The policies of viewer, operator, deployer and reader, against the requests of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from liveness.settings import read_settings
from liveness_cli.permissions.evaluator import Request, allows
from liveness_cli.permissions.roles import policy_of
from liveness_sandbox import DeployOptions
from tests.cli.conftest import Command
from tests.conftest import BUCKET, Cloud

from .requests_made import REGION, UIN, cos, denied, requests_by, unused

SETTINGS = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})
VIEWING = (
    ("status",),
    ("status", "--all"),
    ("explain", "anna"),
    ("explain", "nobody"),
    ("reconcile", "--dry-run"),
    ("forget", "anna", "--dry-run"),
    ("doctor",),
)
CHANGING = (("retry", "anna", "--yes"), ("reconcile",), ("forget", "anna", "--yes"))
CONFIGURING = (
    ("configure", "--dry-run"),
    ("configure", "--reserved-mb", "1024", "--retries", "1", "--max-event-age", "3600"),
    ("configure", "--inputs-days", "90"),
    ("configure", "--reserved-mb", "none", "--results-days", "never"),
)


class Commands:
    """Runs commands, each with a key of its own, and returns the requests they make."""

    def __init__(self, cloud: Cloud, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cloud = cloud
        self._command = command
        self._monkeypatch = monkeypatch

    def requests_of(self, *arguments: str) -> list[Request]:
        keys = self._cloud.sandbox.temporary_credentials()
        self._monkeypatch.setenv("TENCENTCLOUD_SECRETID", keys.secret_id)
        self._monkeypatch.setenv("TENCENTCLOUD_SECRETKEY", keys.secret_key)
        self._monkeypatch.setenv("TENCENTCLOUD_SESSIONTOKEN", keys.token or "")
        result = self._command(*arguments)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        assert "Error" not in result.stderr
        requests = requests_by(keys.secret_id, self._cloud.sandbox.requests)
        assert requests
        return requests


@pytest.fixture
def commands(cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The bucket has an unpublished pair, a throttled one, and one that no event reached."""
    cloud.put_pair("anna")
    cloud.put_pair("bert", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    cloud.put_pair("lost")
    function = cloud.instance()
    function.walk("anna")
    function.walk("bert")
    cloud.client.delete_object(BUCKET, "liveness/results/anna/result.json")
    for name, value in (
        ("TENCENTCLOUD_REGION", REGION),
        ("LIVENESS_BUCKET", BUCKET),
        ("LIVENESS_ENDPOINT_SCHEME", "http"),
        ("http_proxy", cloud.sandbox.url),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", lambda self, seconds: None)
    return Commands(cloud, liveness, monkeypatch)


@pytest.fixture
def deployed(cloud: Cloud, tmp_path: Path) -> None:
    """A function with its role."""
    (tmp_path / "index.py").write_text("")
    trust, policy = (policy_of(role, SETTINGS) for role in ("trust", "function"))
    cloud.sandbox.put_role("liveness-function", trust, {"liveness": policy})
    cloud.sandbox.deploy("liveness", tmp_path, DeployOptions(role="liveness-function"))


def test_a_viewer_may_do_exactly_what_viewing_needs(commands: Commands, deployed: None) -> None:
    viewer = policy_of("viewer", SETTINGS, UIN)

    requests = [request for arguments in VIEWING for request in commands.requests_of(*arguments)]

    assert denied(viewer, requests) == []
    assert unused(viewer, requests) == []


@pytest.mark.parametrize("arguments", CHANGING, ids=" ".join)
def test_changing_commands_need_the_operators_policy(
    commands: Commands, arguments: tuple[str, ...]
) -> None:
    requests = commands.requests_of(*arguments)

    assert denied(policy_of("operator", SETTINGS, UIN), requests) == []
    assert denied(policy_of("viewer", SETTINGS, UIN), requests) != []


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
def test_viewer_deployer_and_reader_may_not_change_anything(role: str, request_: Request) -> None:
    assert not allows([policy_of(role, SETTINGS)], request_)


def test_a_reader_may_read_best_frames() -> None:
    reader = [policy_of("reader", SETTINGS)]

    assert allows(reader, cos("GetObject", BUCKET, "liveness/results/anna/best-frame-0.jpg"))


@pytest.mark.parametrize(
    "key", ["liveness/ledger/claims/a/b/response", "liveness/incoming/anna/live.bin", "x"]
)
def test_a_reader_may_read_nothing_but_results(key: str) -> None:
    reader = [policy_of("reader", SETTINGS)]

    assert not allows(reader, cos("GetObject", BUCKET, key))


def test_a_deployer_may_do_exactly_what_configure_needs(commands: Commands, deployed: None) -> None:
    deployer = policy_of("deployer", SETTINGS, UIN)

    requests = [
        request for arguments in CONFIGURING for request in commands.requests_of(*arguments)
    ]

    assert denied(deployer, requests) == []
    # `scf deploy` needs these; it makes its requests from the vendor's servers.
    actions = {part["statement"][0]["action"][0] for part in unused(deployer, requests)}
    assert actions == {"sls:*", "cam:PassRole"}


@pytest.mark.parametrize(
    "key", ["liveness/incoming/anna/reference.jpg", "liveness/results/anna/result.json"]
)
def test_a_deployer_may_read_no_face(key: str) -> None:
    deployer = [policy_of("deployer", SETTINGS, UIN)]

    assert not allows(deployer, cos("GetObject", BUCKET, key))


@pytest.mark.parametrize(
    ("role", "is_allowed"), [("liveness-function", True), ("administrator", False)]
)
def test_a_deployer_may_pass_only_the_functions_role(role: str, is_allowed: bool) -> None:
    deployer = [policy_of("deployer", SETTINGS, UIN)]

    request = Request("cam:PassRole", f"qcs::cam::uin/{UIN}:roleName/{role}")

    assert allows(deployer, request) is is_allowed


def test_only_the_platform_may_assume_the_functions_role() -> None:
    (statement,) = policy_of("trust", SETTINGS)["statement"]

    assert statement == {
        "effect": "allow",
        "action": ["name/sts:AssumeRole"],
        "principal": {"service": ["scf.qcloud.com"]},
    }
