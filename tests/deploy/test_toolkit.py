"""What the vendor's own toolkit asks of the cloud when it deploys serverless.yml."""

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

from .conftest import REGION

HERE = Path(__file__).parent
# Where the component puts the code before the toolkit is called.
CODE = {"bucket": "sls-cloudfunction-ap-singapore-code", "object": "/scf_component.zip"}
NOTHING: dict[str, Any] = {"function": None, "triggers": []}
FUNCTION = {"Region": REGION, "FunctionName": "liveness", "Namespace": "default"}
TRIGGERS = [
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
    """`deploy(inputs, existing)`: all requests to the cloud, in order, none of them sent."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules/.ready").exists():
        why = "Node.js and npm are needed for the vendor's toolkit, which `make test` installs"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)

    def run(inputs: dict[str, Any], existing: dict[str, Any] = NOTHING) -> list[dict[str, Any]]:
        # The component hands on where it has put the code, not where it had it from.
        given = {**inputs, "code": CODE}
        del given["src"]
        task = {"region": inputs["region"], "inputs": given, "existing": existing}
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
    """Those that change something in the cloud."""
    return [each for each in requests if not re.match("Get|List|Describe", each["Action"])]


def test_a_first_deployment_makes_the_function_its_tag_and_its_triggers(
    deploy: Deploy, inputs: dict[str, Any]
) -> None:
    tag = {"Region": REGION, "TagKey": "application", "TagValue": "liveness"}
    assert changing(deploy(inputs)) == [
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


def test_a_later_deployment_changes_code_and_configuration_and_leaves_the_triggers(
    deploy: Deploy, inputs: dict[str, Any]
) -> None:
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


def test_what_is_optional_arrives_when_it_is_switched_on(
    deploy: Deploy, inputs: dict[str, Any], all_inputs: dict[str, Any]
) -> None:
    plain, *_ = changing(deploy(inputs))
    full, *rest = changing(deploy(all_inputs))
    assert rest == changing(deploy(inputs))[1:]
    assert full == plain | {
        "ClsLogsetId": "00000000-0000-0000-0000-000000000000",
        "ClsTopicId": "00000000-0000-0000-0000-000000000001",
        "DeadLetterConfig": {"Type": "CMQ-QUEUE", "Name": "liveness-dead-letters"},
        "VpcConfig": {"VpcId": "vpc-00000000", "SubnetId": "subnet-00000000"},
    }


def test_the_lock_file_names_no_place_to_download_from() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert len(packages) > 100
    assert all("resolved" not in about for about in packages.values())
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
