"""The form of POST Object, whose last field is the file."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import BodyPartReader

from ...blobs import Blob, BlobStore
from ...clock import Clock
from ...wire import CHUNK_BYTES, WireRequest
from ..errors import CosError


@dataclass(frozen=True)
class PostedForm:
    fields: Mapping[str, str]
    """Keyed by lower-case name."""
    key: str
    blob: Blob


async def read(request: WireRequest, blobs: BlobStore) -> PostedForm:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise CosError(405, "MethodNotAllowed", "A POST on a bucket must be a form")
    fields: dict[str, str] = {}
    form = request.form()
    while (part := await form.next()) is not None:
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "file":
            blob = await blobs.receive(_chunks(part))
            request.bytes_in += blob.size
            key = fields.get("key", "").replace("${filename}", part.filename or "")
            if not key:
                break
            return PostedForm(fields, key, blob)
        fields[(part.name or "").lower()] = await part.text()
    raise CosError(
        400, "MalformedPOSTRequest", "The form needs a key, and a file as its last field"
    )


def policy(fields: Mapping[str, str], clock: Clock) -> bytes:
    """Return the policy that the form signs, if it has not expired. Its conditions are ignored."""
    try:
        raw = base64.b64decode(fields.get("policy", ""), validate=True)
        expiration = datetime.fromisoformat(json.loads(raw)["expiration"].replace("Z", "+00:00"))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise CosError(403, "AccessDenied", "The policy of the form is malformed") from None
    if expiration <= clock.now():
        raise CosError(403, "AccessDenied", "Policy has expired")
    return raw


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        yield chunk
