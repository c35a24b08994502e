"""What was read of an installation, as values: what doctor concludes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from liveness.settings import Settings

from .function import DEFAULT_FUNCTION, Deployed, Retrying, Trigger
from .lifecycle import Rule
from .role import Role


class Unread(NamedTuple):
    """In the place of what could not be read: why."""

    why: str


class Link(NamedTuple):
    """How COS answered somebody who has nothing but a pre-signed URL of an input."""

    status: int
    to_an_object: bool
    """Else to a key that no object has."""


class Facts(NamedTuple):
    """Whatever is None is known not to be there."""

    settings: Settings
    function_name: str
    deployed: Deployed | Unread | None
    triggers: Sequence[Trigger] | Unread
    reserved_mb: int | Unread | None
    retrying: Retrying | Unread
    role: Role | Unread | None
    buckets: Mapping[str, bool | Unread]
    """Whether each lies in the region."""
    versioning: str | Unread | None
    """Of the ledger's bucket; None: never enabled."""
    lifecycles: Mapping[str, Sequence[Rule] | Unread]
    clock_ahead_seconds: float | Unread
    """This machine's, of COS's."""
    link: Link | Unread

    @property
    def configure(self) -> str:
        """The command that mends limits and lifecycle here."""
        if self.function_name == DEFAULT_FUNCTION:
            return "liveness configure"
        return f"liveness configure --function {self.function_name}"
