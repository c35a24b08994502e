"""What was read of an installation, as values: the facts that doctor's checks work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from liveness.settings import Settings

from .function import DEFAULT_FUNCTION_NAME, Configuration, RetryConfig, Trigger
from .lifecycle import Rule
from .role import Role


class Unavailable(NamedTuple):
    """Takes the place of a fact that could not be read."""

    reason: str


class Called(NamedTuple):
    """What the triggers call."""

    qualifiers: Sequence[str]
    """What enabled triggers name: $DEFAULT, $LATEST, both or neither."""
    version: str
    """The version that the checks are about."""
    others: Sequence[str]
    """Further versions that get a part of the traffic."""


class Facts(NamedTuple):
    """The facts; None is for a thing that is known not to exist."""

    settings: Settings
    function_name: str
    called: Called | Unavailable | None
    deployed: Configuration | Unavailable | None
    """Of the version that is called."""
    triggers: Sequence[Trigger] | Unavailable
    reserved_mb: int | Unavailable | None
    retry_config: RetryConfig | Unavailable
    role: Role | Unavailable | None
    buckets: Mapping[str, bool | Unavailable]
    """Whether each bucket exists in the region."""
    versioning: Mapping[str, str | Unavailable | None]
    """Of each bucket; None if it was never enabled."""
    lifecycles: Mapping[str, Sequence[Rule] | Unavailable]
    clock_ahead_seconds: float | Unavailable
    """By how much this machine's clock is ahead of COS's."""
    are_public: Mapping[str, bool | Unavailable]
    """Whether everybody may list each bucket."""
    link_status: int | Unavailable
    """What COS answers to a pre-signed URL alone, as the face API has it, of a key that no object
    has: 404 if the URL is accepted."""

    @property
    def configure(self) -> str:
        """The command that fixes limits and lifecycle rules of this installation."""
        if self.function_name == DEFAULT_FUNCTION_NAME:
            return "liveness configure"
        return f"liveness configure --function-name {self.function_name}"
