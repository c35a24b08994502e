"""Ask CAM whether the signer of a request may make it, under the names that COS documents.

Actions and resources are in 436/30580, condition keys in 436/46205.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ..cam.policy import AccessRequest
from ..credentials import Principal
from ..wire import WireRequest
from .errors import CosError

INSECURE = "x-sandbox-transport"
"""The header with which a client says that its request stands for one over `http`. The sandbox has
no TLS, and its http takes the place of https, so any other request counts as secure."""

_PARAMETERS = {
    "prefix": "cos:prefix",
    "versionId": "cos:versionid",
    "response-content-type": "cos:response-content-type",
}
_LENGTH = "content-length"


def require(
    principal: Principal,
    actions: tuple[str, ...],
    resource: str,
    request: WireRequest,
    fields: Mapping[str, str] | None = None,
) -> None:
    """Raise CosError unless one of the actions is allowed.

    `fields` are those of a form; they replace all headers except the length.
    """
    if not may(principal, actions, resource, request, fields):
        raise CosError(403, "AccessDenied", "Access Denied.")


def may(
    principal: Principal,
    actions: tuple[str, ...],
    resource: str,
    request: WireRequest,
    fields: Mapping[str, str] | None = None,
) -> bool:
    if not principal.limits:  # the owner; skips the work for most requests
        return True
    context = _context(request, fields)
    return any(
        principal.may(AccessRequest(f"cos:{action}", resource, context)) for action in actions
    )


def resource_of(region: str, bucket: str, key: str = "") -> str:
    """Name an object, or, without a key, a bucket."""
    return f"qcs::cos:{region}:uid/{bucket.rpartition('-')[2]}:{bucket}/{key}"


def _context(request: WireRequest, fields: Mapping[str, str] | None) -> dict[str, str]:
    headers: Mapping[str, str] = request.headers
    if fields is not None:
        of_request = {name: headers[name] for name in (_LENGTH, INSECURE) if name in headers}
        headers = {**{name: fields[name] for name in fields if name != _LENGTH}, **of_request}
    context = {
        f"cos:{name}": value
        for name, value in headers.items()
        if name in (_LENGTH, "content-type") or name.startswith("x-cos-")
    }
    for name, key in _PARAMETERS.items():
        if name in request.query:
            # Policies contain parameter values in encoded form.
            context[key] = quote(request.query[name], safe="")
    context["cos:secure-transport"] = "false" if headers.get(INSECURE) == "http" else "true"
    context["qcs:ip"] = request.source_ip
    return context
