"""The changes that a deployment would make, and why it must not begin. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .actions import Release
from .bucket_plan import bucket_changes
from .change import Change
from .desired import Desired
from .found import Found, FoundFunction
from .log_plan import alarm_changes, topic_changes
from .refusals import refusals
from .release_plan import function_changes, retry_changes
from .role_plan import policy_changes, role_changes
from .trigger_plan import trigger_changes


class Plan(NamedTuple):
    """The reasons why nothing may be changed, or else the changes, in order."""

    refusals: Sequence[str]
    changes: Sequence[Change]
    kept: Sequence[str]
    """Unusual settings that stay as they are."""


def make_plan(desired: Desired, found: Found) -> Plan:
    """Compare, and order the changes so that nothing triggers the function before it works."""
    function = list(function_changes(desired, found))
    return Plan(
        [*refusals(desired, found), *_stopped(found.function, function)],
        [
            *bucket_changes(desired, found),
            *topic_changes(desired.manifest, found.logs),
            *policy_changes(desired, found),
            *role_changes(desired, found),
            *function,
            *retry_changes(found.function),
            *trigger_changes(desired.manifest.triggers, found.function),
            *alarm_changes(desired.manifest, desired.notify, found.logs),
        ],
        list(_kept(found.function)),
    )


def _stopped(function: FoundFunction | None, changes: Sequence[Change]) -> Iterator[str]:
    """Refuse to publish while the function is stopped: a new version could not check itself."""
    publishes = any(isinstance(change.action, Release) for change in changes)
    if publishes and function is not None and function.reserved_mb == 0:
        yield (
            "the function is stopped (0 MB reserved), so a new version could not check itself: "
            "`liveness configure --reserved-mb none` first, or deploy later"
        )


def _kept(function: FoundFunction | None) -> Iterator[str]:
    if function is not None and function.reserved_mb == 0:
        yield "the function is stopped (0 MB reserved): `liveness configure --reserved-mb none`"
    elif function is not None and function.reserved_mb:
        yield f"{function.reserved_mb} MB are reserved for the function"
