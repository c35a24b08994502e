"""What every action of API 3.0 has in common: the headers it is named in, and its body."""

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
    """Raises ApiError for what cannot be a request of an API, or is too long."""
    if request.method not in ("GET", "POST"):
        raise ApiError("UnsupportedProtocol", "Only GET and POST requests are supported.")
    body = bytearray()
    async for chunk in request.chunks():
        # Taken in to its end, however long: who is still sending could miss the answer.
        if len(body) <= _MAX_BODY_BYTES:
            body += chunk
    if len(body) > _MAX_BODY_BYTES or len(request.raw_query) > _MAX_QUERY_BYTES:
        raise ApiError("RequestSizeLimitExceeded", "The request size exceeds the upper limit.")
    return bytes(body)


def action_of(request: WireRequest, version: str, actions: Collection[str]) -> str:
    """The action that the headers name, if there is one of that name in that version."""
    action, asked = (header(request, name) for name in ("Action", "Version"))
    if asked != version:
        raise ApiError("NoSuchVersion", f"The API version `{asked}` does not exist.")
    if action not in actions:
        raise ApiError(
            "InvalidAction",
            f"The API action `{action}` does not exist, or the sandbox does not play it.",
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
    """A common parameter, which must be there: X-TC-<name>."""
    value = request.headers.get(f"x-tc-{name.lower()}", "")
    if not value:
        raise ApiError("MissingParameter", f"The request is missing a required parameter `{name}`.")
    return value


def json_object(request: WireRequest, body: bytes) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ApiError("UnsupportedProtocol", "The sandbox plays application/json only.")
    try:
        params = json.loads(body)
    except (ValueError, RecursionError):
        params = None
    if not isinstance(params, dict):
        raise ApiError("InvalidParameter", "The body is no JSON object.")
    return params


def require_known(params: Collection[str], known: Collection[str]) -> None:
    for name in params:
        if name not in known:
            raise ApiError("UnknownParameter", f"The parameter `{name}` is not recognized.")


def success(response: Mapping[str, Any], request_id: str) -> Reply:
    body = json.dumps({"Response": {**response, "RequestId": request_id}}).encode()
    return Reply(200, body, {"Content-Type": "application/json"})
