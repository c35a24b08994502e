"""Half of a surrogate pair, which JSON can contain and no text can: refused, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Sandbox

from .clients import Pair, api_client

HALF = "\ud800"


@pytest.mark.parametrize("field", ["description", "body", "code", "content_type", "response"])
def test_in_a_scenario(pair: Callable[..., Pair], field: str) -> None:
    value: Any = {"Sim": HALF} if field == "response" else HALF
    live = json.dumps({"sandbox": True, field: value}).encode()

    with pytest.raises(TencentCloudSDKException) as caught:
        pair(live).judge()

    assert (caught.value.code, "surrogate" in str(caught.value)) == ("InvalidParameterValue", True)


@pytest.mark.parametrize(
    ("product", "version", "action", "params"),
    [
        ("cls", "2020-10-16", "CreateLogset", {"LogsetName": HALF}),
        ("cam", "2019-01-16", "CreateRole", {"RoleName": HALF, "PolicyDocument": "{}"}),
        ("scf", "2018-04-16", "GetFunction", {"FunctionName": HALF}),
        ("scf", "2018-04-16", "InvokeFunction", {"FunctionName": "a", "Event": HALF}),
        ("faceid", "2018-03-01", "CreateUploadUrl", {"TargetAction": HALF}),
    ],
)
def test_in_a_request(
    sandbox: Sandbox, product: str, version: str, action: str, params: dict[str, Any]
) -> None:
    host = "faceid.intl.tencentcloudapi.com" if product == "faceid" else None
    client = api_client(sandbox, product, version, host=host)

    with pytest.raises(TencentCloudSDKException) as caught:
        client.call_json(action, params)

    assert caught.value.code == "InvalidParameter"


def test_in_a_fault(sandbox: Sandbox) -> None:
    fault = {"match": {"key": HALF}, "do": {"status": 503}}
    url = f"{sandbox.url}/_sandbox/faults"
    assert requests.post(url, data=json.dumps(fault), timeout=10).status_code == 201
    assert requests.get(url, timeout=10).json()[0]["match"]["key"] == HALF
