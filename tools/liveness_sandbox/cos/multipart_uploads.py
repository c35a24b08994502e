"""Multipart uploads in progress (436/14112): the state between their requests."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from xml.etree import ElementTree

from ..blobs import Blob
from ..numerals import whole_number
from . import request_body
from .attributes import Attributes
from .errors import CosError
from .store import Bucket

MIN_PART_BYTES = 1024 * 1024
MAX_PARTS = 10000


@dataclass(frozen=True)
class Part:
    blob: Blob
    uploaded: datetime

    @property
    def etag(self) -> str:
        return f'"{self.blob.md5}"'


@dataclass
class MultipartUpload:
    bucket: str
    key: str
    attributes: Attributes
    create_only: bool
    initiated: datetime
    upload_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    parts: dict[int, Part] = field(default_factory=dict)

    def add(self, number: int, part: Part) -> None:
        """Add a part, which replaces an earlier one of the same number."""
        replaced = self.parts.get(number)
        self.parts[number] = part
        if replaced is not None:
            replaced.blob.release()

    def assemble(self, request: ElementTree.Element) -> list[Blob]:
        """Check the parts that the body of Complete lists, and return their bytes."""
        listed = _listed_parts(request)
        if not listed:
            raise request_body.malformed("No part is listed")
        if [number for number, _ in listed] != sorted({number for number, _ in listed}):
            raise CosError(400, "InvalidPartOrder", "The parts are not in ascending order")
        for number, etag in listed:
            if number not in self.parts or self.parts[number].blob.md5 != etag:
                raise CosError(
                    400, "InvalidPart", f"Part {number} was not uploaded, or has another ETag"
                )
        blobs = [self.parts[number].blob for number, _ in listed]
        if any(blob.size < MIN_PART_BYTES for blob in blobs[:-1]):
            raise CosError(400, "EntityTooSmall", "Every part but the last must have at least 1 MB")
        return blobs


class MultipartUploads:
    """The uploads that are neither completed nor aborted. They do not outlive the sandbox."""

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
        for part in upload.parts.values():
            part.blob.release()

    def of(self, bucket: Bucket) -> list[MultipartUpload]:
        """Return the uploads of one bucket, by key in UTF-8 order, then by upload id."""
        uploads = (upload for upload in self._uploads.values() if upload.bucket == bucket.name)
        return sorted(uploads, key=lambda upload: (upload.key.encode(), upload.upload_id))


def part_number(text: str) -> int:
    number = whole_number(text)
    if number is None or not 1 <= number <= MAX_PARTS:
        raise CosError(400, "InvalidArgument", f"partNumber must be between 1 and {MAX_PARTS}")
    return number


def _listed_parts(request: ElementTree.Element) -> list[tuple[int, str]]:
    try:
        return [
            (
                int(part.findtext("PartNumber", "")),
                re.sub(r'^"|"$', "", part.findtext("ETag", "").strip()),
            )
            for part in request.iter("Part")
        ]
    except ValueError:
        raise request_body.malformed("A part number is not a number") from None
