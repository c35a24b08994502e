"""Listings of a bucket: its objects, and their versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ...clock import iso_date
from ...numerals import whole_number
from ...wire import Reply
from ..errors import CosError
from ..markup import Markup, document, element
from ..store import Bucket, StoredObject
from .operation import XML, Operation

MAX_KEYS = 1000


async def list_objects(operation: Operation) -> Reply:
    """GET Bucket, version 1 (436/7734)."""
    marker = operation.request.query.get("marker", "")
    body = _listing("ListBucketResult", operation, "Marker", marker, _contents)
    return Reply(200, body, {**XML, "x-cos-bucket-region": operation.bucket.region})


async def list_versions(operation: Operation) -> Reply:
    """GET Bucket Object versions (436/31551). The sandbox keeps only current versions."""
    query = operation.request.query
    id_marker = element("VersionIdMarker", query.get("version-id-marker", ""))
    body = _listing(
        "ListVersionsResult",
        operation,
        "KeyMarker",
        query.get("key-marker", ""),
        _version,
        id_marker,
        next_id="NextVersionIdMarker",
    )
    return Reply(200, body, XML)


def _listing(
    root: str,
    operation: Operation,
    marker_name: str,
    marker: str,
    entry: Callable[[StoredObject, str, Bucket], Markup],
    *further_markers: Markup,
    next_id: str = "",
) -> bytes:
    bucket, query = operation.bucket, operation.request.query
    page = _page(bucket.listing_view(), query, marker)
    encoded = key_encoder(query)
    next_marker = Markup()
    if page.next_marker:
        next_marker = element(f"Next{marker_name}", encoded(page.next_marker))
    next_version = Markup()
    if page.next_marker and next_id:
        last = page.objects[-1] if page.objects else None
        is_object = last is not None and last.key == page.next_marker
        next_version = element(next_id, (last.version_id or "") if is_object and last else "")
    return document(
        element(
            root,
            element(marker_name, encoded(marker)),
            *further_markers,
            next_marker,
            next_version,
            *_common(page, bucket, query),
            *(entry(stored, encoded(stored.key), bucket) for stored in page.objects),
        )
    )


def _contents(stored: StoredObject, key: str, bucket: Bucket) -> Markup:
    return element("Contents", *_description(stored, key, bucket))


def _version(stored: StoredObject, key: str, bucket: Bucket) -> Markup:
    return element(
        "Version",
        *_description(stored, key, bucket),
        # Empty if the bucket never had versions, and null if it had them [doc 436/31551].
        element("VersionId", stored.version_id or ""),
        element("IsLatest", "true"),
    )


def key_encoder(query: Mapping[str, str]) -> Callable[[str], str]:
    """Return the encoding of keys, which may contain characters that XML does not allow.

    With `encoding-type=url` they are percent-encoded.
    """
    encoding = query.get("encoding-type")
    if encoding not in (None, "url"):
        raise CosError(400, "InvalidArgument", "encoding-type must be url")
    return (lambda key: quote(key, safe="/-_.~")) if encoding else (lambda key: key)


def count(
    query: Mapping[str, str],
    name: str,
    maximum: int | None,
    *,
    minimum: int = 0,
    default: int | None = None,
) -> int:
    """Return a number from the query. If it is absent: `default`, or else the maximum."""
    number = whole_number(query.get(name) or str(maximum if default is None else default))
    if number is None or number < minimum or (maximum is not None and number > maximum):
        raise CosError(400, "InvalidArgument", f"{name} is out of range")
    return number


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """Return the common prefix that replaces the key in the listing, or an empty string."""
    if not delimiter:
        return ""
    head, separator, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if separator else ""


@dataclass(frozen=True)
class _Page:
    """A page of entries, and the marker to continue from if there are more."""

    objects: list[StoredObject]
    folders: list[str]
    next_marker: str | None


def _page(bucket: Bucket, query: Mapping[str, str], marker: str) -> _Page:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = count(query, "max-keys", MAX_KEYS)
    objects: list[StoredObject] = []
    folders: list[str] = []
    last = ""
    for entry in _entries(bucket, prefix, marker, delimiter) if limit else ():
        if len(objects) + len(folders) == limit:
            return _Page(objects, folders, last)
        if isinstance(entry, str):
            folders.append(entry)
            last = entry
        else:
            objects.append(entry)
            last = entry.key
    return _Page(objects, folders, None)


def _entries(
    bucket: Bucket, prefix: str, marker: str, delimiter: str
) -> Iterator[StoredObject | str]:
    """Yield what comes after the marker: objects, or a common prefix in place of many objects."""
    position = marker.encode()
    if marker.startswith(prefix) and (folder := common_prefix(marker, prefix, delimiter)):
        position = _end_of(folder)
    while (key := bucket.key_after(prefix, position)) is not None:
        folder = common_prefix(key, prefix, delimiter)
        position = _end_of(folder) if folder else key.encode()
        stored = bucket.get(key)
        if stored is not None:
            yield folder or stored


def _end_of(folder: str) -> bytes:
    """Return a position after all keys in the folder: UTF-8 never contains this byte."""
    return folder.encode() + b"\xff"


def _common(page: _Page, bucket: Bucket, query: Mapping[str, str]) -> Iterator[Markup]:
    """Yield the elements that both listings have in common."""
    encoded = key_encoder(query)
    yield element("Name", bucket.name)
    if "encoding-type" in query:
        yield element("EncodingType", "url")
    yield element("Prefix", encoded(query.get("prefix", "")))
    yield element("MaxKeys", count(query, "max-keys", MAX_KEYS))
    if delimiter := query.get("delimiter"):
        yield element("Delimiter", encoded(delimiter))
    yield element("IsTruncated", "false" if page.next_marker is None else "true")
    for folder in page.folders:
        yield element("CommonPrefixes", element("Prefix", encoded(folder)))


def _description(stored: StoredObject, key: str, bucket: Bucket) -> tuple[Markup, ...]:
    return (
        element("Key", key),
        element("LastModified", iso_date(stored.last_modified).replace("Z", ".000Z")),
        element("ETag", stored.etag),
        element("Size", stored.size),
        element("Owner", element("ID", bucket.appid), element("DisplayName", bucket.appid)),
        element("StorageClass", stored.storage_class),
    )
