"""The source of PUT Object - Copy (436/10881) and of Upload Part - Copy (436/8287)."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote

from ...blobs import BlobSlice
from ...hosts import CosHost, host_of
from .. import encryption
from ..errors import CosError
from ..store import Store, StoredObject
from .archive import Archive
from .conditions import is_unmodified
from .operation import Operation, find

HEADER = "x-cos-copy-source"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class CopySources:
    def __init__(self, store: Store, archive: Archive) -> None:
        self._store = store
        self._archive = archive

    def find(self, operation: Operation) -> StoredObject:
        """Find the object that the header names.

        Its format is `<bucket-appid>.cos.<region>.myqcloud.com/<encoded key>[?versionId=<id>]`, or
        `/<bucket-appid>/<encoded key>` for a bucket of the same region.
        """
        location, _, query = operation.request.headers[HEADER].partition("?")
        if location.startswith("/"):
            name, _, path = location[1:].partition("/")
            bucket, region = self._store.find(name), operation.bucket.region
        else:
            name, _, path = location.partition("/")
            host = host_of(name.lower())
            bucket = self._store.find(host.bucket) if isinstance(host, CosHost) else None
            region = host.region if isinstance(host, CosHost) else ""
        if bucket is None or bucket.region != region:
            raise CosError(404, "NoSuchBucket", "The source bucket does not exist")
        if bucket.appid != operation.identity.principal.appid:
            raise CosError(403, "AccessDenied", "Access Denied.")
        if not operation.may(("GetObject",), bucket, unquote(path)):
            raise CosError(403, "AccessDenied", "Access Denied.")
        stored = find(bucket, unquote(path), parse_qs(query).get("versionId", [None])[0])
        encryption.require_key(stored.encryption, _source_headers(operation))
        self._archive.require_readable(stored)
        if stored.object_type == "appendable":
            raise CosError(400, "InvalidRequest", "An appendable object cannot be copied")
        if is_unmodified(stored, _source_headers(operation)):
            raise CosError(412, "PreconditionFailed", "The source does not meet the preconditions")
        return stored


def source_range(operation: Operation, stored: StoredObject) -> BlobSlice:
    """Parse `bytes=first-last`; both are required. The SDK sends an empty header for no range."""
    header = operation.request.headers.get(f"{HEADER}-range")
    if not header:
        return stored.blob.as_slice()
    match = _RANGE.fullmatch(header)
    first, last = map(int, match.groups()) if match else (0, -1)
    if not first <= last < stored.size:
        raise CosError(416, "InvalidRange", "The requested range is not satisfiable")
    return BlobSlice(stored.blob, first, last - first + 1)


def _source_headers(operation: Operation) -> dict[str, str]:
    """Return the headers that concern the source, under the names they have in a GET.

    `x-cos-copy-source-if-match` becomes `if-match`; the customer key of the source likewise.
    """
    headers = {}
    for name, value in operation.request.headers.items():
        if (plain := name.removeprefix(f"{HEADER}-")) != name:
            headers[f"x-cos-{plain}" if plain.startswith("server-side") else plain] = value
    return headers
