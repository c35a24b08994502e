"""List Multipart Uploads (436/7736), and List Parts (436/7747)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from ...clock import iso_date
from ..markup import Markup, document, element
from ..multipart_uploads import MultipartUpload, Part
from ..store import Bucket
from .listing import common_prefix, count, key_encoder

MAX_UPLOADS = 1000
MAX_PARTS_LISTED = 1000


def upload_list(
    bucket: Bucket, uploads: Iterable[MultipartUpload], query: Mapping[str, str]
) -> bytes:
    """List uploads; `uploads` are all those of the bucket, in order."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker", "")
    limit = count(query, "max-uploads", MAX_UPLOADS, minimum=1)
    encoded = key_encoder(query)
    listed: list[Markup] = []
    next_markers: list[Markup] = []
    folders: list[str] = []
    last = (key_marker, id_marker)
    for upload in uploads:
        if not upload.key.startswith(prefix) or not _is_after(upload, key_marker, id_marker):
            continue
        folder = common_prefix(upload.key, prefix, delimiter)
        if folder and (key_marker.startswith(folder) or folder in folders[-1:]):
            continue
        if len(listed) + len(folders) >= limit:
            next_markers = [
                element("NextKeyMarker", encoded(last[0])),
                element("NextUploadIdMarker", last[1]),
            ]
            break
        if folder:
            folders.append(folder)
        else:
            listed.append(_upload(upload, bucket, encoded(upload.key)))
        last = (folder, "") if folder else (upload.key, upload.upload_id)
    return document(
        element(
            "ListMultipartUploadsResult",
            element("Bucket", bucket.name),
            _encoding_type(query),
            element("KeyMarker", encoded(key_marker)),
            element("UploadIdMarker", id_marker),
            element("MaxUploads", limit),
            element("Prefix", encoded(prefix)),
            element("Delimiter", encoded(delimiter)) if delimiter else Markup(),
            element("IsTruncated", "true" if next_markers else "false"),
            *next_markers,
            *listed,
            *(element("CommonPrefixes", element("Prefix", encoded(folder))) for folder in folders),
        )
    )


def part_list(upload: MultipartUpload, bucket: Bucket, query: Mapping[str, str]) -> bytes:
    limit = count(query, "max-parts", MAX_PARTS_LISTED, minimum=1)
    marker = count(query, "part-number-marker", None, default=0)
    parts = [(number, part) for number, part in sorted(upload.parts.items()) if number > marker]
    page = list(islice(parts, limit))
    truncated = len(page) < len(parts)
    owner = _owner(bucket)
    return document(
        element(
            "ListPartsResult",
            element("Bucket", upload.bucket),
            _encoding_type(query),
            element("Key", key_encoder(query)(upload.key)),
            element("UploadId", upload.upload_id),
            element("Initiator", *owner),
            element("Owner", *owner),
            element("StorageClass", upload.attributes.storage_class),
            element("PartNumberMarker", marker),
            element("NextPartNumberMarker", page[-1][0]) if truncated else Markup(),
            element("MaxParts", limit),
            element("IsTruncated", "true" if truncated else "false"),
            *(_part(number, part) for number, part in page),
        )
    )


def _is_after(upload: MultipartUpload, key_marker: str, id_marker: str) -> bool:
    key, marker = upload.key.encode(), key_marker.encode()
    return key > marker or (key == marker and bool(id_marker) and upload.upload_id > id_marker)


def _upload(upload: MultipartUpload, bucket: Bucket, key: str) -> Markup:
    owner = _owner(bucket)
    return element(
        "Upload",
        element("Key", key),
        element("UploadId", upload.upload_id),
        element("StorageClass", upload.attributes.storage_class),
        element("Initiator", *owner),
        element("Owner", *owner),
        element("Initiated", iso_date(upload.initiated)),
    )


def _part(number: int, part: Part) -> Markup:
    return element(
        "Part",
        element("PartNumber", number),
        element("LastModified", iso_date(part.uploaded)),
        element("ETag", part.etag),
        element("Size", part.blob.size),
    )


def _owner(bucket: Bucket) -> tuple[Markup, Markup]:
    return element("ID", bucket.appid), element("DisplayName", bucket.appid)


def _encoding_type(query: Mapping[str, str]) -> Markup:
    return element("EncodingType", "url") if "encoding-type" in query else Markup()
