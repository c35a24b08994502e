"""Both functions in the sandbox, as their serverless.yml deploys them, under their roles."""

from __future__ import annotations

import base64
import json
from typing import Any

from liveness.settings import read_settings
from liveness_cli.permissions.roles import policy_of
from liveness_package.check import read_manifest
from liveness_package.triggers import UploadFilter
from liveness_sandbox import CosTrigger, DeployOptions, Function
from tests.conftest import BUCKET, ROOT, Cloud

SECRET = "whsec_" + base64.b64encode(b"a secret of at least 24 bytes").decode()
FUNCTION, CONSUMER = "serverless.yml", "examples/consumer/serverless.yml"
SETTINGS = read_settings({"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": BUCKET})


def inputs_of(manifest: str, url: str = "https://backend.example.com/webhooks") -> dict[str, Any]:
    """Read a serverless.yml, filled in."""
    variables = {
        "LIVENESS_BUCKET": BUCKET,
        "TENCENTCLOUD_REGION": "ap-singapore",
        "WEBHOOK_URL": url,
        "WEBHOOK_SECRET": SECRET,
    }
    inputs: dict[str, Any] = read_manifest((ROOT / manifest).read_text(), variables)["inputs"]
    return inputs


def upload_filters(inputs: dict[str, Any]) -> list[UploadFilter]:
    """Return the filters of the COS triggers."""
    rules = [event["cos"]["parameters"] for event in inputs["events"] if "cos" in event]
    return [
        UploadFilter(rule["events"], rule["filter"]["prefix"], rule["filter"]["suffix"])
        for rule in rules
    ]


def deploy(cloud: Cloud, manifest: str, url: str = "") -> Function:
    """Deploy what a serverless.yml says, except for its timers: tests invoke them."""
    inputs = inputs_of(manifest, url)
    triggers = [CosTrigger(BUCKET, each.prefix, each.suffix) for each in upload_filters(inputs)]
    environment = {
        **inputs["environment"]["variables"],
        "LIVENESS_ENDPOINT_SCHEME": "http",
        "no_proxy": "127.0.0.1",  # the endpoint is outside the sandbox
    }
    put_role(cloud, inputs["role"])
    options = DeployOptions(
        inputs["handler"],
        environment=environment,
        timeout_seconds=inputs["timeout"],
        triggers=triggers,
        role=inputs["role"],
    )
    source = (ROOT / manifest).parent / inputs["src"]["src"]
    return cloud.sandbox.deploy(inputs["name"], source, options)


def put_role(cloud: Cloud, name: str) -> None:
    """Give a function's role the policies that the documents name, and no other."""
    policies = {
        "liveness-function": [policy_of("function", SETTINGS)],
        "liveness-consumer": [
            policy_of("reader", SETTINGS),
            json.loads((ROOT / "examples/consumer/policy.json").read_text()),
        ],
    }[name]
    named = {f"{name}-{number}": policy for number, policy in enumerate(policies)}
    cloud.sandbox.put_role(name, policy_of("trust", SETTINGS), named)
