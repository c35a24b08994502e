"""The roles, the purpose of each policy, and where it is attached. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from liveness.keys import pair_id_problem
from liveness.settings import Settings

from . import policies
from .language import Policy

# CAM does not accept longer policies.
MAX_CHARACTERS = 6144
# The roles of uploaders, which can be narrowed to one pair.
PAIR_ROLES = tuple(policies.OF_PAIR)

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
        "uploads the liveness package, whole or in parts, and nothing else",
        "a sub-account of its own, which issues temporary keys for one pair (--pair)",
    ),
    "app-simple": Role(
        _ignoring_account(policies.app_simple),
        "as app, but whole only, so that the size is limited",
        "in place of app, where packages are small",
    ),
    "backend": Role(
        _ignoring_account(policies.backend),
        "uploads the reference photo, and nothing else",
        "your backend's sub-account",
    ),
    "reader": Role(
        _ignoring_account(policies.reader),
        "reads results and decisions, no face and not the ledger",
        "the role or sub-account of your next step",
    ),
    "reader-with-frames": Role(
        _ignoring_account(policies.reader_with_frames),
        "as reader, and best frames",
        "in place of reader, where your next step needs the picture",
    ),
    "reviewer": Role(
        _ignoring_account(policies.reviewer),
        "looks at results, best frames and photos, and records decisions",
        "reviewers' sub-accounts, one for each person",
    ),
    "viewer": Role(
        policies.viewer,
        "status, explain, doctor, figures and --dry-run: changes nothing, sees no face",
        "operators' sub-accounts",
    ),
    "operator": Role(
        policies.operator,
        "what a viewer does, retry and reconcile: the function does the work, and may be billed",
        "operators' sub-accounts",
    ),
    "eraser": Role(
        _ignoring_account(policies.eraser),
        "forget: deletes what belongs to a pair, and writes nothing",
        "a sub-account for data protection requests",
    ),
    "deployer": Role(
        policies.deployer,
        "deploy, rollback and configure an installation that exists: changes no policy, reads no "
        "object",
        "the deploying user or CI",
    ),
    "tester": Role(
        policies.tester,
        "accept: the first real run, with a pair of its own: can cause paid calls",
        "the one who accepts an installation, for that time",
    ),
    "installer": Role(
        policies.installer,
        "beside deployer: the first deploy, changes of policies and the role, remove",
        "an administrator: the right to write policies is the right to give any other",
    ),
}


# Characters that CAM reads, or may read, as part of a pattern or a variable.
_SPECIAL = "*?$[]{}\\"


class PolicyError(Exception):
    """There is no correct policy for these settings or this pair id; str() says why."""


def policy_of(role: str, settings: Settings, uin: str = "") -> Policy:
    """Make the policy of one of `ROLES`; `uin` is the main account's ID, or empty.

    Raises PolicyError if CAM would misinterpret the policy, or not accept it.
    """
    _reject_wildcards(settings)
    if role in (*PAIR_ROLES, "reviewer"):
        _reject_inseparable_suffixes(settings)
    return _checked(role, ROLES[role].make_policy(settings, uin))


def policy_of_pair(role: str, settings: Settings, pair_id: str) -> Policy:
    """Make the policy for temporary keys that are for one pair, from one of `PAIR_ROLES`.

    Raises PolicyError if CAM would read part of the pair id as a pattern or a variable, or if no
    input of the pair can have a key.
    """
    _reject_wildcards(settings)
    if problem := pair_id_problem(settings, pair_id):
        raise PolicyError(f"{pair_id!a} {problem}")
    special = next((char for char in pair_id if char in _SPECIAL or not char.isprintable()), None)
    if special is not None:
        raise PolicyError(
            f"the pair id {pair_id!a} contains {special!a}, which CAM may take for a part of a "
            "pattern or a variable: the keys would be good for other pairs, too; use letters, "
            "digits, - and _"
        )
    policy = policies.OF_PAIR[role](settings, pair_id)
    if not policy["statement"][0]["resource"]:
        raise PolicyError(
            f"no input of {pair_id!a} can have a key: with its suffix each would belong to another "
            "pair, or be too long"
        )
    return _checked(role, policy)


def _checked(role: str, policy: Policy) -> Policy:
    """Return the policy. Raises PolicyError if it is too long for CAM."""
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
        settings.frame_prefix,
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

    A suffix between two of the other input, such as `/b` between `b` and `//b`, cannot be denied to
    the other uploader, who would lose `//b`. It cannot be left out either: `*b` allows it.
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
