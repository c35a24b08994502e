"""GET Bucket (List Objects), version 1 (436/7734), and the list of versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ...clock import iso_date
from ...wire import Reply
from ..errors import CosError
from ..markup import Markup, document, element
from ..store import Bucket, StoredObject
from .operation import XML, Operation

MAX_KEYS = 1000


async def list_objects(operation: Operation) -> Reply:
    bucket, query = operation.bucket, operation.request.query
    marker = query.get("marker", "")
    page = _page(bucket.listed(), query, marker)
    encoded = key_encoder(query)
    body = document(
        element(
            "ListBucketResult",
            element("Marker", encoded(marker)),
            element("NextMarker", encoded(page.next_marker)) if page.next_marker else Markup(),
            *_common(page, bucket, query),
            *(
                element("Contents", *_described(stored, encoded(stored.key), bucket))
                for stored in page.objects
            ),
        )
    )
    return Reply(200, body, {**XML, "x-cos-bucket-region": bucket.region})


async def list_versions(operation: Operation) -> Reply:
    """GET Bucket Object versions (436/31551), of which the sandbox keeps the current ones."""
    bucket, query = operation.bucket, operation.request.query
    marker = query.get("key-marker", "")
    page = _page(bucket.listed(), query, marker)
    encoded = key_encoder(query)
    body = document(
        element(
            "ListVersionsResult",
            element("KeyMarker", encoded(marker)),
            element("VersionIdMarker", query.get("version-id-marker", "")),
            element("NextKeyMarker", encoded(page.next_marker)) if page.next_marker else Markup(),
            *_common(page, bucket, query),
            *(
                element(
                    "Version",
                    *_described(stored, encoded(stored.key), bucket),
                    element("VersionId", stored.version),
                    element("IsLatest", "true"),
                )
                for stored in page.objects
            ),
        )
    )
    return Reply(200, body, XML)


def key_encoder(query: Mapping[str, str]) -> Callable[[str], str]:
    """Names of keys may hold what XML cannot: `encoding-type=url` has them percent-encoded."""
    wanted = query.get("encoding-type")
    if wanted not in (None, "url"):
        raise CosError(400, "InvalidArgument", "encoding-type must be url")
    return (lambda key: quote(key, safe="/-_.~")) if wanted else (lambda key: key)


def count(
    query: Mapping[str, str],
    name: str,
    most: int | None,
    *,
    least: int = 0,
    default: int | None = None,
) -> int:
    """A number in the query. Where there is none, `default`, else the most that there may be."""
    text = query.get(name) or str(most if default is None else default)
    if not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
        raise CosError(400, "InvalidArgument", f"{name} is not in the range it must be in")
    return int(text)


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """What stands for the key, and for all others that share it; or nothing."""
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if found else ""


@dataclass(frozen=True)
class _Page:
    """Some entries, and the marker to go on from if there are more."""

    objects: list[StoredObject]
    folders: list[str]
    next_marker: str | None


def _page(bucket: Bucket, query: Mapping[str, str], marker: str) -> _Page:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    most = count(query, "max-keys", MAX_KEYS)
    objects: list[StoredObject] = []
    folders: list[str] = []
    last = ""
    for entry in _entries(bucket, prefix, marker, delimiter) if most else ():
        if len(objects) + len(folders) == most:
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
    """What comes after the marker: objects, and once in place of many their common prefix."""
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
    """After every key in it: no UTF-8 has this byte."""
    return folder.encode() + b"\xff"


def _common(page: _Page, bucket: Bucket, query: Mapping[str, str]) -> Iterator[Markup]:
    """What both lists tell alike."""
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


def _described(stored: StoredObject, key: str, bucket: Bucket) -> tuple[Markup, ...]:
    return (
        element("Key", key),
        element("LastModified", iso_date(stored.last_modified).replace("Z", ".000Z")),
        element("ETag", stored.etag),
        element("Size", stored.size),
        element("Owner", element("ID", bucket.appid), element("DisplayName", bucket.appid)),
        element("StorageClass", stored.storage_class),
    )
