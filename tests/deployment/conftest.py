"""An empty account, and the commands that deploy into it, each with the policies of its role."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from liveness.settings import read_settings
from liveness_cli.main import main
from liveness_cli.permissions.language import Policy
from liveness_cli.permissions.roles import policy_of
from liveness_sandbox import Function, Reply, Sandbox
from liveness_sandbox.requestlog import RequestRecord
from tests.conftest import ROOT
from tests.sandbox.clients import api_client

BUCKET = "faces-1250000000"
REGION = "ap-singapore"
UIN = "100000000001"
SETTINGS = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": BUCKET})
EVERYTHING = {
    "version": "2.0",
    "statement": [{"effect": "allow", "action": "cos:*", "resource": "*"}],
}
OWNER = {**EVERYTHING, "statement": [{"effect": "allow", "action": "*", "resource": "*"}]}
# Answers the self-check and, as a backlog would, finds nothing to do.
WORKING = """
def main_handler(event, context):
    print('{"event": "instance.started", "cpu_share": 0.25}')
    return {"check": {"version": "%s"}, "drain": {}, "reconcile": {"complete": True}}
"""
BROKEN = "import a_module_that_does_not_exist\n"
REFUSED = """
def main_handler(event, context):
    raise RuntimeError("the face API refuses: AuthFailure.SecretIdNotFound")
"""


def package_of(path: Path, source: str) -> Path:
    """Write a package that starts faster than the real one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), source)
        archive.writestr(zipfile.ZipInfo("index.pyc"), b"")  # as if it had bytecode
    path.write_bytes(stream.getvalue())
    return path


class Deployment:
    """A deploying user, and the account that is deployed into."""

    def __init__(self, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._monkeypatch = monkeypatch
        self.manifest: dict[str, Any] = yaml.safe_load((ROOT / "serverless.yml").read_text())
        self.package = package_of(folder / "one.zip", WORKING % "one")
        self.key = ""
        self.settings = SETTINGS

    def as_role(self, *roles: str, without: tuple[str, str] | None = None) -> None:
        """Use a key that has the policies of these roles of `liveness policies`, and no other.

        The role `owner` may do everything.
        `without` names an action and a part of resources: those lack it.
        """
        policies = {
            role: OWNER if role == "owner" else policy_of(role, self.settings, UIN)
            for role in roles
        }
        if without is not None:
            policies = {role: _reduced(policy, *without) for role, policy in policies.items()}
        keys = self.sandbox.put_user("+".join(roles), policies)
        self._monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", keys.secret_id)
        self._monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", keys.secret_key)
        self.key = keys.secret_id

    def run(self, command: str, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command in this process, with the manifest and, to deploy, the package."""
        path = self.folder / "serverless.yml"
        path.write_text(yaml.safe_dump(self.manifest))
        options = ["--manifest", str(path)]
        if command == "deploy":
            options += ["--package", str(self.package)]
        result = CliRunner().invoke(main, [command, *options, *arguments], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.output,
            result.exception,
        )
        return result

    def configure(self, *arguments: str) -> Result:
        """Run `liveness configure`, which takes no manifest."""
        return CliRunner().invoke(main, ["configure", *arguments])

    def value(self, command: str, *arguments: str) -> dict[str, Any]:
        """Run a command that succeeds, and return what it prints as JSON."""
        result = self.run(command, "--json", *arguments)
        assert result.exit_code == 0, result.output
        value: dict[str, Any] = json.loads(result.stdout)
        return value

    def deploy(self, *arguments: str) -> dict[str, str]:
        """Deploy, and return the state of every change by its resource."""
        value = self.value("deploy", *arguments)
        return {change["resource"]: change["state"] for change in value["changes"]}

    def use_bucket(self, bucket: str) -> None:
        """Deploy for another bucket, with a key for that one."""
        self._monkeypatch.setenv("LIVENESS_BUCKET", bucket)
        self.settings = read_settings({"TENCENTCLOUD_REGION": REGION, "LIVENESS_BUCKET": bucket})
        self.as_role("deployer", "installer")

    def replace_code(self, word: str, source: str | None = None) -> None:
        self.package = package_of(self.folder / f"{word}.zip", source or WORKING % word)

    def scf(self, action: str, **params: Any) -> None:
        """Make a request to SCF as the console does."""
        self._request("scf", action, {"FunctionName": "liveness", **params})

    def cam(self, action: str, **params: Any) -> None:
        """Make a request to CAM as the console does."""
        self._request("cam", action, params)

    def _request(self, product: str, action: str, params: dict[str, Any]) -> None:
        versions = {"scf": "2018-04-16", "cam": "2019-01-16"}
        api_client(self.sandbox, product, versions[product]).call_json(action, params)

    def policies(self) -> list[str]:
        """Return the names of all custom policies."""
        reply = api_client(self.sandbox, "cam", "2019-01-16").call_json(
            "ListPolicies", {"Scope": "Local", "Rp": 200}
        )
        return [policy["PolicyName"] for policy in reply["Response"]["List"]]

    def refuse(self, action: str, code: str) -> None:
        """Refuse every request of that action, from now on."""
        response = {"Error": {"Code": code, "Message": "Refused."}, "RequestId": "1"}
        headers = {"Content-Type": "application/json"}
        reply = Reply(200, json.dumps({"Response": response}).encode(), headers)

        def hook(request: RequestRecord, phase: str) -> Reply | None:
            return reply if request.action == action else None

        self.sandbox.hooks.append(hook)

    def edit_policy(self, name: str) -> None:
        self.cam("UpdatePolicy", PolicyName=name, PolicyDocument=json.dumps(EVERYTHING))

    @property
    def function(self) -> Function:
        function = self.sandbox.platform.find("liveness")
        assert function is not None, "there is no function"
        return function

    @property
    def serving(self) -> str:
        """The version that the traffic goes to."""
        alias = self.function.versions.alias("$DEFAULT")
        assert alias is not None
        return alias.version

    def requests_since(self, first: int) -> list[RequestRecord]:
        """Return what was requested with the present key, after so many requests in all."""
        return [each for each in self.sandbox.requests[first:] if each.principal == self.key]


def _reduced(policy: Policy, action: str, place: str) -> Policy:
    """Leave out that action on resources with that part."""
    parts = [
        {**statement, "action": [each], "resource": resources}
        for statement in policy["statement"]
        for each in statement["action"]
        if (
            resources := [
                resource
                for resource in statement["resource"]
                if each != action or place not in resource
            ]
        )
    ]
    return {**policy, "statement": parts}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(region=REGION) as running:
        yield running


@pytest.fixture
def deployment(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """An account with a bucket and nothing else, and a key for a first deployment."""
    for name in list(os.environ):
        if name.startswith(("LIVENESS_", "TENCENTCLOUD_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, text in (
        ("LIVENESS_BUCKET", BUCKET),
        ("TENCENTCLOUD_REGION", REGION),
        ("LIVENESS_ENDPOINT_SCHEME", "http"),
        ("http_proxy", sandbox.url),
        ("XDG_CACHE_HOME", str(tmp_path / "cache")),
    ):
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(tmp_path)

    def let_time_pass(clock: object, seconds: float) -> None:
        sandbox.clock.advance(seconds)
        time.sleep(0.02)  # what is due then happens in other threads

    monkeypatch.setattr("liveness.cloud.system.SystemClock.sleep", let_time_pass)
    sandbox.create_bucket(BUCKET)
    deployment = Deployment(sandbox, tmp_path, monkeypatch)
    deployment.as_role("deployer", "installer")
    return deployment
