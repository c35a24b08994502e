"""What all actions of API 3.0 share: the headers that name them, and the body."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from ..wire import Reply, WireRequest
from .errors import ApiError

# "Signature v3", the document of API 3.0.
_MAX_QUERY_BYTES = 32 * 1024
_MAX_BODY_BYTES = 10 * 1024 * 1024


async def read_body(request: WireRequest) -> bytes:
    """Read the body. Raise ApiError if the request is too large, or not a request to an API."""
    if request.method not in ("GET", "POST"):
        raise ApiError("UnsupportedProtocol", "Only GET and POST requests are supported.")
    body = bytearray()
    async for chunk in request.chunks():
        # Read to the end, however long: a client that is still sending could miss the reply.
        if len(body) <= _MAX_BODY_BYTES:
            body += chunk
    if len(body) > _MAX_BODY_BYTES or len(request.raw_query) > _MAX_QUERY_BYTES:
        raise ApiError("RequestSizeLimitExceeded", "The request size exceeds the upper limit.")
    return bytes(body)


def action_of(request: WireRequest, version: str, actions: Collection[str]) -> str:
    """Return the action that the headers name. Raise ApiError if the version does not have it."""
    action, requested = (header(request, name) for name in ("Action", "Version"))
    if requested != version:
        raise ApiError("NoSuchVersion", f"The API version `{requested}` does not exist.")
    if action not in actions:
        raise ApiError(
            "InvalidAction",
            f"The API action `{action}` does not exist, or the sandbox does not implement it.",
        )
    return action


def region_of(request: WireRequest, regions: Collection[str]) -> str:
    region = header(request, "Region")
    if region not in regions:
        raise ApiError(
            "UnsupportedRegion", f"The region `{region}` is not supported by the action."
        )
    return region


def header(request: WireRequest, name: str) -> str:
    """Return a required common parameter, the header X-TC-<name>."""
    value = request.headers.get(f"x-tc-{name.lower()}", "")
    if not value:
        raise ApiError("MissingParameter", f"The request is missing a required parameter `{name}`.")
    return value


def json_object(request: WireRequest, body: bytes) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ApiError("UnsupportedProtocol", "The sandbox implements only application/json.")
    try:
        params = json.loads(body)
    except (ValueError, RecursionError):
        params = None
    if not isinstance(params, dict):
        raise ApiError("InvalidParameter", "The body is not a JSON object.")
    if has_surrogate(params):
        raise ApiError("InvalidParameter", "The body has half of a surrogate pair.")
    return params


def require_known(params: Collection[str], known: Collection[str]) -> None:
    for name in params:
        if name not in known:
            raise ApiError("UnknownParameter", f"The parameter `{name}` is not recognized.")


def has_surrogate(document: Any) -> bool:
    """Return whether a document has an escape such as \\ud800 alone, which is not a character."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def success(response: Mapping[str, Any], request_id: str) -> Reply:
    body = json.dumps({"Response": {**response, "RequestId": request_id}}).encode()
    return Reply(200, body, {"Content-Type": "application/json"})
