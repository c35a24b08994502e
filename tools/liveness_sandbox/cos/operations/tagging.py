"""Tags of an object: `?tagging` (436/35709), and `x-cos-tagging` of an upload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from ...wire import Reply
from .. import request_body
from ..errors import CosError
from ..markup import document, element
from .operation import XML, Operation

MAX_TAGS = 10
MAX_KEY_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 256

HEADER = "x-cos-tagging"
DIRECTIVE = "x-cos-tagging-directive"


def from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Parse the header: `name=value&name=value`, percent-encoded."""
    return _checked(parse_qsl(headers.get(HEADER, ""), keep_blank_values=True))


class TaggingOperations:
    async def put(self, operation: Operation) -> Reply:
        stored = operation.stored()
        tree = await request_body.read(operation.request, "Tagging")
        tags = _checked(
            (tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in tree.iter("Tag")
        )
        operation.bucket.update_attributes(stored, tags=tags)
        return Reply(200)

    async def get(self, operation: Operation) -> Reply:
        tags = (
            element("Tag", element("Key", name), element("Value", value))
            for name, value in operation.stored().tags.items()
        )
        return Reply(200, document(element("Tagging", element("TagSet", *tags))), XML)

    async def delete(self, operation: Operation) -> Reply:
        operation.bucket.update_attributes(operation.stored(), tags={})
        return Reply(204)


def _checked(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    listed = list(pairs)
    tags = dict(listed)
    if len(listed) > MAX_TAGS:
        raise CosError(400, "BadRequest", f"An object has at most {MAX_TAGS} tags")
    if len(tags) < len(listed):
        raise CosError(400, "InvalidTag", "Two tags have the same key")
    for name, value in listed:
        if not 1 <= len(name) <= MAX_KEY_CHARACTERS or len(value) > MAX_VALUE_CHARACTERS:
            raise CosError(400, "InvalidTag", "The length of a tag's key or value is not allowed")
    return tags
