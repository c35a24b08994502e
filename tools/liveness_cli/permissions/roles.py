"""Who takes part, what the policy of each is for, and where it goes. No I/O here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from liveness.settings import Settings

from . import policies
from .language import Policy

# CAM takes no longer policy.
MOST_CHARACTERS = 6144


Make = Callable[[Settings, str], Policy]


class Role(NamedTuple):
    """One who takes part; `make` takes the settings and the main account's ID or nothing."""

    make: Make
    what_for: str
    goes_to: str


def _anywhere(make: Callable[[Settings], Policy]) -> Make:
    """A policy that names no resource by its account."""
    return lambda settings, uin: make(settings)


ROLES: Mapping[str, Role] = {
    "function": Role(
        _anywhere(policies.function),
        "what the function does",
        f"permissions of the role {policies.FUNCTION_ROLE}",
    ),
    "trust": Role(
        _anywhere(policies.trust),
        "who may take the function's role",
        f"trust policy of the role {policies.FUNCTION_ROLE}",
    ),
    "app": Role(
        _anywhere(policies.app),
        "puts the liveness package, and nothing else",
        "a sub-account of its own, and temporary keys for one pair id in place of the *",
    ),
    "backend": Role(
        _anywhere(policies.backend),
        "puts the reference photo, and nothing else",
        "your backend's sub-account",
    ),
    "reader": Role(
        _anywhere(policies.reader),
        "reads results, not the ledger",
        "role or sub-account of your next step",
    ),
    "viewer": Role(
        policies.viewer,
        "status, explain, doctor and --dry-run: changes nothing, sees faces",
        "operators' sub-accounts",
    ),
    "operator": Role(
        policies.operator,
        "all that a viewer does, retry, reconcile and forget: may make paid calls, and erase",
        "operators' sub-accounts",
    ),
    "deployer": Role(
        policies.deployer,
        "scf deploy and liveness configure: reads and writes no object",
        "whoever or whatever deploys",
    ),
}


class PolicyProblem(Exception):
    """No policy can be made of these settings; the text says why."""


def policy_of(role: str, settings: Settings, uin: str = "") -> Policy:
    """The policy of one of `ROLES`; `uin` is the main account's ID, if it is to be named.

    Raises PolicyProblem where CAM would take it for something else, or not at all.
    """
    _check(settings)
    made = ROLES[role].make(settings, uin)
    size = len(printed(made))
    if size > MOST_CHARACTERS:
        raise PolicyProblem(
            f"the policy for {role} has {size:,} characters, CAM takes {MOST_CHARACTERS:,}; give "
            "shorter prefixes or fewer suffixes"
        )
    return made


def printed(policy: Policy) -> str:
    """As it is pasted; in ASCII, so that no terminal and no encoding changes a key."""
    return json.dumps(policy, indent=2)


def _check(settings: Settings) -> None:
    texts = (
        settings.input_prefix,
        settings.result_prefix,
        settings.ledger_prefix,
        *settings.live_suffixes,
        *settings.image_suffixes,
    )
    for text in texts:
        if "*" in text:
            raise PolicyProblem(
                f"{text!a} holds a *, which in a policy means any text: it would allow more than "
                "these keys; give prefixes and suffixes without one"
            )
