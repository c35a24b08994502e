"""Check that the function can assume its role, and that the role may do what is needed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liveness.keys import claims_prefix, result_key
from liveness.settings import Settings

from ..permissions import policies
from ..permissions.evaluator import Request, UnsupportedPolicy, allows
from ..permissions.language import as_list, key
from .facts import Facts, Unavailable
from .findings import Finding, failed, passed, skipped
from .role import Role

_PLATFORM = "scf.qcloud.com"
_POLICY = "give the role what `liveness policies --role function` prints, and nothing else"
# Replaces each `*` of a policy in a sample request.
_SAMPLE = "any"
_MAX_LISTED = 3


def check_trust(facts: Facts) -> Finding:
    role = _role(facts)
    if isinstance(role, Finding):
        return role
    name = _name(facts)
    try:
        statements = as_list(role.trust["statement"])
        is_trusted = any(_trusts_platform(each) for each in statements)
        others = sorted({other for each in statements for other in _other_principals(each)})
    except (KeyError, TypeError, AttributeError):
        return skipped("role", f"the trust policy of {name} cannot be parsed")
    if not is_trusted:
        return failed(
            "role",
            f"{name} does not trust {_PLATFORM}: the function gets no keys",
            "give it the trust policy that `liveness policies --role trust` prints",
        )
    if others:
        return failed(
            "role",
            f"{name} also trusts {', '.join(others[:_MAX_LISTED])}: they may do all that the "
            "function may",
            "leave nothing in its trust policy but what `liveness policies --role trust` prints",
        )
    return passed("role", f"{name} trusts {_PLATFORM} alone")


def check_policy(facts: Facts) -> Finding:
    role = _role(facts)
    if isinstance(role, Finding):
        return skipped("policy", "there is no role to check")
    documents = list(role.policies.values())
    try:
        missing = [each for each in _needed(facts.settings) if not allows(documents, each)]
        intended = [policies.function(facts.settings)]
        excess = [
            each
            for each in _harmful(facts.settings)
            if allows(documents, each) and not allows(intended, each)
        ]
    except UnsupportedPolicy as error:
        return skipped("policy", f"the role's policies use something unsupported: {error}")
    except (KeyError, TypeError, AttributeError, ValueError):
        return skipped("policy", "the role's policies cannot be parsed")
    if missing:
        return failed("policy", f"it may not do what is needed: {_listed(missing)}", _POLICY)
    if excess:
        return failed("policy", f"it may do more than is needed: {_listed(excess)}", _POLICY)
    return passed("policy", "it may do what is needed, and none of the most harmful actions")


def _role(facts: Facts) -> Role | Finding:
    """Return the role, or why it cannot be checked."""
    deployed = facts.deployed
    if isinstance(deployed, Unavailable):
        return skipped("role", deployed)
    if deployed is None:
        return skipped("role", "the function does not exist")
    if not deployed.role:
        return failed(
            "role", "the function has none, so it gets no keys", "set role in serverless.yml"
        )
    if isinstance(facts.role, Unavailable):
        return skipped("role", facts.role)
    if facts.role is None:
        return failed(
            "role",
            f"there is no role {_name(facts)}",
            "create it, with what `liveness policies` prints for trust and function",
        )
    return facts.role


def _name(facts: Facts) -> str:
    deployed = facts.deployed
    return "" if deployed is None or isinstance(deployed, Unavailable) else deployed.role


def _trusts_platform(statement: dict[str, Any]) -> bool:
    actions = [str(each).removeprefix("name/") for each in as_list(statement["action"])]
    services = as_list(statement["principal"].get("service", []))
    return statement["effect"] == "allow" and "sts:AssumeRole" in actions and _PLATFORM in services


def _other_principals(statement: dict[str, Any]) -> Iterator[str]:
    """Name every other principal that a statement allows anything."""
    if statement["effect"] == "allow":
        for kind, names in statement["principal"].items():
            for name in map(str, as_list(names)):
                if (kind, name) != ("service", _PLATFORM):
                    yield name


def _needed(settings: Settings) -> Iterator[Request]:
    """Yield a sample request for each action and resource of the function's own policy."""
    for statement in policies.function(settings)["statement"]:
        context = dict(statement.get("condition", {}).get("string_equal", {}))
        for action in statement["action"]:
            for resource in statement["resource"]:
                yield Request(action, resource.replace("*", _SAMPLE), context)


def _harmful(settings: Settings) -> Iterator[Request]:
    """Yield the requests that would do the most harm."""

    def object_request(action: str, bucket: str, name: str, **headers: str) -> Request:
        context = {f"cos:{header.replace('_', '-')}": value for header, value in headers.items()}
        return Request(f"name/cos:{action}", key(settings.region, bucket, name), context)

    for suffix in (*settings.live_suffixes, *settings.image_suffixes):
        input_name = f"{settings.input_prefix}{_SAMPLE}{suffix}"
        yield object_request("PutObject", settings.bucket, input_name)
        yield object_request("DeleteObject", settings.bucket, input_name)
    claim = claims_prefix(settings) + _SAMPLE
    yield object_request("PutObject", settings.ledger_bucket, claim)
    yield object_request("DeleteObject", settings.ledger_bucket, claim)
    result = result_key(settings, _SAMPLE)
    yield object_request("PutObject", settings.result_bucket, result, x_cos_acl="public-read")
    yield object_request("PutObject", settings.result_bucket, result, x_cos_grant_read='id="1"')
    yield object_request("PutObjectACL", settings.result_bucket, result)
    yield object_request("GetObject", settings.bucket, f"{_SAMPLE}-other-key")
    yield object_request("DeleteBucket", settings.bucket, "")
    yield Request("cam:AttachRolePolicy", "*")


def _listed(requests: list[Request]) -> str:
    texts = [f"{each.action} on {each.resource}" for each in requests[:_MAX_LISTED]]
    more = len(requests) - len(texts)
    return "; ".join(texts) + (f"; and {more} more" if more else "")
