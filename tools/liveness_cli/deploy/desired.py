"""The wanted state of the account, from the project and its package. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import InvalidUsage
from ..permissions.language import Policy
from ..permissions.roles import ROLES, PolicyError, policy_of
from .manifest import Manifest
from .package import Package
from .stamp import Stamp, stamp_of

_FUNCTION, _TRUST = "function", "trust"
# Policies of people name the function by this name.
_USUAL_NAME = "liveness"


class Desired(NamedTuple):
    """The wanted state of the account."""

    manifest: Manifest
    archive: bytes
    stamp: Stamp
    policies: Mapping[str, Policy]
    """By name; the function's role has the first."""
    trust: Policy
    create_bucket: bool = False
    mend: bool = False
    notify: str | None = None
    """Whom alarms notify; None leaves alarms alone."""


def policy_names(name: str) -> dict[str, str]:
    """Return the name in CAM of each role's policy; that of the function is first.

    Policies of people name the function `liveness`, so an installation with another name has none.
    """
    roles = ROLES if name == _USUAL_NAME else (_FUNCTION,)
    return {_FUNCTION: f"{name}-{_FUNCTION}"} | {
        role: f"{name}-{role}" for role in roles if role != _TRUST
    }


def desired_of(
    manifest: Manifest, package: Package, *, create_bucket: bool, mend: bool, notify: str | None
) -> Desired:
    """Make the value. Raises InvalidUsage if the function can have no policy."""
    settings = manifest.settings
    policies: dict[str, Policy] = {}
    for role, name in policy_names(manifest.name).items():
        try:
            policies[name] = policy_of(role, settings)
        except PolicyError as error:
            # The function cannot work without its policy; people can be given another one.
            if role == _FUNCTION:
                raise InvalidUsage(str(error)) from None
    trust: Mapping[str, object] = policy_of(_TRUST, settings)
    return Desired(
        manifest,
        package.archive,
        stamp_of(manifest, package.digest),
        policies,
        dict(trust),
        create_bucket,
        mend,
        notify,
    )
