"""`liveness token`: temporary keys for one pair, under enforced policies."""

from __future__ import annotations

import json
import subprocess

import pytest

from liveness.settings import read_settings
from liveness_cli.permissions.roles import policy_of
from tests.conftest import BUCKET, Cloud

from .conftest import ROOT, Command, assert_one_sentence

SETTINGS = read_settings({"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET})
PACKAGE = str(ROOT / "events/sample/live.bin")
PHOTO = str(ROOT / "events/sample/reference.jpg")
_KEYS = ("SECRETID", "SECRETKEY", "SESSIONTOKEN", "SECRET_ID", "SECRET_KEY", "TOKEN")

pytestmark = pytest.mark.usefixtures("environment")


def act_as(cloud: Cloud, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the environment the key of a sub-account with the policy of a role."""
    cloud.sandbox.put_user(role, {role: policy_of(role, SETTINGS)})
    for name, value in cloud.sandbox.client_environment(role).items():
        monkeypatch.setenv(name, value)


def use_printed_keys(printed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables as a shell does that evaluates what was printed."""
    script = printed + "\nenv -0"
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    variables = dict(line.split("=", 1) for line in shell.stdout.split("\0") if "=" in line)
    for name in _KEYS:
        monkeypatch.setenv(f"TENCENTCLOUD_{name}", variables[f"TENCENTCLOUD_{name}"])


@pytest.fixture
def app_keys(
    cloud: Cloud, environment: None, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment has the keys for anna that `liveness token` printed to the issuer."""
    act_as(cloud, "app", monkeypatch)
    printed = liveness("token", "anna")
    assert printed.exit_code == 0, printed.output
    use_printed_keys(printed.stdout, monkeypatch)


@pytest.mark.usefixtures("app_keys")
def test_the_keys_put_the_package_of_their_pair(cloud: Cloud, liveness: Command) -> None:
    uploaded = liveness("upload", "anna", "--live", PACKAGE)

    assert uploaded.exit_code == 0, uploaded.output
    assert cloud.bucket.keys() == ["liveness/incoming/anna/live.bin"]


@pytest.mark.usefixtures("app_keys")
@pytest.mark.parametrize(
    "arguments",
    [("bert", "--live", PACKAGE), ("anna", "--reference", PHOTO)],
    ids=["another pair", "the photo"],
)
def test_the_keys_put_nothing_else(
    cloud: Cloud, liveness: Command, arguments: tuple[str, ...]
) -> None:
    uploaded = liveness("upload", *arguments)

    assert uploaded.exit_code == 1
    assert_one_sentence(
        uploaded, "403 AccessDenied", "do not allow name/cos:PutObject on qcs::cos:"
    )
    assert cloud.bucket.keys() == []


@pytest.mark.usefixtures("app_keys")
def test_the_keys_read_no_result(cloud: Cloud, liveness: Command) -> None:
    waited = liveness("upload", "anna", "--live", PACKAGE, "--wait")

    assert waited.exit_code == 1
    assert_one_sentence(waited, "cannot download", "do not allow name/cos:GetObject on qcs::cos:")


@pytest.mark.usefixtures("app_keys")
def test_the_keys_expire(cloud: Cloud, liveness: Command) -> None:
    cloud.advance(1801)

    uploaded = liveness("upload", "anna", "--live", PACKAGE)

    assert uploaded.exit_code == 1
    assert_one_sentence(uploaded, "cannot upload live.bin", "403")


@pytest.mark.usefixtures("app_keys")
def test_temporary_keys_issue_no_others(liveness: Command) -> None:
    again = liveness("token", "anna")

    assert again.exit_code == 1
    assert "GetFederationToken: " in again.stderr


def test_json_is_what_an_app_is_handed(
    cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(cloud, "app", monkeypatch)

    grant = json.loads(liveness("token", "anna", "--minutes", "10", "--json").stdout)

    credentials = grant.pop("credentials")
    assert grant == {
        "pair_id": "anna",
        "bucket": BUCKET,
        "region": "ap-singapore",
        "key": "liveness/incoming/anna/live.bin",
        "scheme": "http",
    }
    assert set(credentials) == {
        "TmpSecretId", "TmpSecretKey", "SecurityToken", "StartTime", "ExpiredTime",
    }  # fmt: skip
    assert credentials["ExpiredTime"] - credentials["StartTime"] == 600


def test_a_key_that_may_not_ask_for_keys_is_explained(
    cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(cloud, "viewer", monkeypatch)

    printed = liveness("token", "anna")

    assert printed.exit_code == 1
    assert_one_sentence(printed, "GetFederationToken", "liveness policies --role app")
    assert printed.stdout == ""


@pytest.mark.parametrize("pair_id", ["", "*", "a" * 800])
def test_a_pair_id_for_which_no_key_is_safe_is_refused(liveness: Command, pair_id: str) -> None:
    printed = liveness("token", pair_id)

    assert printed.exit_code == 2
    assert printed.stdout == ""
