"""The XML body of a request, checked as COS checks it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from xml.etree import ElementTree

from ..wire import WireRequest
from .errors import CosError
from .markup import parsed


async def read(request: WireRequest, root: str) -> ElementTree.Element:
    body = await request.read()
    expected = content_md5(request)
    if expected is not None and hashlib.md5(body).hexdigest() != expected:
        raise bad_digest()
    tree = parsed(body, root)
    if tree is None:
        raise malformed(f"The body is not a {root}")
    return tree


def content_md5(request: WireRequest) -> str | None:
    """Return the MD5 that the body must have (RFC 1864), in hexadecimal digits."""
    header = request.headers.get("content-md5")
    if header is None:
        return None
    try:
        digest = base64.b64decode(header, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 16:
        raise CosError(400, "InvalidDigest", "The Content-MD5 you specified is not valid")
    return digest.hex()


def bad_digest() -> CosError:
    return CosError(
        400, "BadDigest", "The Content-MD5 you specified did not match what we received"
    )


def malformed(message: str) -> CosError:
    return CosError(400, "MalformedXML", message)
