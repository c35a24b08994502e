"""Without TLS anybody on the way reads a face: http is for the sandbox only, wherever it is set."""

from __future__ import annotations

import pytest

from liveness.errors import SettingsError
from liveness.handler import Function
from liveness.settings import read_settings
from liveness_cli.account.function import Configuration
from liveness_cli.account.same_settings import different_settings
from liveness_package.check import find_problems, read_manifest
from tests.conftest import BUCKET, CONTEXT
from tests.deploy.conftest import FILLED_IN, TEXT

from .cast import Cast

HTTP = {"LIVENESS_ENDPOINT_SCHEME": "http"}


@pytest.mark.parametrize(
    "network",
    [
        {"http_proxy": ""},
        {"http_proxy": "http://10.0.0.1:3128"},
        {"http_proxy": "http://127.0.0.1.evil.example:80"},
        {"http_proxy": "http://127.0.0.1:80", "no_proxy": ".myqcloud.com"},
        {"http_proxy": "http://127.0.0.1:80", "NO_PROXY": "*"},
        {"http_proxy": "", "https_proxy": "http://127.0.0.1:80"},
    ],
    ids=str,
)
def test_the_function_sends_nothing_over_http(cast: Cast, network: dict[str, str]) -> None:
    """It ends before its first request, whatever woke it."""
    cast.cloud.put_pair("anna")
    lines: list[str] = []
    function = Function(environ=cast.function.environ | network, write=lines.append)
    before = len(cast.cloud.sandbox.requests)

    with pytest.raises(SettingsError, match="LIVENESS_ENDPOINT_SCHEME is 'http'"):
        function({"pairs": ["anna"]}, CONTEXT)

    assert len(cast.cloud.sandbox.requests) == before
    assert "unencrypted" in "".join(lines)


def test_a_function_with_http_is_not_deployed() -> None:
    inputs = read_manifest(TEXT, FILLED_IN)["inputs"]
    assert find_problems(inputs) == []

    inputs["environment"]["variables"].update(HTTP)

    (problem,) = find_problems(inputs)
    assert "unencrypted" in problem


def test_doctor_finds_a_function_with_http() -> None:
    """One that was deployed by other means."""
    settings = read_settings({"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET})
    environment = {"LIVENESS_BUCKET": BUCKET}
    deployed = Configuration("Active", "liveness-function", 256, 900, False, environment)
    assert different_settings(deployed, settings) == []

    with pytest.raises(SettingsError, match="unencrypted"):
        different_settings(deployed._replace(environment={**environment, **HTTP}), settings)
