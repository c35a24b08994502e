"""A role, as CAM tells of it (API 3.0, product cam, version 2019-01-16)."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .api import Api
from .errors import Refused, understanding

_ROWS = 200


class Role(NamedTuple):
    """Who may take it on, and what it may do: policy documents, by the policies' names."""

    trust: Any
    policies: dict[str, Any]


def read_role(api: Api, name: str) -> Role | None:
    """None where there is no such role. Raises Refused, Unreachable."""
    try:
        reply = api("GetRole", RoleName=name)
    except Refused as error:
        if error.code == "InvalidParameter.RoleNotExist":
            return None
        raise
    with understanding("GetRole"):
        trust = json.loads(reply["RoleInfo"]["PolicyDocument"])
    return Role(trust, {policy: _document(api, id) for policy, id in _attached(api, name)})


def _attached(api: Api, role: str) -> list[tuple[str, int]]:
    """Name and id of every policy of the role."""
    found: list[tuple[str, int]] = []
    page = 1
    while True:
        reply = api("ListAttachedRolePolicies", RoleName=role, Page=page, Rp=_ROWS)
        with understanding("ListAttachedRolePolicies"):
            rows = [(str(row["PolicyName"]), int(row["PolicyId"])) for row in reply["List"] or []]
            found += rows
            if not rows or len(found) >= int(reply["TotalNum"]):
                return found
        page += 1


def _document(api: Api, policy_id: int) -> Any:
    reply = api("GetPolicy", PolicyId=policy_id)
    with understanding("GetPolicy"):
        return json.loads(reply["PolicyDocument"])
