"""CAM by the vendor's SDK: a role, its trust policy, and its attached policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tencentcloud.common.exception import TencentCloudSDKException

from liveness_sandbox import Sandbox

from .clients import api_client

Call = Callable[..., dict[str, Any]]

TRUST = {
    "version": "2.0",
    "statement": [
        {
            "effect": "allow",
            "action": "name/sts:AssumeRole",
            "principal": {"service": ["scf.qcloud.com"]},
        }
    ],
}


def policy(action: str) -> dict[str, Any]:
    statement = {"effect": "allow", "action": [action], "resource": ["*"]}
    return {"version": "2.0", "statement": [statement]}


@pytest.fixture
def call(sandbox: Sandbox) -> Call:
    client = api_client(sandbox, "cam", "2019-01-16")

    def send(action: str, **params: Any) -> dict[str, Any]:
        response: dict[str, Any] = client.call_json(action, params)["Response"]
        return response

    return send


def test_a_role_is_returned_with_its_policies(sandbox: Sandbox, call: Call) -> None:
    policies = {name: policy(f"name/cos:{name}") for name in ("GetObject", "PutObject")}
    sandbox.put_role("other", TRUST, {})
    sandbox.put_role("function", TRUST, policies)

    role = call("GetRole", RoleName="function")["RoleInfo"]

    assert json.loads(role["PolicyDocument"]) == TRUST
    assert call("GetRole", RoleId=role["RoleId"])["RoleInfo"] == role

    page = call("ListAttachedRolePolicies", RoleName="function", Page=1, Rp=1)
    rest = call("ListAttachedRolePolicies", RoleId=role["RoleId"], Page=2, Rp=1)
    assert page["TotalNum"] == rest["TotalNum"] == 2

    attached = [*page["List"], *rest["List"]]
    assert [each["PolicyName"] for each in attached] == list(policies)

    documents = [
        json.loads(call("GetPolicy", PolicyId=each["PolicyId"])["PolicyDocument"])
        for each in attached
    ]
    assert documents == list(policies.values())


def test_putting_a_role_again_replaces_it(sandbox: Sandbox, call: Call) -> None:
    sandbox.put_role("function", TRUST, {"a": policy("*")})
    sandbox.put_role("other", TRUST, {})
    sandbox.put_role("function", {}, {})

    other = call("GetRole", RoleName="other")["RoleInfo"]

    assert call("GetRole", RoleId=other["RoleId"])["RoleInfo"] == other
    assert call("GetRole", RoleName="function")["RoleInfo"]["PolicyDocument"] == "{}"
    assert call("ListAttachedRolePolicies", RoleName="function", Page=1, Rp=9)["TotalNum"] == 0


@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("GetRole", {"RoleName": "nobody"}, "InvalidParameter.RoleNotExist"),
        ("GetRole", {}, "InvalidParameter.ParamError"),
        ("GetRole", {"RoleName": "a", "RoleId": "1"}, "InvalidParameter.ParamError"),
        ("GetPolicy", {"PolicyId": 1}, "InvalidParameter.PolicyIdNotExist"),
        ("ListAttachedRolePolicies", {"RoleName": "a"}, "MissingParameter"),
        (
            "ListAttachedRolePolicies",
            {"RoleName": "a", "Page": 1, "Rp": 201},
            "InvalidParameter.ParamError",
        ),
    ],
)
def test_an_invalid_request_is_rejected(
    call: Call, action: str, params: dict[str, Any], code: str
) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        call(action, **params)
    assert caught.value.code == code
