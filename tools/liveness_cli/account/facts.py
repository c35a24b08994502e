"""The facts about an installation that doctor's checks work with, as values."""

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
    """Further versions that get part of the traffic."""


class Facts(NamedTuple):
    """The facts; None stands for a thing that is known not to exist."""

    settings: Settings
    function_name: str
    called: Called | Unavailable | None
    deployed: Configuration | Unavailable | None
    """The configuration of the version that is called."""
    triggers: Sequence[Trigger] | Unavailable
    reserved_mb: int | Unavailable | None
    retry_config: RetryConfig | Unavailable
    role: Role | Unavailable | None
    buckets: Mapping[str, bool | Unavailable]
    """Whether each bucket exists in the region."""
    versioning: Mapping[str, str | Unavailable | None]
    """The versioning of each bucket; None if it was never enabled."""
    lifecycles: Mapping[str, Sequence[Rule] | Unavailable]
    clock_ahead_seconds: float | Unavailable
    """By how much this machine's clock is ahead of COS's."""
    are_public: Mapping[str, bool | Unavailable]
    """Whether everybody may list each bucket."""
    link_status: int | Unavailable
    """The status of a GET with only a pre-signed URL, as the face API makes it, for a key that no
    object has: 404 if COS accepts the URL."""

    @property
    def configure(self) -> str:
        """The command that fixes limits and lifecycle rules of this installation."""
        if self.function_name == DEFAULT_FUNCTION_NAME:
            return "liveness configure"
        return f"liveness configure --function-name {self.function_name}"
