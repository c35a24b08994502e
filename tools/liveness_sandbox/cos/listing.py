"""GET Bucket (list), version 1 (436/7734)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ..clock import iso_date
from .errors import CosError
from .markup import Markup, document, element
from .store import Bucket, StoredObject

MOST_KEYS = 1000


def list_objects(bucket: Bucket, query: Mapping[str, str]) -> bytes:
    prefix, marker, delimiter = (query.get(name, "") for name in ("prefix", "marker", "delimiter"))
    max_keys = _max_keys(query.get("max-keys", str(MOST_KEYS)))
    objects: list[StoredObject] = []
    folders: list[str] = []
    next_marker = ""
    truncated = False
    for key in bucket.keys_from(prefix, after=marker):
        stored = bucket.get(key)
        folder = _folder(key, prefix, delimiter)
        if stored is None or (folder and (marker.startswith(folder) or folder in folders[-1:])):
            continue
        if len(objects) + len(folders) >= max_keys:
            truncated = True
            break
        if folder:
            folders.append(folder)
        else:
            objects.append(stored)
        next_marker = folder or key

    def name(text: str) -> str:
        return quote(text, safe="/-_.~") if query.get("encoding-type") == "url" else text

    return document(
        element(
            "ListBucketResult",
            element("Name", bucket.name),
            element("EncodingType", "url") if query.get("encoding-type") == "url" else Markup(),
            element("Prefix", name(prefix)),
            element("Marker", name(marker)),
            element("MaxKeys", max_keys),
            element("Delimiter", name(delimiter)) if delimiter else Markup(),
            element("IsTruncated", "true" if truncated else "false"),
            element("NextMarker", name(next_marker)) if truncated else Markup(),
            *(_contents(stored, name(stored.key), bucket) for stored in objects),
            *(element("CommonPrefixes", element("Prefix", name(folder))) for folder in folders),
        )
    )


def _contents(stored: StoredObject, name: str, bucket: Bucket) -> Markup:
    return element(
        "Contents",
        element("Key", name),
        element("LastModified", iso_date(stored.last_modified).replace("Z", ".000Z")),
        element("ETag", stored.etag),
        element("Size", stored.size),
        element("Owner", element("ID", bucket.appid), element("DisplayName", bucket.appid)),
        element("StorageClass", stored.storage_class),
    )


def _folder(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that stands for the key, or nothing."""
    if not delimiter:
        return ""
    head, found, _ = key[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if found else ""


def _max_keys(text: str) -> int:
    if not text.isdigit() or int(text) > MOST_KEYS:
        raise CosError(400, "InvalidArgument", f"max-keys must be between 0 and {MOST_KEYS}")
    return int(text)
