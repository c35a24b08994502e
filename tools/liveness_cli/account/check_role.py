"""Whether the function's role can be taken on by it, and may do what is needed. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liveness.settings import Settings

from ..permissions import policies
from ..permissions.evaluator import Request, UnknownPolicy, allows
from ..permissions.language import key
from .facts import Facts, Unread
from .findings import Finding, not_checkable, ok, wrong
from .role import Role

_PLATFORM = "scf.qcloud.com"
_POLICY = "give the role what `liveness policies --role function` prints, and nothing else"
# What stands for any text where a policy has a `*`.
_ANY = "any"
_TOLD = 3


def check_trust(facts: Facts) -> Finding:
    role = _role(facts)
    if isinstance(role, Finding):
        return role
    name = _name(facts)
    try:
        trusted = any(_trusts(statement) for statement in _several(role.trust["statement"]))
    except (KeyError, TypeError, AttributeError):
        return not_checkable("role", f"the trust policy of {name} cannot be understood")
    if not trusted:
        return wrong(
            "role",
            f"{name} does not trust {_PLATFORM}: the function gets no keys",
            "give it the trust policy that `liveness policies --role trust` prints",
        )
    return ok("role", f"{name} trusts {_PLATFORM}")


def check_policy(facts: Facts) -> Finding:
    role = _role(facts)
    if isinstance(role, Finding):
        return not_checkable("policy", "there is no role to look at")
    documents = list(role.policies.values())
    try:
        missing = [each for each in _needed(facts.settings) if not allows(documents, each)]
        wanted = [policies.function(facts.settings)]
        excess = [
            each
            for each in _never_needed(facts.settings)
            if allows(documents, each) and not allows(wanted, each)
        ]
    except UnknownPolicy as error:
        return not_checkable("policy", f"the role's policies hold what is not known here: {error}")
    except (KeyError, TypeError, AttributeError, ValueError):
        return not_checkable("policy", "the role's policies cannot be understood")
    if missing:
        return wrong("policy", f"it may not do what is needed: {_listed(missing)}", _POLICY)
    if excess:
        return wrong("policy", f"it may do more than is needed: {_listed(excess)}", _POLICY)
    return ok("policy", "it may do what is needed, and nothing of what would do most harm")


def _role(facts: Facts) -> Role | Finding:
    deployed = facts.deployed
    if isinstance(deployed, Unread):
        return not_checkable("role", deployed)
    if deployed is None:
        return not_checkable("role", "there is no function")
    if not deployed.role:
        return wrong(
            "role", "the function has none, so it gets no keys", "set role in serverless.yml"
        )
    if isinstance(facts.role, Unread):
        return not_checkable("role", facts.role)
    if facts.role is None:
        return wrong(
            "role",
            f"there is no role {_name(facts)}",
            "make it, with what `liveness policies` prints for trust and function",
        )
    return facts.role


def _name(facts: Facts) -> str:
    deployed = facts.deployed
    return "" if deployed is None or isinstance(deployed, Unread) else deployed.role


def _trusts(statement: dict[str, Any]) -> bool:
    actions = [str(each).removeprefix("name/") for each in _several(statement["action"])]
    services = _several(statement["principal"].get("service", []))
    return statement["effect"] == "allow" and "sts:AssumeRole" in actions and _PLATFORM in services


def _needed(settings: Settings) -> Iterator[Request]:
    """One request for each action and place that our own policy allows."""
    for statement in policies.function(settings)["statement"]:
        context = dict(statement.get("condition", {}).get("string_equal", {}))
        for action in statement["action"]:
            for resource in statement["resource"]:
                yield Request(action, resource.replace("*", _ANY), context)


def _never_needed(settings: Settings) -> Iterator[Request]:
    """What would do most harm."""

    def on(action: str, bucket: str, name: str) -> Request:
        return Request(f"name/cos:{action}", key(settings.region, bucket, name))

    for suffix in (*settings.live_suffixes, *settings.image_suffixes):
        an_input = f"{settings.input_prefix}{_ANY}{suffix}"
        yield on("PutObject", settings.bucket, an_input)
        yield on("DeleteObject", settings.bucket, an_input)
    yield on("PutObject", settings.ledger_bucket, f"{settings.ledger_prefix}claims/{_ANY}")
    yield on("DeleteObject", settings.ledger_bucket, f"{settings.ledger_prefix}claims/{_ANY}")
    yield on("GetObject", settings.bucket, f"{_ANY}-other-key")
    yield on("DeleteBucket", settings.bucket, "")
    yield Request("cam:AttachRolePolicy", "*")


def _listed(requests: list[Request]) -> str:
    told = [f"{each.action} on {each.resource}" for each in requests[:_TOLD]]
    more = len(requests) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
