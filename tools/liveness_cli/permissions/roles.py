"""The roles, what the policy of each is for, and where it is attached. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from liveness.settings import Settings

from . import policies
from .language import Policy

# CAM does not accept longer policies.
MAX_CHARACTERS = 6144

# Takes the settings, and the main account's ID or an empty string.
PolicyFactory = Callable[[Settings, str], Policy]


class Role(NamedTuple):
    """A participant that needs permissions of its own."""

    make_policy: PolicyFactory
    purpose: str
    attach_to: str


def _ignoring_account(make_policy: Callable[[Settings], Policy]) -> PolicyFactory:
    """Adapt a policy that names no resource by its account."""
    return lambda settings, uin: make_policy(settings)


ROLES: Mapping[str, Role] = {
    "function": Role(
        _ignoring_account(policies.function),
        "what the function does",
        f"the role {policies.FUNCTION_ROLE}, as its permissions",
    ),
    "trust": Role(
        _ignoring_account(policies.trust),
        "lets the platform assume the function's role",
        f"the role {policies.FUNCTION_ROLE}, as its trust policy",
    ),
    "app": Role(
        _ignoring_account(policies.app),
        "uploads the liveness package, and nothing else",
        "a sub-account of its own, and temporary keys for one pair id in place of the *",
    ),
    "backend": Role(
        _ignoring_account(policies.backend),
        "uploads the reference photo, and nothing else",
        "your backend's sub-account",
    ),
    "reader": Role(
        _ignoring_account(policies.reader),
        "reads results, not the ledger",
        "the role or sub-account of your next step",
    ),
    "viewer": Role(
        policies.viewer,
        "status, explain, doctor and --dry-run: changes nothing, sees faces",
        "operators' sub-accounts",
    ),
    "operator": Role(
        policies.operator,
        "everything a viewer does, retry, reconcile and forget: may make paid calls, and erase",
        "operators' sub-accounts",
    ),
    "deployer": Role(
        policies.deployer,
        "scf deploy and liveness configure: reads and writes no object",
        "the deploying user or CI",
    ),
}


class PolicyError(Exception):
    """These settings do not allow a correct policy; str() says why."""


def policy_of(role: str, settings: Settings, uin: str = "") -> Policy:
    """Make the policy of one of `ROLES`; `uin` is the main account's ID, or empty.

    Raises PolicyError if CAM would misinterpret the policy, or not accept it.
    """
    _reject_wildcards(settings)
    if role in ("app", "backend"):
        _reject_inseparable_suffixes(settings)
    policy = ROLES[role].make_policy(settings, uin)
    size = len(to_json(policy))
    if size > MAX_CHARACTERS:
        raise PolicyError(
            f"the policy for {role} has {size:,} characters, CAM accepts {MAX_CHARACTERS:,}; give "
            "shorter prefixes or fewer suffixes"
        )
    return policy


def to_json(policy: Policy) -> str:
    """Serialize a policy in ASCII, so that no terminal and no encoding changes a key."""
    return json.dumps(policy, indent=2)


def _reject_wildcards(settings: Settings) -> None:
    texts = (
        settings.input_prefix,
        settings.result_prefix,
        settings.ledger_prefix,
        *settings.live_suffixes,
        *settings.image_suffixes,
    )
    for text in texts:
        if "*" in text:
            raise PolicyError(
                f"{text!a} contains a *, which matches any text in a policy: it would allow more "
                "than these keys; use prefixes and suffixes without one"
            )


def _reject_inseparable_suffixes(settings: Settings) -> None:
    """Raise PolicyError if no policy can give each uploader exactly its own keys.

    A suffix between two of the other input, such as `/b` between `b` and `//b`, can
    neither be denied to the other uploader, who would lose `//b`, nor left out: it may write `*b`.
    """
    for own, others in (
        (settings.live_suffixes, settings.image_suffixes),
        (settings.image_suffixes, settings.live_suffixes),
    ):
        for suffix in others:
            shorter = [each for each in own if suffix.endswith(each)]
            longer = [each for each in own if each.endswith(suffix)]
            if shorter and longer:
                raise PolicyError(
                    f"the suffix {suffix!a} ends like {shorter[0]!a}, and {longer[0]!a} ends like "
                    "it: no policy can keep the two uploaders apart; use other suffixes"
                )
