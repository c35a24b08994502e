"""The policy in the README allows all that the function does, and little else."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

import pytest

from tests.conftest import BUCKET, ROOT, Cloud

ACTIONS = {
    "HEAD": "name/cos:HeadObject",
    "GET": "name/cos:GetObject",
    "PUT": "name/cos:PutObject",
    "DELETE": "name/cos:DeleteObject",
}


def policy() -> list[dict[str, Any]]:
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    (found,) = [block for block in blocks if '"statement"' in block]
    statements: list[dict[str, Any]] = json.loads(found)["statement"]
    return statements


def allows(action: str, resource: str) -> bool:
    return any(
        action in statement["action"]
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["resource"])
        for statement in policy()
    )


def cos(key: str) -> str:
    return f"qcs::cos:ap-singapore:uid/1250000000:{BUCKET}/{key}"


@pytest.mark.parametrize("transfer", ["presign", "upload"])
def test_everything_the_function_asks_for_is_allowed(cloud: Cloud, transfer: str) -> None:
    cloud.put_pair("anna")
    cloud.put_pair("bert", {"code": "RequestLimitExceeded", "channel": "error", "times": 1})
    cloud.put_pair("lost")
    function = cloud.instance(TRANSFER=transfer)
    for name in ("anna", "bert"):
        function(cloud.sandbox.event_for(BUCKET, f"liveness/incoming/{name}/live.bin"))
    function({"reconcile": {}})
    function({"drain": {}})
    assert cloud.result("anna") and cloud.result("bert") and cloud.result("lost")

    asked = set()
    for request in cloud.sandbox.requests:
        if request.principal != function.environ["TENCENTCLOUD_SECRETID"]:
            continue  # the face API's own uploads and downloads
        if request.service == "faceid":
            asked.add((f"faceid:{request.action}", "*"))
        elif request.key:
            asked.add((ACTIONS[request.method], cos(request.key)))
        else:
            asked.add(("name/cos:GetBucket", cos("")))
    assert len(asked) > 10
    assert {item for item in asked if not allows(*item)} == set()


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("PutObject", "liveness/incoming/anna/live.bin"),
        ("DeleteObject", "liveness/incoming/anna/live.bin"),
        ("DeleteObject", "liveness/results/anna/result.json"),
        ("DeleteObject", "liveness/ledger/claims/a/b/response"),
        ("GetObject", "other/file"),
        ("PutObject", "other/file"),
        ("PutObjectACL", "liveness/results/anna/result.json"),
    ],
)
def test_what_it_never_needs_is_not(action: str, key: str) -> None:
    assert not allows(f"name/cos:{action}", cos(key))
