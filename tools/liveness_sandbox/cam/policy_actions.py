"""Named policies: the actions that create, change, describe and delete them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..account import UIN
from ..api.errors import ApiError
from ..api.service import Action, Params
from ..credentials import Principal
from .parameters import NAME, description_of, document_of, page_of, shown_time
from .policies import Policies, Policy
from .policy import parse_policy
from .roles import Roles

MAX_POLICIES = 1500
_SCOPES = ("All", "QCS", "Local")
# The values in the document's examples.
CUSTOM_POLICY = 1
BY_POLICY_SYNTAX = 2


class PolicyActions:
    def __init__(self, roles: Roles) -> None:
        self._roles = roles
        self._policies = roles.policies

    def actions(self) -> Mapping[str, Action]:
        return {
            "CreatePolicy": Action(self._create, ("PolicyName", "PolicyDocument")),
            "UpdatePolicy": Action(self._update, (), self._resource),
            "GetPolicy": Action(self._get, ("PolicyId",), self._resource),
            "ListPolicies": Action(self._list),
            "DeletePolicy": Action(self._delete, ("PolicyId",), self._resource),
        }

    def _create(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        name = params["PolicyName"]
        if not NAME.fullmatch(name):
            raise ApiError(
                "InvalidParameter.PolicyNameError", "A name has up to 128 letters, digits, +=,.@-_"
            )
        if "Tags" in params:
            raise ApiError("UnsupportedOperation", "The sandbox does not implement Tags.")
        document = document_of(params["PolicyDocument"], parse_policy)
        description = description_of(params, "")
        if self._policies.find(name=name) is not None:
            raise ApiError("FailedOperation.PolicyNameInUse", f"There is already a policy {name}.")
        if len(list(self._policies)) >= MAX_POLICIES:
            raise ApiError("FailedOperation.PolicyFull", f"There are already {MAX_POLICIES}.")
        return {"PolicyId": self._policies.add(name, document, description).id}

    def _update(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        if "Alias" in params:
            raise ApiError("UnsupportedOperation", "The sandbox has no preset policies.")
        policy = policy_of(self._policies, params)
        document = policy.document
        if "PolicyDocument" in params:
            document = document_of(params["PolicyDocument"], parse_policy)
        self._roles.change_policy(policy, document, description_of(params, policy.description))
        return {} if "PolicyId" in params else {"PolicyId": policy.id}

    def _get(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        policy = policy_of(self._policies, params)
        return {
            "PolicyName": policy.name,
            "Description": policy.description,
            "Type": CUSTOM_POLICY,
            "AddTime": shown_time(policy.added),
            "UpdateTime": shown_time(policy.updated),
            "PolicyDocument": json.dumps(policy.document),
            "PresetAlias": "",
            "IsServiceLinkedRolePolicy": 0,
            "Tags": [],
        }

    def _list(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        scope = params.get("Scope", "All")
        if scope not in _SCOPES:
            raise ApiError("InvalidParameter.ScopeError", f"Scope is one of {list(_SCOPES)}.")
        shown = page_of(params)
        # The sandbox has no preset policies.
        custom = [] if scope == "QCS" else list(self._policies)
        matching = [policy for policy in custom if params.get("Keyword", "") in policy.name]
        return {
            "TotalNum": len(matching),
            "List": [self._described(policy) for policy in matching[shown]],
            "ServiceTypeList": [],
        }

    def _delete(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        policies = [policy_of(self._policies, {"PolicyId": id}) for id in params["PolicyId"]]
        for policy in policies:
            self._roles.remove_policy(policy)
        return {}

    def _described(self, policy: Policy) -> dict[str, Any]:
        roles = len(self._roles.roles_of(policy))
        return {
            "PolicyId": policy.id,
            "PolicyName": policy.name,
            "AddTime": shown_time(policy.added),
            "UpdateTime": shown_time(policy.updated),
            "Type": CUSTOM_POLICY,
            "Description": policy.description,
            "CreateMode": BY_POLICY_SYNTAX,
            "Attachments": roles,
            "AttachEntityCount": roles,
            "AttachEntityBoundaryCount": 0,
            "ServiceType": "",
            "IsAttached": None,
            "Deactived": 0,
            "DeactivedDetail": [],
            "IsServiceLinkedPolicy": 0,
            "Tags": [],
        }

    def _resource(self, params: Params) -> str:
        """Name the policy by its id, as policies name it."""
        id = params.get("PolicyId")
        if isinstance(id, list) and len(id) == 1:
            id = id[0]
        if id is None:
            policy = self._policies.find(name=params.get("PolicyName"))
            id = "*" if policy is None else policy.id
        return f"qcs::cam::uin/{UIN}:policyid/{id if isinstance(id, int) else '*'}"


def policy_of(policies: Policies, params: Params) -> Policy:
    """Return the policy that a request names by its id or its name. Raise ApiError."""
    if ("PolicyId" in params) == ("PolicyName" in params):
        raise ApiError("InvalidParameter.ParamError", "Give either PolicyId or PolicyName.")
    policy = policies.find(name=params.get("PolicyName"), id=params.get("PolicyId"))
    if policy is None:
        raise ApiError("InvalidParameter.PolicyIdNotExist", "The policy does not exist.")
    return policy
