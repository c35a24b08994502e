"""Conditional requests and ranges (RFC 9110, sections 13 and 14) of GET and HEAD."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ..errors import CosError
from ..store import StoredObject

_BYTE_RANGE = re.compile(r"bytes=([0-9]{0,100})-([0-9]{0,100})")


def is_unmodified(stored: StoredObject, headers: Mapping[str, str]) -> bool:
    """Return whether the reply is 304. Raise a 412 error if a precondition fails."""
    modified = stored.last_modified.replace(microsecond=0)
    if "if-match" in headers:
        if not _matches(headers["if-match"], stored.etag):
            raise _failed()
    elif (limit := _date(headers, "if-unmodified-since")) is not None and modified > limit:
        raise _failed()
    if "if-none-match" in headers:
        return _matches(headers["if-none-match"], stored.etag)
    limit = _date(headers, "if-modified-since")
    return limit is not None and modified <= limit


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return offset and length, or None for the whole object.

    A header that is not a single byte range is ignored.
    """
    match = _BYTE_RANGE.fullmatch(header or "")
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        offset, end = max(0, size - int(last)), size
    else:
        offset, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < offset:
            return None
    if offset >= end:
        raise CosError(416, "InvalidRange", "The requested range is not satisfiable")
    return offset, end - offset


def _matches(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag.strip('"') in (
        tag.strip().strip('"') for tag in header.split(",")
    )


def _date(headers: Mapping[str, str], name: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(headers[name])
    except (KeyError, ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _failed() -> CosError:
    return CosError(
        412, "PreconditionFailed", "At least one of the preconditions you specified did not hold"
    )
