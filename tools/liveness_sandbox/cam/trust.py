"""Who may assume a role: the evaluation of its trust policy (598/33416)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..account import UIN
from .invalid_policy import InvalidPolicy
from .policy import action_pattern, parse_trust, texts

_ACTION = "sts:AssumeRole"


def trusts_service(trust: Any, service: str) -> bool:
    """Return whether a product of the cloud, such as `scf.qcloud.com`, may assume the role."""
    return _trusts(trust, "service", {service})


def trusts_account(trust: Any, uin: str) -> bool:
    """Return whether the main account, or the sub-account with this ID, may assume the role.

    `root` names the main account and all of its sub-accounts.
    """
    return _trusts(trust, "qcs", {f"qcs::cam::uin/{UIN}:root", f"qcs::cam::uin/{UIN}:uin/{uin}"})


def _trusts(trust: Any, kind: str, names: set[str]) -> bool:
    try:
        statements = [each for each in parse_trust(trust) if _names(each, kind, names)]
    except InvalidPolicy:
        return False
    effects = {statement["effect"] for statement in statements}
    return effects == {"allow"}


def _names(statement: Mapping[str, Any], kind: str, names: set[str]) -> bool:
    actions = texts(statement.get("action"), "action")
    principals = statement["principal"].get(kind, [])
    return any(action_pattern(action).fullmatch(_ACTION) for action in actions) and not (
        names.isdisjoint(principals if isinstance(principals, list) else [principals])
    )
