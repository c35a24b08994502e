"""Best frames: real JPEGs, a different one for each pair, made without an image library."""

from __future__ import annotations

import base64
import struct

_START = b"\xff\xd8"
_COMMENT = b"\xff\xfe"
_MAX_SEGMENT_BYTES = 65_533

# Eight by eight grey pixels, for references that are not a JPEG.
_GREY = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1x"
    "eXBkeFxlZ2P/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)


def best_frame(shown: bytes, live_md5: str) -> bytes:
    """Return this JPEG, or a grey one, with a comment segment that names the package."""
    picture = shown if shown.startswith(_START + b"\xff") else _GREY
    return _with_comment(picture, f"sandbox best frame of {live_md5}".encode())


def enlarged(frame: bytes, size: int) -> bytes:
    """Enlarge a JPEG to at least this size with comment segments; it stays valid."""
    segment = _segment(bytes(_MAX_SEGMENT_BYTES))
    count = -(-(size - len(frame)) // len(segment))
    return _START + segment * count + frame[len(_START) :]


def _with_comment(picture: bytes, text: bytes) -> bytes:
    return _START + _segment(text) + picture[len(_START) :]


def _segment(text: bytes) -> bytes:
    # The length counts its own two bytes (ITU T.81, B.1.1.4).
    return _COMMENT + struct.pack(">H", len(text) + 2) + text
