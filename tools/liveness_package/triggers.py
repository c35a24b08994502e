"""Which uploads a COS trigger fires for, and whether two triggers overlap. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import combinations
from typing import NamedTuple

# The ways in which an input can be uploaded; an appended object is not a valid input.
UPLOAD_EVENTS = tuple(
    f"cos:ObjectCreated:{kind}" for kind in ("Put", "Post", "Copy", "CompleteMultipartUpload")
)


class UploadFilter(NamedTuple):
    """The events and keys that one COS trigger fires for."""

    event: str
    """May end in `*`."""
    prefix: str
    suffix: str

    def matches(self, event: str, key: str) -> bool:
        return (
            fnmatchcase(event, self.event)
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
        )

    def overlaps(self, other: UploadFilter) -> bool:
        """Whether one upload can match both filters. COS refuses such triggers."""
        share_event = any(
            fnmatchcase(event, self.event) and fnmatchcase(event, other.event)
            for event in UPLOAD_EVENTS
        )
        share_prefix = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        share_suffix = self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        return share_event and share_prefix and share_suffix


def find_overlaps(filters: Sequence[UploadFilter]) -> list[tuple[UploadFilter, UploadFilter]]:
    """Return every pair of filters that overlap."""
    return [(one, other) for one, other in combinations(filters, 2) if one.overlaps(other)]
