"""Tell a real JPEG or PNG from everything else, by its structure. Pure.

A stranger uploaded the object under a picture's key. Bytes that are not a complete picture of
reasonable dimensions never reach the browser, so they cannot attack its other parsers.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MAX_PIXELS = 64_000_000
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
# Start of frame, baseline to arithmetic: all but DHT, JPG and DAC (ITU T.81, table B.1).
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_FILL = 0xFF


class Picture(NamedTuple):
    """A picture that may be shown: its type, and its dimensions in pixels."""

    content_type: str
    width: int
    height: int


class NoPicture(NamedTuple):
    """Bytes that are not shown; `reason` is a key of the page's texts."""

    reason: str


def identify(body: bytes) -> Picture | NoPicture:
    """Return the type and dimensions of a complete JPEG or PNG."""
    if body.startswith(_JPEG_START):
        content_type, dimensions = "image/jpeg", _jpeg_dimensions(body)
    elif body.startswith(_PNG_START):
        content_type, dimensions = "image/png", _png_dimensions(body)
    else:
        return NoPicture("picture_other_type")
    if dimensions is None or 0 in dimensions:
        return NoPicture("picture_damaged")
    width, height = dimensions
    if width * height > MAX_PIXELS:
        return NoPicture("picture_too_many_pixels")
    return Picture(content_type, width, height)


def _jpeg_dimensions(body: bytes) -> tuple[int, int] | None:
    """Walk the segments up to the scan; None unless frame, scan and end of image exist."""
    dimensions: tuple[int, int] | None = None
    position = 2
    try:
        while True:
            if body[position] != 0xFF:
                return None
            marker = body[position + 1]
            if marker == _FILL:
                position += 1
                continue
            (length,) = struct.unpack_from(">H", body, position + 2)
            if length < 2:
                return None
            if marker in _FRAME_MARKERS:
                height, width = struct.unpack_from(">HH", body, position + 5)
                dimensions = width, height
            position += 2 + length
            if marker == _START_OF_SCAN:
                is_complete = body.rfind(_JPEG_END) >= position
                return dimensions if is_complete else None
    except (IndexError, struct.error):
        return None


def _png_dimensions(body: bytes) -> tuple[int, int] | None:
    """Walk all chunks with their checksums; None unless it is IHDR … IDAT … IEND."""
    dimensions: tuple[int, int] | None = None
    has_data = False
    position = len(_PNG_START)
    try:
        while True:
            length, kind = struct.unpack_from(">I4s", body, position)
            content = body[position + 8 : position + 8 + length]
            (checksum,) = struct.unpack_from(">I", body, position + 8 + length)
            if zlib.crc32(kind + content) != checksum:
                return None
            if dimensions is None:
                if kind != b"IHDR" or length != 13:
                    return None
                dimensions = struct.unpack_from(">II", content)
            has_data = has_data or kind == b"IDAT"
            position += 12 + length
            if kind == b"IEND":
                return dimensions if has_data else None
    except struct.error:
        return None
