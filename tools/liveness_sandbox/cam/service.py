"""The read-only part of CAM: roles and their policies (API 3.0, version 2019-01-16)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ..account import UIN, role_resource
from ..api.errors import ApiError
from ..api.fields import Models
from ..api.service import Action, ActionService, Params
from ..credentials import KeyRing, Principal
from .roles import Policy, Role, Roles

SERVICE = "cam"
VERSION = "2019-01-16"
_MAX_ROWS = 200
# The values in the document's examples.
_CUSTOM_POLICY = 1
_BY_POLICY_SYNTAX = 2
_SESSION_SECONDS = 43_200


class CamService(ActionService):
    def __init__(self, roles: Roles, keys: KeyRing) -> None:
        self._roles = roles
        actions = {
            "GetRole": Action(self._get_role, (), self._resource),
            "ListAttachedRolePolicies": Action(
                self._list_attached,
                ("Page", "Rp"),
                self._resource,
            ),
            "GetPolicy": Action(self._get_policy, ("PolicyId",), _policy_resource),
        }
        super().__init__(SERVICE, VERSION, actions, Models("cam.v20190116"), keys)

    def _get_role(self, params: Params, caller: Principal) -> dict[str, Any]:
        role = self._role(params)
        info = {
            "RoleId": role.id,
            "RoleName": role.name,
            "PolicyDocument": json.dumps(role.trust),
            "Description": "",
            "AddTime": _time(role.added),
            "UpdateTime": _time(role.added),
            "ConsoleLogin": 0,
            "RoleType": "user",
            "SessionDuration": _SESSION_SECONDS,
            "DeletionTaskId": None,
            "Tags": [],
        }
        return {"RoleInfo": info}

    def _list_attached(self, params: Params, caller: Principal) -> dict[str, Any]:
        page, rows = params["Page"], params["Rp"]
        if page < 1 or not 1 <= rows <= _MAX_ROWS:
            raise ApiError(
                "InvalidParameter.ParamError", f"Page must be at least 1, Rp from 1 to {_MAX_ROWS}."
            )
        policies = self._role(params).policies if params.get("PolicyType") != "QCS" else ()
        shown = policies[(page - 1) * rows : page * rows]
        return {"List": [_attached(policy) for policy in shown], "TotalNum": len(policies)}

    def _get_policy(self, params: Params, caller: Principal) -> dict[str, Any]:
        policy = self._roles.policy(params["PolicyId"])
        if policy is None:
            raise ApiError("InvalidParameter.PolicyIdNotExist", "The policy does not exist.")
        return {
            "PolicyName": policy.name,
            "Description": "",
            "Type": _CUSTOM_POLICY,
            "AddTime": _time(policy.added),
            "UpdateTime": _time(policy.added),
            "PolicyDocument": json.dumps(policy.document),
            "PresetAlias": "",
            "IsServiceLinkedRolePolicy": 0,
        }

    def _resource(self, params: Params) -> str:
        """Name the role, by its id too, as policies name it."""
        role = self._roles.find(name=params.get("RoleName"), id=params.get("RoleId"))
        return role_resource(params.get("RoleName", "") if role is None else role.name)

    def _role(self, params: Params) -> Role:
        if ("RoleId" in params) == ("RoleName" in params):
            raise ApiError("InvalidParameter.ParamError", "Give either RoleId or RoleName.")
        role = self._roles.find(name=params.get("RoleName"), id=params.get("RoleId"))
        if role is None:
            raise ApiError("InvalidParameter.RoleNotExist", "The role does not exist.")
        return role


def _policy_resource(params: Params) -> str:
    return f"qcs::cam::uin/{UIN}:policyid/{params.get('PolicyId', '')}"


def _attached(policy: Policy) -> dict[str, Any]:
    return {
        "PolicyId": policy.id,
        "PolicyName": policy.name,
        "AddTime": _time(policy.added),
        "PolicyType": "User",
        "CreateMode": _BY_POLICY_SYNTAX,
        "Deactived": 0,
        "DeactivedDetail": [],
        "Description": "",
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
