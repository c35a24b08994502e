"""Custom policies and the function's role in CAM (API 3.0, product cam, version 2019-01-16)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..account.api import Api
from ..account.errors import RequestRefused, parsing_reply
from ..permissions.language import Policy
from ..permissions.roles import to_json

_PAGE_SIZE = 200
_DIGITS = 32
_MADE_BY = "liveness deploy "
_OF_FUNCTION = "-function"


class NamedPolicy(NamedTuple):
    """A custom policy of the account."""

    id: int
    name: str
    description: str
    attachments: int
    """The number of users, groups and roles that it is attached to."""
    document: Any = None

    @property
    def is_ours(self) -> bool:
        return self.description.startswith(_MADE_BY)

    @property
    def installation(self) -> str | None:
        """The name of the installation whose function this policy is for, if any."""
        is_functions = self.is_ours and self.name.endswith(_OF_FUNCTION)
        return self.name.removesuffix(_OF_FUNCTION) if is_functions else None

    @property
    def was_edited(self) -> bool:
        """Whether the document differs from the one that the description was written for."""
        return self.description != description_of(self.document)


def description_of(document: Policy) -> str:
    """Return the description of a policy that we write: it shows a later edit by hand."""
    canonical = json.dumps(document, sort_keys=True)
    return _MADE_BY + hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]


class NamedPolicies:
    """All methods raise RequestRefused and RequestFailed."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, prefix: str) -> list[NamedPolicy]:
        """Return the policies whose names begin with the prefix, without their documents."""
        policies: list[NamedPolicy] = []
        seen = 0
        page = 1
        while True:
            reply = self._api(
                "ListPolicies", Scope="Local", Keyword=prefix, Page=page, Rp=_PAGE_SIZE
            )
            with parsing_reply("ListPolicies"):
                rows = reply["List"] or []
                seen += len(rows)
                policies += [
                    NamedPolicy(
                        int(row["PolicyId"]),
                        str(row["PolicyName"]),
                        str(row.get("Description") or ""),
                        int(row.get("AttachEntityCount") or row.get("Attachments") or 0),
                    )
                    for row in rows
                    if str(row["PolicyName"]).startswith(prefix)
                ]
                if not rows or seen >= int(reply["TotalNum"]):
                    return policies
            page += 1

    def with_document(self, policy: NamedPolicy) -> NamedPolicy:
        reply = self._api("GetPolicy", PolicyId=policy.id)
        with parsing_reply("GetPolicy"):
            return policy._replace(
                description=str(reply.get("Description") or ""),
                document=json.loads(reply["PolicyDocument"]),
            )

    def create(self, name: str, document: Policy) -> None:
        self._api(
            "CreatePolicy",
            PolicyName=name,
            PolicyDocument=to_json(document),
            Description=description_of(document),
        )

    def update(self, name: str, document: Policy) -> None:
        self._api(
            "UpdatePolicy",
            PolicyName=name,
            PolicyDocument=to_json(document),
            Description=description_of(document),
        )

    def delete(self, ids: Sequence[int]) -> None:
        self._api("DeletePolicy", PolicyId=list(ids))

    def create_role(self, name: str, trust: Policy) -> None:
        self._api(
            "CreateRole",
            RoleName=name,
            PolicyDocument=to_json(trust),
            Description="The role of the liveness function",
        )

    def update_trust(self, name: str, trust: Policy) -> None:
        self._api("UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=to_json(trust))

    def attach(self, role: str, policy: str) -> None:
        self._api("AttachRolePolicy", PolicyName=policy, AttachRoleName=role)

    def detach(self, role: str, policy: str) -> None:
        self._api("DetachRolePolicy", PolicyName=policy, DetachRoleName=role)

    def delete_role(self, name: str) -> None:
        """Delete a role; it is no error if it is gone."""
        try:
            self._api("DeleteRole", RoleName=name)
        except RequestRefused as error:
            if error.code != "InvalidParameter.RoleNotExist":
                raise
