"""Roles: the actions that create, change, describe and delete them, and attach policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..account import UIN, role_resource
from ..api.errors import ApiError
from ..api.service import Action, Params
from ..credentials import Principal
from .parameters import NAME, description_of, document_of, page_of, shown_time
from .policies import Policy
from .policy import parse_trust
from .policy_actions import BY_POLICY_SYNTAX, policy_of
from .roles import Role, Roles

MAX_ROLES = 1000
MAX_POLICIES_OF_ROLE = 200
_MAX_SESSION_SECONDS = 43_200


class RoleActions:
    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def actions(self) -> Mapping[str, Action]:
        resource = self._resource
        return {
            "CreateRole": Action(self._create, ("RoleName", "PolicyDocument"), resource),
            "GetRole": Action(self._get, (), resource),
            "DescribeRoleList": Action(self._list, ("Page", "Rp")),
            "UpdateAssumeRolePolicy": Action(self._update_trust, ("PolicyDocument",), resource),
            "UpdateRoleDescription": Action(self._describe, ("Description",), resource),
            "DeleteRole": Action(self._delete, (), resource),
            "AttachRolePolicy": Action(self._attach, (), resource),
            "DetachRolePolicy": Action(self._detach, (), resource),
            "ListAttachedRolePolicies": Action(self._list_attached, ("Page", "Rp"), resource),
        }

    def _create(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        name = params["RoleName"]
        if not NAME.fullmatch(name):
            raise ApiError(
                "InvalidParameter.RoleNameError", "A name has up to 128 letters, digits, +=,.@-_"
            )
        if params.get("ConsoleLogin"):
            raise ApiError("UnsupportedOperation", "The sandbox has no console to log in to.")
        seconds = params.get("SessionDuration", _MAX_SESSION_SECONDS)
        if not 0 <= seconds <= _MAX_SESSION_SECONDS:
            raise ApiError("InvalidParameter.ParamError", "SessionDuration: 0 to 43200 seconds.")
        trust = document_of(params["PolicyDocument"], parse_trust)
        description = description_of(params, "")
        if self._roles.find(name=name) is not None:
            raise ApiError("InvalidParameter.RoleNameInUse", f"There is already a role {name}.")
        if len(list(self._roles)) >= MAX_ROLES:
            raise ApiError("InvalidParameter.RoleFull", f"There are already {MAX_ROLES} roles.")
        role = self._roles.add(name, trust)
        role.description = description
        role.session_seconds = seconds
        role.tags = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", ())}
        return {"RoleId": role.id}

    def _get(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        return {"RoleInfo": _described(self._role(params))}

    def _list(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        if "Tags" in params:
            raise ApiError("UnsupportedOperation", "The sandbox does not filter by tags.")
        shown, roles = page_of(params), list(self._roles)
        return {"List": [_described(role) for role in roles[shown]], "TotalNum": len(roles)}

    def _update_trust(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        role = self._role(params)
        trust = document_of(params["PolicyDocument"], parse_trust)
        self._roles.change(role, trust=trust)
        return {}

    def _describe(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        role = self._role(params)
        self._roles.change(role, description=description_of(params, ""))
        return {}

    def _delete(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._roles.remove(self._role(params))
        return {}

    def _attach(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        role, policy = self._role_and_policy(params, "Attach")
        if policy.id not in role.attached and len(role.attached) >= MAX_POLICIES_OF_ROLE:
            raise ApiError(
                "InvalidParameter.AttachmentFull", f"A role has at most {MAX_POLICIES_OF_ROLE}."
            )
        self._roles.attach(role, policy)
        return {}

    def _detach(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._roles.detach(*self._role_and_policy(params, "Detach"))
        return {}

    def _list_attached(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        shown, role = page_of(params), self._role(params)
        is_preset = params.get("PolicyType", "User") == "QCS"  # the sandbox has none
        policies = [
            policy
            for policy in self._roles.attached(role)
            if not is_preset and params.get("Keyword", "") in policy.name
        ]
        return {
            "List": [
                {
                    "PolicyId": policy.id,
                    "PolicyName": policy.name,
                    "AddTime": shown_time(role.attached[policy.id]),
                    "PolicyType": "User",
                    "CreateMode": BY_POLICY_SYNTAX,
                    "Deactived": 0,
                    "DeactivedDetail": [],
                    "Description": policy.description,
                }
                for policy in policies[shown]
            ],
            "TotalNum": len(policies),
        }

    def _role_and_policy(self, params: Params, prefix: str) -> tuple[Role, Policy]:
        names = {f"{prefix}{name}": name for name in ("RoleId", "RoleName")}
        role = self._role({names[name]: params[name] for name in names if name in params})
        of_policy = ("PolicyId", "PolicyName")
        policy = {name: params[name] for name in of_policy if name in params}
        return role, policy_of(self._roles.policies, policy)

    def _resource(self, params: Params) -> str:
        """Name the role, by its id too, as policies name it."""
        given: dict[str, Any] = {}
        for kind in ("RoleName", "RoleId"):
            for prefix in ("", "Attach", "Detach"):
                if params.get(f"{prefix}{kind}") is not None:
                    given[kind] = params[f"{prefix}{kind}"]
        role = self._roles.find(name=given.get("RoleName"), id=given.get("RoleId"))
        return role_resource(given.get("RoleName", "") if role is None else role.name)

    def _role(self, params: Params) -> Role:
        if ("RoleId" in params) == ("RoleName" in params):
            raise ApiError("InvalidParameter.ParamError", "Give either RoleId or RoleName.")
        role = self._roles.find(name=params.get("RoleName"), id=params.get("RoleId"))
        if role is None:
            raise ApiError("InvalidParameter.RoleNotExist", "The role does not exist.")
        return role


def _described(role: Role) -> dict[str, Any]:
    return {
        "RoleId": role.id,
        "RoleName": role.name,
        "RoleArn": f"qcs::cam::uin/{UIN}:roleName/{role.name}",
        "PolicyDocument": json.dumps(role.trust),
        "Description": role.description,
        "AddTime": shown_time(role.added),
        "UpdateTime": shown_time(role.updated),
        "ConsoleLogin": 0,
        "RoleType": "user",
        "SessionDuration": role.session_seconds,
        "DeletionTaskId": None,
        "Tags": [{"Key": key, "Value": text} for key, text in role.tags.items()],
    }
