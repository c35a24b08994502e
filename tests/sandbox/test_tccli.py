"""The vendor's unmodified command line, with the environment that the sandbox provides."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from liveness_sandbox import Sandbox

from . import tccli
from .clients import DETECT, JPEG, Pair, md5

# tccli uses https unless the endpoint says otherwise, and for https it ignores http_proxy.
ENDPOINT = ("--endpoint", "http://faceid.intl.tencentcloudapi.com")

pytestmark = pytest.mark.timeout(tccli.INSTALL_SECONDS + 100)


class CommandLine:
    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),  # where it keeps its settings and its log
            **sandbox.client_environment(),
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*tccli.command(), *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def call(self, action: str, *options: str, **params: str) -> dict[str, Any]:
        arguments = [text for name, value in params.items() for text in (f"--{name}", value)]
        process = self.run("faceid", action, *arguments, *options)
        assert process.returncode == 0, process.stderr
        response: dict[str, Any] = json.loads(process.stdout)
        return response


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    return CommandLine(sandbox, tmp_path)


def test_a_pair_is_uploaded_and_judged(
    sandbox: Sandbox, http: requests.Session, cli: CommandLine
) -> None:
    """The complete documented procedure: two upload links, two PUTs, a verdict and a frame."""

    def uploaded(body: bytes) -> str:
        links = cli.call("CreateUploadUrl", *ENDPOINT, TargetAction=DETECT)
        assert links["ExpiredTimestamp"] > sandbox.clock.now().timestamp()
        assert http.put(links["UploadUrl"], data=body).status_code == 200
        url: str = links["ResourceUrl"]
        return url

    live = b"a live person"
    response = cli.call(
        DETECT,
        *ENDPOINT,
        LiveDataUrl=uploaded(live),
        LiveDataMd5=md5(live),
        ImageUrl=uploaded(JPEG),
        ImageMd5=md5(JPEG),
    )

    assert (response["Result"], response["Sim"]) == ("Success", 96.3)
    assert md5(http.get(response["BestFrameUrl"]).content) == response["BestFrameMd5"]
    [call] = sandbox.faceid.billed
    assert call.request_id == response["RequestId"]

    agents = {request.headers["x-tc-requestclient"] for request in calls(sandbox)}
    assert {agent.partition("_CLI_")[1] for agent in agents} == {"_CLI_"}


def test_the_endpoint_can_be_configured(sandbox: Sandbox, cli: CommandLine) -> None:
    set_endpoint = ("configure", "set", "faceid.endpoint", ENDPOINT[1])

    assert cli.run(*set_endpoint).returncode == 0
    assert cli.call("CreateUploadUrl", TargetAction=DETECT)["UploadUrl"]
    assert len(calls(sandbox)) == 1


def test_errors_are_reported(sandbox: Sandbox, cli: CommandLine, pair: Callable[..., Pair]) -> None:
    params = {**pair().params, "ImageMd5": md5(b"something else")}
    arguments = [text for name, value in params.items() for text in (f"--{name}", value)]
    process = cli.run("faceid", DETECT, *arguments, *ENDPOINT)

    assert process.returncode == 255
    assert "code:InvalidParameterValue message:MD5 Error" in process.stderr

    wrong = cli.run("faceid", DETECT, *arguments, *ENDPOINT, TENCENTCLOUD_SECRET_KEY="0" * 32)
    assert "code:AuthFailure.SignatureFailure" in wrong.stderr


def test_a_client_that_uses_https_learns_why_it_fails(sandbox: Sandbox, cli: CommandLine) -> None:
    target = ("--TargetAction", DETECT)
    process = cli.run("faceid", "CreateUploadUrl", *target, https_proxy=sandbox.url)

    assert process.returncode == 255
    assert "The sandbox does not support TLS: use http" in process.stderr


def calls(sandbox: Sandbox) -> list[Any]:
    return [request for request in sandbox.requests if request.service == "faceid"]
