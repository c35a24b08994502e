"""Storage classes (436/33417), and the restoration of archived objects (436/12633)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from ...clock import Clock, http_date
from ...numerals import whole_number
from ...wire import Reply
from .. import request_body
from ..errors import CosError
from ..store import StoredObject
from .operation import Operation

HEADER = "x-cos-storage-class"
STANDARD = "STANDARD"
NOT_APPENDABLE = ("INTELLIGENT_TIERING", "MAZ_INTELLIGENT_TIERING")
"""Storage classes that APPEND Object does not have (436/7741)."""
_ARCHIVED = ("ARCHIVE", "DEEP_ARCHIVE")
_CLASSES = (
    STANDARD,
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "MAZ_STANDARD",
    "MAZ_STANDARD_IA",
    "MAZ_INTELLIGENT_TIERING",
    *_ARCHIVED,
)
_MAX_DAYS = 365


def requested_class(headers: Mapping[str, str]) -> str:
    storage_class = headers.get(HEADER, STANDARD).upper()
    if storage_class not in _CLASSES:
        raise CosError(400, "InvalidArgument", "The storage class you specified is not valid")
    return storage_class


def class_headers(stored: StoredObject) -> dict[str, str]:
    """Return the headers of the storage class; COS omits the standard class."""
    headers = {} if stored.storage_class == STANDARD else {HEADER: stored.storage_class}
    if stored.restored_until is not None:
        date = http_date(stored.restored_until)
        headers["x-cos-restore"] = f'ongoing-request="false", expiry-date="{date}"'
    return headers


class Archive:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def require_readable(self, stored: StoredObject) -> None:
        if stored.storage_class not in _ARCHIVED:
            return
        if stored.restored_until is None or stored.restored_until <= self._clock.now():
            raise CosError(
                403, "InvalidObjectState", "The operation is not valid for the object's state"
            )

    async def restore(self, operation: Operation) -> Reply:
        """Restore an object immediately, where the cloud takes minutes to hours."""
        stored = operation.stored()
        if stored.storage_class not in _ARCHIVED:
            raise CosError(403, "InvalidObjectState", "Only an archived object can be restored")
        tree = await request_body.read(operation.request, "RestoreRequest")
        days = whole_number(tree.findtext("Days"))
        if days is None or not 1 <= days <= _MAX_DAYS:
            raise request_body.malformed(f"Days must be between 1 and {_MAX_DAYS}")
        until = self._clock.now() + timedelta(days=days)
        operation.bucket.update_attributes(stored, restored_until=until)
        return Reply(202 if stored.restored_until is None else 200)
