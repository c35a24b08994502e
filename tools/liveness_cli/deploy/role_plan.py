"""Changes in CAM: named policies, and the function's role. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..text import pluralize
from . import actions
from .change import Change
from .desired import Desired
from .found import Found
from .named_policies import NamedPolicy


def policy_changes(desired: Desired, found: Found) -> Iterator[Change]:
    """Create policies, and update those that we made."""
    for name, document in desired.policies.items():
        policy = found.policies.get(name)
        if policy is None:
            yield Change(
                f"policy {name}",
                "none",
                "created",
                "what the function may do" if name == next(iter(desired.policies)) else "",
                actions.CreatePolicy(name, document),
            )
        elif policy.document != document:
            yield Change(
                f"policy {name}",
                "edited by hand" if policy.was_edited else "another version's",
                "as `liveness policies` prints it",
                _attached_to(policy),
                actions.UpdatePolicy(name, document),
                risk="what was added by hand is gone" if policy.was_edited else "",
                is_drift=policy.was_edited,
            )


def _attached_to(policy: NamedPolicy) -> str:
    if not policy.attachments:
        return "it is attached to nobody"
    count = pluralize(policy.attachments, "user, group or role", "users, groups or roles")
    return f"it is attached to {count}"


def role_changes(desired: Desired, found: Found) -> Iterator[Change]:
    """Create the role, and give it the function's policy and no other."""
    name, role = desired.manifest.function.role, found.role
    policy = next(iter(desired.policies))
    if role is None:
        yield Change(
            f"role {name}",
            "none",
            "created",
            "whose keys the function gets; only the function platform may assume it",
            actions.CreateRole(name, desired.trust),
        )
    elif role.trust != desired.trust:
        yield Change(
            f"role {name}",
            "trusts others",
            "trusts scf.qcloud.com",
            "who may assume it was changed by hand",
            actions.UpdateTrust(name, desired.trust),
            is_drift=True,
        )
    attached = {} if role is None else role.attached
    if policy not in attached:
        yield Change(
            f"role {name}",
            f"without {policy}",
            f"with {policy}",
            "",
            actions.AttachPolicy(name, policy),
        )
    for other in sorted(set(attached) - {policy}):
        yield Change(
            f"role {name}",
            f"with {other}",
            f"without {other}",
            "the function may do more than it needs",
            actions.DetachPolicy(name, other),
            is_drift=True,
        )
