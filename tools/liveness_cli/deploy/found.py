"""The present state of the account, which the plan compares with the wanted one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..account.function import Alias, RetryConfig, Trigger
from ..account.lifecycle import Rule
from .managed_function import Reported, Version
from .named_policies import NamedPolicy


class FoundBucket(NamedTuple):
    """A bucket of the region; None in its place means that there is none."""

    versioning: str | None
    """None if it was never enabled."""
    is_public: bool
    rules: Sequence[Rule]


class FoundRole(NamedTuple):
    """The function's role."""

    trust: Any
    attached: Mapping[str, int]
    """The attached policies' ids by name."""
    others: Sequence[NamedPolicy] = ()
    """Those of them that belong to the functions of other installations."""


class FoundFunction(NamedTuple):
    """The function in the account."""

    latest: Reported
    serving: Reported
    """What traffic goes to; the same as `latest` if that is $LATEST."""
    alias: Alias
    versions: Sequence[Version]
    triggers: Sequence[Trigger]
    retry_config: RetryConfig
    reserved_mb: int | None

    def description_of(self, version: str) -> str:
        """Return the description of a published version, empty for $LATEST."""
        matching = (each.description for each in self.versions if str(each.number) == version)
        return next(matching, "")


class FoundLogs(NamedTuple):
    """What is in CLS."""

    has_topic: bool
    index_rule: Mapping[str, Any] | None
    """None if the topic has no index, or does not exist."""
    notices: Mapping[str, Mapping[str, Any]]
    alarms: Mapping[str, Mapping[str, Any]]
    """Both are by name, and are read only if alarms are wanted."""


class Quota(NamedTuple):
    """The unused part of the account's quota in the region."""

    free_mb: int | None
    """Memory that instances may still use; None if it is not reported."""
    free_functions: int | None
    free_cos_triggers: int | None


class OtherTrigger(NamedTuple):
    """A trigger of another function on one of our buckets."""

    function: str
    trigger: Trigger


class Found(NamedTuple):
    """Everything that was read before anything is changed."""

    buckets: Mapping[str, FoundBucket | None]
    policies: Mapping[str, NamedPolicy]
    role: FoundRole | None
    function: FoundFunction | None
    logs: FoundLogs
    quota: Quota | None
    """None if the function exists: then it has its place."""
    other_triggers: Sequence[OtherTrigger]
    """Read only if a COS trigger must be created."""


def same_trigger(one: Trigger, other: Trigger) -> bool:
    """Whether two triggers do the same, whether or not they are enabled."""
    return one._replace(is_enabled=True) == other._replace(is_enabled=True)
