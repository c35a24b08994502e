"""A role, as reported by CAM (API 3.0, product cam, version 2019-01-16)."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .api import Api
from .errors import RequestRefused, parsing_reply

_PAGE_SIZE = 200


class Role(NamedTuple):
    """A role's trust policy, and the policies attached to it by name."""

    trust: Any
    policies: dict[str, Any]


def read_role(api: Api, name: str) -> Role | None:
    """Return None if the role does not exist. Raises RequestRefused, RequestFailed."""
    trust = read_trust(api, name)
    if trust is None:
        return None
    return Role(
        trust,
        {policy: policy_document(api, id) for policy, id in attached_policies(api, name)},
    )


def read_trust(api: Api, name: str) -> Any | None:
    """Return a role's trust policy, or None if the role does not exist."""
    try:
        reply = api("GetRole", RoleName=name)
    except RequestRefused as error:
        if error.code == "InvalidParameter.RoleNotExist":
            return None
        raise
    with parsing_reply("GetRole"):
        return json.loads(reply["RoleInfo"]["PolicyDocument"])


def attached_policies(api: Api, role: str) -> list[tuple[str, int]]:
    """Return name and id of every policy that is attached to the role."""
    policies: list[tuple[str, int]] = []
    page = 1
    while True:
        reply = api("ListAttachedRolePolicies", RoleName=role, Page=page, Rp=_PAGE_SIZE)
        with parsing_reply("ListAttachedRolePolicies"):
            rows = [(str(row["PolicyName"]), int(row["PolicyId"])) for row in reply["List"] or []]
            policies += rows
            if not rows or len(policies) >= int(reply["TotalNum"]):
                return policies
        page += 1


def policy_document(api: Api, policy_id: int) -> Any:
    """Return the document of a policy."""
    reply = api("GetPolicy", PolicyId=policy_id)
    with parsing_reply("GetPolicy"):
        return json.loads(reply["PolicyDocument"])
