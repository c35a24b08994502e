"""The requests that the vendor's own toolkit makes when it deploys serverless.yml."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.examples.deployment import CONSUMER, inputs_of

from .conftest import REGION

HERE = Path(__file__).parent
# Where the component uploads the code before it calls the toolkit.
CODE = {"bucket": "sls-cloudfunction-ap-singapore-code", "object": "/scf_component.zip"}
EMPTY_CLOUD: dict[str, Any] = {"function": None, "triggers": []}
FUNCTION = {"Region": REGION, "FunctionName": "liveness", "Namespace": "default"}
TRIGGERS: list[dict[str, Any]] = [
    {
        "Type": "cos",
        "TriggerName": "faces-1250000000.cos.ap-singapore.myqcloud.com",
        "TriggerDesc": {
            "event": "cos:ObjectCreated:*",
            "filter": {"Prefix": "liveness/incoming/", "Suffix": ""},
        },
    },
    {
        "Type": "timer",
        "TriggerName": "drain",
        "TriggerDesc": "0 * * * * * *",
        "CustomArgument": "drain",
    },
    {
        "Type": "timer",
        "TriggerName": "reconcile",
        "TriggerDesc": "0 17 * * * * *",
        "CustomArgument": "reconcile",
    },
]
CONFIGURATION = {
    "Timeout": 900,
    "InitTimeout": 30,
    "MemorySize": 256,
    "DiskSize": 512,
    "Role": "liveness-function",
    "PublicNetConfig": {"PublicNetStatus": "ENABLE", "EipConfig": {"EipStatus": "DISABLE"}},
    "L5Enable": "FALSE",
    "Environment": {
        "Variables": [
            {"Key": "LIVENESS_BUCKET", "Value": "faces-1250000000"},
            {"Key": "LIVENESS_SIM_THRESHOLD", "Value": "70"},
        ]
    },
}
PROGRAM = {
    "Handler": "index.main_handler",
    "InstallDependency": "FALSE",
    "Code": {"CosBucketName": CODE["bucket"], "CosObjectName": CODE["object"]},
}

Deploy = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def deploy() -> Deploy:
    """`deploy(inputs, existing)`: return the requests in order, without sending any."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules/.ready").exists():
        reason = "Node.js and npm are needed for the vendor's toolkit, which `make test` installs"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)

    def run(inputs: dict[str, Any], existing: dict[str, Any] = EMPTY_CLOUD) -> list[dict[str, Any]]:
        # The component passes the uploaded code, not the local folder.
        component_inputs = {**inputs, "code": CODE}
        del component_inputs["src"]
        task = {"region": inputs["region"], "inputs": component_inputs, "existing": existing}
        done = subprocess.run(
            [node, HERE / "dry_run.js"],
            input=json.dumps(task),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        )
        requests: list[dict[str, Any]] = json.loads(done.stdout)
        for request in requests:
            del request["Version"]
            if request.get("Type") == "cos":
                request["TriggerDesc"] = json.loads(request["TriggerDesc"])
        return requests

    return run


def changing(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Select the requests that change something in the cloud."""
    return [each for each in requests if not re.match("Get|List|Describe", each["Action"])]


def test_a_first_deployment_creates_function_tag_and_triggers(
    deploy: Deploy, inputs: dict[str, Any]
) -> None:
    tag = {"Region": REGION, "TagKey": "application", "TagValue": "liveness"}

    requests = changing(deploy(inputs))

    assert requests == [
        {
            **{"Action": "CreateFunction", **FUNCTION, **CONFIGURATION, **PROGRAM},
            **{"Type": "Event", "DeployMode": "code", "Runtime": "Python3.10"},
        },
        {"Action": "CreateTag", **tag},
        {
            "Action": "AttachResourcesTag",
            **tag,
            "ServiceType": "scf",
            "ResourceRegion": REGION,
            "ResourcePrefix": "namespace",
            "ResourceIds": ["default/function/liveness"],
        },
        *(
            {"Action": "CreateTrigger", **FUNCTION, "Qualifier": "$DEFAULT", "Enable": "OPEN"}
            | each
            for each in TRIGGERS
        ),
    ]


def test_the_example_consumer_is_deployed_by_the_same_means(deploy: Deploy) -> None:
    requests = changing(deploy(inputs_of(CONSUMER)))

    function, *triggers = requests
    assert function["Action"] == "CreateFunction"
    assert (function["FunctionName"], function["Handler"], function["Role"]) == (
        "liveness-consumer",
        "deliver.main_handler",
        "liveness-consumer",
    )
    assert [(each["Type"], each["TriggerDesc"], each["Enable"]) for each in triggers] == [
        (
            "cos",
            {
                "event": "cos:ObjectCreated:*",
                "filter": {"Prefix": "liveness/results/", "Suffix": ".json"},
            },
            "OPEN",
        ),
        ("timer", "30 */5 * * * * *", "OPEN"),
    ]


def test_a_later_deployment_leaves_the_triggers(deploy: Deploy, inputs: dict[str, Any]) -> None:
    existing = [
        each
        | {
            "TriggerDesc": json.dumps(
                each["TriggerDesc"] if each["Type"] == "cos" else {"cron": each["TriggerDesc"]},
                separators=(",", ":"),
            ),
            "Enable": 1,
            "Qualifier": "$DEFAULT",
        }
        for each in TRIGGERS
    ]

    requests = changing(deploy(inputs, {"function": FUNCTION, "triggers": existing}))

    assert requests[:2] == [
        {"Action": "UpdateFunctionCode", **FUNCTION, **PROGRAM},
        {"Action": "UpdateFunctionConfiguration", **FUNCTION, **CONFIGURATION},
    ]
    assert {each["Action"] for each in requests[2:]} == {"CreateTag", "AttachResourcesTag"}


def test_optional_parts_take_effect_when_uncommented(
    deploy: Deploy, inputs: dict[str, Any], all_inputs: dict[str, Any]
) -> None:
    default_create, *default_rest = changing(deploy(inputs))
    full_create, *full_rest = changing(deploy(all_inputs))

    assert full_rest == default_rest
    assert full_create == default_create | {
        "ClsLogsetId": "00000000-0000-0000-0000-000000000000",
        "ClsTopicId": "00000000-0000-0000-0000-000000000001",
        "DeadLetterConfig": {"Type": "CMQ-QUEUE", "Name": "liveness-dead-letters"},
        "VpcConfig": {"VpcId": "vpc-00000000", "SubnetId": "subnet-00000000"},
    }


def test_the_lock_file_contains_no_download_urls() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}

    assert len(packages) > 100
    assert all("resolved" not in entry for entry in packages.values())
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
