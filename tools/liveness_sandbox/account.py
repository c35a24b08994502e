"""The account that the sandbox emulates."""

from __future__ import annotations

APPID = "1250000000"
UIN = "100000000001"
"""The ID of the main account."""


def role_resource(name: str) -> str:
    """Name a role of this account as CAM does (598/10606)."""
    return f"qcs::cam::uin/{UIN}:roleName/{name}"
