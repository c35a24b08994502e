"""Ask CAM whether the signer of a request to API 3.0 may make it."""

from __future__ import annotations

from ..cam.policy import AccessRequest
from ..credentials import Principal
from .errors import ApiError


def require(caller: Principal, action: str, resource: str, source_ip: str) -> None:
    """Raise ApiError unless the action on the resource is allowed.

    The code is one of "Common error codes"; the message is the one that products return [obs].
    """
    if not caller.may(AccessRequest(action, resource, {"qcs:ip": source_ip})):
        raise ApiError(
            "AuthFailure.UnauthorizedOperation",
            f"you are not authorized to perform operation ({action})\n"
            f"resource ({resource}) has no permission",
        )
