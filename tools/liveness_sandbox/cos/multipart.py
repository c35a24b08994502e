"""Multipart uploads in progress (436/14112): initiate, parts, complete, abort, and their lists."""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from ..blobs import Blob
from ..clock import iso_date
from .errors import CosError
from .markup import Markup, document, element
from .store import Bucket
from .upload import Attributes

SMALLEST_PART_BYTES = 1024 * 1024


@dataclass
class MultipartUpload:
    bucket: str
    key: str
    described: Attributes
    create_only: bool
    initiated: datetime
    upload_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    parts: dict[int, Blob] = field(default_factory=dict)

    def add(self, number: str, blob: Blob) -> None:
        if not number.isdigit() or not 1 <= int(number) <= 10000:
            raise CosError(400, "InvalidArgument", "partNumber must be between 1 and 10000")
        self.parts[int(number)] = blob

    def assemble(self, order: bytes) -> list[Blob]:
        """The parts that the body of Complete names, checked."""
        named = _named_parts(order)
        if not named:
            raise CosError(400, "MalformedXML", "No part is named")
        if [number for number, _ in named] != sorted({number for number, _ in named}):
            raise CosError(400, "InvalidPartOrder", "The parts are not in ascending order")
        for number, etag in named:
            if number not in self.parts or self.parts[number].md5 != etag:
                raise CosError(
                    400, "InvalidPart", f"Part {number} was not uploaded, or has another ETag"
                )
        if any(self.parts[number].size < SMALLEST_PART_BYTES for number, _ in named[:-1]):
            raise CosError(400, "EntityTooSmall", "Every part but the last has at least 1 MB")
        return [self.parts[number] for number, _ in named]


class MultipartUploads:
    """All uploads that are neither completed nor aborted. None outlives the sandbox."""

    def __init__(self) -> None:
        self._uploads: dict[str, MultipartUpload] = {}

    def add(self, upload: MultipartUpload) -> None:
        self._uploads[upload.upload_id] = upload

    def find(self, bucket: Bucket, key: str, upload_id: str) -> MultipartUpload:
        upload = self._uploads.get(upload_id)
        if upload is None or (upload.bucket, upload.key) != (bucket.name, key):
            raise CosError(404, "NoSuchUpload", "The specified multipart upload does not exist")
        return upload

    def remove(self, upload: MultipartUpload) -> None:
        self._uploads.pop(upload.upload_id, None)
        for blob in upload.parts.values():
            blob.release()

    def list(self, bucket: Bucket, prefix: str) -> bytes:
        return document(
            element(
                "ListMultipartUploadsResult",
                element("Bucket", bucket.name),
                element("EncodingType", "url"),
                element("Prefix", quote(prefix)),
                element("MaxUploads", 1000),
                element("IsTruncated", "false"),
                *(
                    element(
                        "Upload",
                        element("Key", quote(upload.key)),
                        element("UploadId", upload.upload_id),
                        element("StorageClass", upload.described.storage_class),
                        element("Initiated", iso_date(upload.initiated)),
                    )
                    for upload in self._uploads.values()
                    if upload.bucket == bucket.name and upload.key.startswith(prefix)
                ),
            )
        )


def initiated(upload: MultipartUpload) -> bytes:
    return document(
        element(
            "InitiateMultipartUploadResult",
            element("Bucket", upload.bucket),
            element("Key", upload.key),
            element("UploadId", upload.upload_id),
        )
    )


def part_list(upload: MultipartUpload, after: str) -> bytes:
    marker = int(after) if after.isdigit() else 0
    return document(
        element(
            "ListPartsResult",
            element("Bucket", upload.bucket),
            element("EncodingType", "url"),
            element("Key", quote(upload.key)),
            element("UploadId", upload.upload_id),
            element("PartNumberMarker", marker),
            element("MaxParts", 1000),
            element("IsTruncated", "false"),
            *(
                _part(number, blob, upload)
                for number, blob in sorted(upload.parts.items())
                if number > marker
            ),
        )
    )


def _part(number: int, blob: Blob, upload: MultipartUpload) -> Markup:
    return element(
        "Part",
        element("PartNumber", number),
        element("LastModified", iso_date(upload.initiated)),
        element("ETag", f'"{blob.md5}"'),
        element("Size", blob.size),
    )


def _named_parts(order: bytes) -> list[tuple[int, str]]:
    try:
        root = ElementTree.fromstring(order)
        return [
            (
                int(part.findtext("PartNumber", "")),
                re.sub(r'^"|"$', "", part.findtext("ETag", "").strip()),
            )
            for part in root.iter("Part")
        ]
    except (ElementTree.ParseError, ValueError):
        raise CosError(400, "MalformedXML", "The body is no list of parts") from None
