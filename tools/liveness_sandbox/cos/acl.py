"""Access control lists of buckets (436/30752) and objects: who else may read or write.

The sandbox has one account: a grant to another account is stored and shown, but nobody can use it.
Requests without a signature may do what everybody may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from ..account import UIN
from .errors import CosError
from .markup import Markup, document, element

HEADER = "x-cos-acl"
PRIVATE, DEFAULT = "private", "default"
PUBLIC_READ, PUBLIC_READ_WRITE = "public-read", "public-read-write"
AUTHENTICATED_READ = "authenticated-read"
OF_BUCKET = (PRIVATE, PUBLIC_READ, PUBLIC_READ_WRITE, AUTHENTICATED_READ)
# The last two apply to objects that another account owns in the bucket; there are none.
OF_OBJECT = (
    *(DEFAULT, PRIVATE, PUBLIC_READ, AUTHENTICATED_READ),
    *("bucket-owner-read", "bucket-owner-full-control"),
)
EVERYBODY = "http://cam.qcloud.com/groups/global/AllUsers"
EVERY_ACCOUNT = "http://cam.qcloud.com/groups/global/AuthenticatedUsers"
OWNER = f"qcs::cam::uin/{UIN}:uin/{UIN}"
_GRANT_HEADERS = {
    "x-cos-grant-read": "READ",
    "x-cos-grant-write": "WRITE",
    "x-cos-grant-read-acp": "READ_ACP",
    "x-cos-grant-write-acp": "WRITE_ACP",
    "x-cos-grant-full-control": "FULL_CONTROL",
}
_PERMISSIONS = frozenset(_GRANT_HEADERS.values())
_GRANTEE = re.compile(r'(?:id|uin)="([^"]+)"')
_TYPE = "http://www.w3.org/2001/XMLSchema-instance"
# What a canned ACL grants to groups; the others grant nothing.
_TO_GROUPS: Mapping[str, frozenset[tuple[str, str]]] = {
    PUBLIC_READ: frozenset([(EVERYBODY, "READ")]),
    PUBLIC_READ_WRITE: frozenset([(EVERYBODY, "READ"), (EVERYBODY, "WRITE")]),
    AUTHENTICATED_READ: frozenset([(EVERY_ACCOUNT, "READ")]),
}


@dataclass(frozen=True)
class Acl:
    canned: str
    grants: tuple[tuple[str, str], ...] = ()
    """Further grants, each to an account: its id, and the permission."""

    @property
    def is_readable_by_all(self) -> bool:
        return (EVERYBODY, "READ") in _granted_to_groups(self.canned)

    def reply(self) -> tuple[bytes, dict[str, str]]:
        """Return the XML, and the header that names the canned ACL."""
        grants = [
            *(
                _grant(_group(uri), permission)
                for uri, permission in sorted(_granted_to_groups(self.canned))
            ),
            *(_grant(_account(id), permission) for id, permission in self.grants),
            _grant(_account(OWNER), "FULL_CONTROL"),
        ]
        owner = element("ID", OWNER), element("DisplayName", OWNER)
        body = document(
            element(
                "AccessControlPolicy",
                element("Owner", *owner),
                element("AccessControlList", *grants),
            )
        )
        return body, {HEADER: self.canned}


def requested(headers: Mapping[str, str], canned: tuple[str, ...]) -> Acl | None:
    """Return the ACL that the headers request, or None if they request none. Raise CosError."""
    grants = [
        (grantee, permission)
        for name, permission in _GRANT_HEADERS.items()
        for grantee in _grantees(headers.get(name))
    ]
    name = headers.get(HEADER)
    if name is not None and name not in canned:
        raise CosError(400, "InvalidArgument", f"{HEADER} is one of {', '.join(canned)}")
    return Acl(name or canned[0], tuple(grants)) if name or grants else None


def parsed(tree: ElementTree.Element, canned: tuple[str, ...]) -> Acl:
    """Parse an AccessControlPolicy. Raise CosError."""
    if tree.find("AccessControlList") is None:
        raise _malformed("There is no AccessControlList")
    to_groups, grants = set(), []
    for grant in tree.iter("Grant"):
        permission = grant.findtext("Permission", "")
        group, account = grant.findtext("Grantee/URI"), grant.findtext("Grantee/ID")
        if permission not in _PERMISSIONS or (group is None) == (account is None):
            raise _malformed("A Grant needs a Permission, and a Grantee with an ID or a URI")
        if account is not None:
            if account != OWNER:
                grants.append((account, permission))
        elif group in (EVERYBODY, EVERY_ACCOUNT):
            to_groups.add((group, permission))
        else:
            raise _malformed(f"There is no group {group}")
    for name in canned:
        if _granted_to_groups(name) == to_groups:
            return Acl(name, tuple(grants))
    raise CosError(405, "MethodNotAllowed", "The sandbox does not implement these grants to groups")


def _granted_to_groups(canned: str) -> frozenset[tuple[str, str]]:
    return _TO_GROUPS.get(canned, frozenset())


def _grantees(header: str | None) -> list[str]:
    if header is None:
        return []
    found = _GRANTEE.findall(header)
    if not found:
        raise CosError(400, "InvalidArgument", 'A grant must be like id="100000000001"')
    return [str(each) for each in found]


def _grant(grantee: Markup, permission: str) -> Markup:
    return element("Grant", grantee, element("Permission", permission))


def _group(uri: str) -> Markup:
    return _grantee("Group", element("URI", uri))


def _account(id: str) -> Markup:
    return _grantee("CanonicalUser", element("ID", id), element("DisplayName", id))


def _grantee(kind: str, *content: Markup) -> Markup:
    return Markup(f'<Grantee xmlns:xsi="{_TYPE}" xsi:type="{kind}">{"".join(content)}</Grantee>')


def _malformed(message: str) -> CosError:
    return CosError(400, "MalformedACLError", message)
