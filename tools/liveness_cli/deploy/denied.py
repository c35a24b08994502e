"""Which permission a refused request lacked. Pure."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from liveness.errors import ConfigurationError

from ..account.errors import RequestRefused
from ..permissions.language import key, owned
from .manifest import Manifest

_NOT_ALLOWED = ("AuthFailure.Unauthorized", "UnauthorizedOperation", "AccessDenied")
# How the function's client of COS words a refusal; the reply to a HEAD has no code.
_REFUSED = re.compile(
    r"COS (?P<verb>create-only PUT|GET Bucket|[A-Z]+) (?P<key>.+) in (?P<bucket>'[^']+'): 403"
    r"(?: AccessDenied)?: "
)
_ACTIONS = {
    "GET Bucket": "GetBucket",
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "create-only PUT": "PutObject",
    "DELETE": "DeleteObject",
}


class Permission(NamedTuple):
    """An action on a resource, as CAM names them."""

    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def is_denial(error: Exception) -> bool:
    """Whether the request was refused for lack of permission."""
    return isinstance(error, RequestRefused) and error.code.startswith(_NOT_ALLOWED)


def denied_permission(error: Exception, manifest: Manifest) -> Permission | None:
    """Return the permission that a refused request to COS or SCF needs; None for other errors."""
    region = manifest.region
    if isinstance(error, RequestRefused) and is_denial(error):
        function = owned("scf", region, "", f"namespace/default/function/{manifest.name}")
        return Permission(f"scf:{error.request}", function)
    found = _REFUSED.match(str(error)) if isinstance(error, ConfigurationError) else None
    if found is None:
        return None
    bucket = ast.literal_eval(found["bucket"])
    # An action on a bucket is allowed for all of its keys or for none.
    name = "*" if found["verb"] == "GET Bucket" else ast.literal_eval(found["key"])
    return Permission(f"name/cos:{_ACTIONS[found['verb']]}", key(region, bucket, name))
