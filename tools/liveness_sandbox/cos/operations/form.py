"""The form of POST Object, whose last field is the file."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    try:
        return await _read_parts(request, blobs)
    except (ValueError, AssertionError):  # the parser's: no boundary, no UTF-8, not a form
        raise _malformed_form() from None


async def _read_parts(request: WireRequest, blobs: BlobStore) -> PostedForm:
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
    raise _malformed_form()


@dataclass(frozen=True)
class Policy:
    """The policy that a form signs: its text, and the conditions for the form (436/14690)."""

    raw: bytes
    conditions: list[Any]

    def require_met(self, form: PostedForm, bucket: str) -> None:
        """Raise CosError unless the form meets the conditions."""
        # The policy calls the period q-sign-time, the form q-key-time.
        period = form.fields.get("q-key-time", "")
        known = {**form.fields, "key": form.key, "bucket": bucket, "q-sign-time": period}
        for condition in self.conditions:
            match condition:
                case ["content-length-range", int() as least, int() as most]:
                    _require_size(form.blob.size, least, most)
                case ["starts-with", str() as name, str() as start] if name.startswith("$"):
                    _require(name[1:], known.get(name[1:].lower(), "").startswith(start))
                case ["eq", str() as name, str() as value] if name.startswith("$"):
                    _require(name[1:], known.get(name[1:].lower()) == value)
                case dict():
                    for name, value in condition.items():
                        _require(name, known.get(name.lower()) == value)
                case _:
                    raise _malformed()


def policy(fields: Mapping[str, str], clock: Clock) -> Policy:
    """Return the policy that the form signs, if it has not expired."""
    try:
        raw = base64.b64decode(fields.get("policy", ""), validate=True)
        document = json.loads(raw)
        expiration = datetime.fromisoformat(document["expiration"].replace("Z", "+00:00"))
        conditions = document["conditions"]
        expired = expiration <= clock.now()
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise _malformed() from None
    if not isinstance(conditions, list):
        raise _malformed()
    if expired:
        raise CosError(403, "AccessDenied", "Policy has expired")
    return Policy(raw, conditions)


def _require(name: str, is_met: bool) -> None:
    if not is_met:
        raise CosError(403, "AccessDenied", f"Condition key {name} doesn't match the value")


def _require_size(size: int, least: int, most: int) -> None:
    """436/39963."""
    if not least <= size <= most:
        code = "EntityTooSmall" if size < least else "EntityTooLarge"
        raise CosError(400, code, "Condition key content-length-range doesn't match the value")


def _malformed_form() -> CosError:
    return CosError(
        400, "MalformedPOSTRequest", "The form needs a key, and a file as its last field"
    )


def _malformed() -> CosError:
    return CosError(403, "AccessDenied", "The policy of the form is malformed")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        yield chunk
