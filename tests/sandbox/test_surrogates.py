"""Half of a surrogate pair, which JSON can contain and no text can: refused, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from qcloud_cos import CosS3Client
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET, Pair, api_client

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


@pytest.mark.parametrize("header", ["x-cos-tagging", "x-cos-grant-read", "x-cos-acl"])
def test_in_a_header_of_cos(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, header: str
) -> None:
    """Bytes that are no UTF-8 become one."""
    link = cos.get_presigned_url(BUCKET, "a", "PUT")

    reply = http.put(link, data=b"", headers={header: b'id="\xff"=1'})

    assert (reply.status_code, f"{header} is not UTF-8" in reply.text) == (400, True)
    assert bucket.keys() == []


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\0b", "\x7f"])
def test_a_control_character_in_a_header_of_the_reply(
    cos: CosS3Client, http: requests.Session, bucket: Bucket, text: str
) -> None:
    bucket.put("a", b"body")
    params = {"response-content-type": text}

    reply = http.get(cos.get_presigned_url(BUCKET, "a", "GET", Params=params))

    assert (reply.status_code, "control character" in reply.text) == (400, True)
    assert "X-Evil" not in reply.headers
