"""What is a picture: complete JPEGs and PNGs of sane dimensions, and nothing else."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness_review.pictures import NoPicture, Picture, identify
from tests.conftest import JPEG
from tests.page.conftest import picture

PNG = picture("PNG")


def png_of(width: int, height: int) -> bytes:
    """Make a PNG that claims these dimensions."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_real_pictures() -> None:
    assert identify(JPEG) == Picture("image/jpeg", 512, 640)
    assert identify(PNG) == Picture("image/png", 32, 40)
    assert identify(picture("JPEG")) == Picture("image/jpeg", 32, 40)
    assert identify(JPEG + b"padding that some cameras add") == Picture("image/jpeg", 512, 640)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7",
        picture("GIF"),
        picture("WEBP"),
        picture("BMP"),
    ],
)
def test_anything_else(body: bytes) -> None:
    assert identify(body) == NoPicture("picture_other_type")


@pytest.mark.parametrize(
    "body",
    [
        JPEG[:3],
        JPEG[: len(JPEG) // 2],
        JPEG[:-2],
        b"\xff\xd8\xff<script>alert(1)</script>",
        b"\xff\xd8\xff\xd9",
        PNG[:8],
        PNG[: len(PNG) // 2],
        PNG[:-1],
        PNG.replace(b"IDAT", b"IDAS"),
        PNG[:8] + b"<script>alert(1)</script>" * 3,
        png_of(0, 10),
    ],
)
def test_damaged_pictures(body: bytes) -> None:
    assert identify(body) == NoPicture("picture_damaged")


def test_a_decompression_bomb() -> None:
    assert identify(png_of(60_000, 60_000)) == NoPicture("picture_too_many_pixels")


@given(st.sampled_from([b"", JPEG[:200], JPEG[:2], PNG[:8], PNG[:40]]), st.binary(max_size=300))
def test_no_bytes_raise(start: bytes, rest: bytes) -> None:
    identify(start + rest)
