"""Roles and policies that are made through CAM's API, by the vendor's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from qcloud_cos import CosServiceError
from tencentcloud.cam.v20190116 import models
from tencentcloud.cam.v20190116.cam_client import CamClient

from liveness_sandbox import Credentials, Sandbox

from .clients import BUCKET, GeneratedClient, cos_client, profile_of

ROLE = "qcs::cam::uin/100000000001:roleName/{}"


def document(action: str, resource: str = "*") -> str:
    statement = {"effect": "allow", "action": [action], "resource": [resource]}
    return json.dumps({"version": "2.0", "statement": [statement]})


def trust(service: str = "scf.qcloud.com") -> str:
    statement = {
        "effect": "allow",
        "action": "name/sts:AssumeRole",
        "principal": {"service": [service]},
    }
    return json.dumps({"version": "2.0", "statement": [statement]})


class Cam(GeneratedClient):
    def __init__(self, sandbox: Sandbox, credentials: Credentials | None = None) -> None:
        super().__init__(CamClient(*profile_of(sandbox, credentials)), models)

    def create(self, name: str, action: str = "cos:GetObject") -> int:
        reply = self("CreatePolicy", PolicyName=name, PolicyDocument=document(action))
        return int(reply["PolicyId"])


@pytest.fixture
def cam(sandbox: Sandbox) -> Cam:
    return Cam(sandbox)


def may_list(sandbox: Sandbox, keys: Credentials) -> bool:
    try:
        cos_client(sandbox, keys).list_objects(BUCKET)
    except CosServiceError as error:
        assert error.get_status_code() == 403
        return False
    return True


def test_a_role_may_do_what_is_attached_to_it_at_the_moment(sandbox: Sandbox, cam: Cam) -> None:
    cam("CreateRole", RoleName="work", PolicyDocument=trust(), Description="works")
    policy = cam.create("list", "cos:GetBucket")
    keys = sandbox.temporary_credentials(role="work")
    assert not may_list(sandbox, keys)

    cam("AttachRolePolicy", AttachRoleName="work", PolicyId=policy)
    cam("AttachRolePolicy", AttachRoleName="work", PolicyName="list")  # again
    assert may_list(sandbox, keys)
    attached = cam("ListAttachedRolePolicies", RoleName="work", Page=1, Rp=20)
    assert [each["PolicyId"] for each in attached["List"]] == [policy]

    cam("UpdatePolicy", PolicyId=policy, PolicyDocument=document("cos:PutObject"))
    assert not may_list(sandbox, keys)
    reply = cam("UpdatePolicy", PolicyName="list", PolicyDocument=document("cos:GetBucket"))
    assert reply["PolicyId"] == policy
    assert may_list(sandbox, keys)

    cam("DetachRolePolicy", DetachRoleName="work", PolicyId=policy)
    assert not may_list(sandbox, keys)

    cam("AttachRolePolicy", AttachRoleName="work", PolicyId=policy)
    cam("DeletePolicy", PolicyId=[policy])
    assert not may_list(sandbox, keys)
    assert cam("ListAttachedRolePolicies", RoleName="work", Page=1, Rp=20)["TotalNum"] == 0


def test_a_deleted_roles_keys_may_do_nothing(sandbox: Sandbox, cam: Cam) -> None:
    cam("CreateRole", RoleName="work", PolicyDocument=trust())
    cam("AttachRolePolicy", AttachRoleName="work", PolicyId=cam.create("list", "cos:*"))
    keys = sandbox.temporary_credentials(role="work")
    assert may_list(sandbox, keys)

    cam("DeleteRole", RoleName="work")

    assert not may_list(sandbox, keys)
    assert cam.refused("GetRole", RoleName="work") == "InvalidParameter.RoleNotExist"


def test_roles_and_policies_are_listed_and_described(cam: Cam) -> None:
    for name in ("a", "b"):
        cam("CreateRole", RoleName=name, PolicyDocument=trust(), SessionDuration=7200)
        cam("CreatePolicy", PolicyName=name, PolicyDocument=document("*"), Description="all")

    listed = cam("DescribeRoleList", Page=2, Rp=1)
    assert (listed["TotalNum"], [each["RoleName"] for each in listed["List"]]) == (2, ["b"])
    assert listed["List"][0]["SessionDuration"] == 7200
    policies = cam("ListPolicies", Scope="Local", Keyword="b")
    assert [each["PolicyName"] for each in policies["List"]] == ["b"]
    policy = cam("GetPolicy", PolicyId=policies["List"][0]["PolicyId"])
    assert policy["Description"] == "all"
    assert json.loads(policy["PolicyDocument"]) == json.loads(document("*"))
    assert cam("ListPolicies", Scope="QCS")["TotalNum"] == 0

    cam("UpdateAssumeRolePolicy", RoleName="a", PolicyDocument=trust("cls.cloud.tencent.com"))
    cam("UpdateRoleDescription", RoleName="a", Description="changed")
    info = cam("GetRole", RoleName="a")["RoleInfo"]
    assert "cls.cloud.tencent.com" in info["PolicyDocument"]
    assert info["Description"] == "changed"


@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("CreatePolicy", {"PolicyName": "taken"}, "FailedOperation.PolicyNameInUse"),
        ("CreatePolicy", {"PolicyName": "a b"}, "InvalidParameter.PolicyNameError"),
        ("CreatePolicy", {"PolicyDocument": "{}"}, "InvalidParameter.PolicyDocumentError"),
        ("CreatePolicy", {"PolicyDocument": "no"}, "InvalidParameter.PolicyDocumentError"),
        (
            "CreatePolicy",
            {"PolicyDocument": document("a" * 6144)},
            "InvalidParameter.PolicyDocumentLengthOverLimit",
        ),
        (
            "CreatePolicy",
            {"Description": "x" * 301},
            "InvalidParameter.DescriptionLengthOverlimit",
        ),
        ("UpdatePolicy", {}, "InvalidParameter.PolicyIdNotExist"),
        ("DeletePolicy", {"PolicyId": [1]}, "InvalidParameter.PolicyIdNotExist"),
        ("AttachRolePolicy", {"AttachRoleName": "taken"}, "InvalidParameter.PolicyIdNotExist"),
        ("AttachRolePolicy", {"AttachRoleName": "nobody"}, "InvalidParameter.RoleNotExist"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(
    cam: Cam, action: str, params: dict[str, Any], code: str
) -> None:
    cam("CreateRole", RoleName="taken", PolicyDocument=trust())
    cam.create("taken")
    given = {"PolicyName": "new", "PolicyDocument": document("*"), **params}
    if action == "DeletePolicy":
        given = params
    if action == "AttachRolePolicy":
        del given["PolicyDocument"]
    assert cam.refused(action, **given) == code
    assert cam("ListPolicies")["TotalNum"] == 1


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"RoleName": "taken"}, "InvalidParameter.RoleNameInUse"),
        ({"RoleName": "a b"}, "InvalidParameter.RoleNameError"),
        ({"PolicyDocument": document("*")}, "InvalidParameter.PolicyDocumentError"),
        ({"SessionDuration": 43201}, "InvalidParameter.ParamError"),
        ({"ConsoleLogin": 1}, "UnsupportedOperation"),
    ],
)
def test_a_role_that_cannot_be_is_refused(cam: Cam, params: dict[str, Any], code: str) -> None:
    cam("CreateRole", RoleName="taken", PolicyDocument=trust())
    given = {"RoleName": "new", "PolicyDocument": trust(), **params}
    assert cam.refused("CreateRole", **given) == code
    assert cam("DescribeRoleList", Page=1, Rp=20)["TotalNum"] == 1


def test_a_user_manages_only_the_roles_and_policies_of_its_policy(
    sandbox: Sandbox, cam: Cam
) -> None:
    statement = {
        "effect": "allow",
        "action": ["cam:*"],
        "resource": [ROLE.format("work"), "qcs::cam::uin/100000000001:policyid/*"],
    }
    policy = {"version": "2.0", "statement": [statement]}
    user = Cam(sandbox, sandbox.put_user("deployer", {"deploy": policy}))
    id = cam.create("list")

    user("CreateRole", RoleName="work", PolicyDocument=trust())
    user("AttachRolePolicy", AttachRoleName="work", PolicyId=id)
    user("UpdatePolicy", PolicyId=id, PolicyDocument=document("cos:GetBucket"))

    refusal = "AuthFailure.UnauthorizedOperation"
    cam("CreateRole", RoleName="other", PolicyDocument=trust())
    assert user.refused("AttachRolePolicy", AttachRoleName="other", PolicyId=id) == refusal
    assert user.refused("DeleteRole", RoleName="other") == refusal
    assert user.refused("ListPolicies") == refusal
    creation = {"PolicyName": "mine", "PolicyDocument": document("*")}
    assert user.refused("CreatePolicy", **creation) == refusal
