"""STS, which issues temporary keys (API 3.0, version 2018-08-13)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from ..account import APPID, UIN, role_resource
from ..api.errors import ApiError
from ..api.fields import Models
from ..api.service import Action, ActionService, Params
from ..cam.invalid_policy import InvalidPolicy
from ..cam.permissions import Permissions
from ..cam.roles import Role, Roles
from ..cam.trust import trusts_account
from ..clock import Clock, iso_date
from ..credentials import OWNER, Caller, Credentials, KeyRing, Principal

SERVICE = "sts"
VERSION = "2018-08-13"
_DEFAULT_SECONDS = 1800
_MAX_SECONDS_OF_OWNER = 7200
_MAX_SECONDS_OF_USER = 129_600
_DEFAULT_ROLE_SECONDS = 7200
_MAX_ROLE_SECONDS = 43_200
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,128}", re.ASCII)
_ROLE_ARN = re.compile(
    rf"qcs::cam::uin/{UIN}:(?:role/(?P<id>\d+)|roleName/(?P<name>[\w+=,.@-]+))", re.ASCII
)
_NOT_IMPLEMENTED = ("Tags", "SourceIdentity", "SerialNumber", "TokenCode", "ExternalId")


class StsService(ActionService):
    def __init__(self, roles: Roles, keys: KeyRing, clock: Clock) -> None:
        self._roles = roles
        self._issuer = keys
        self._clock = clock
        actions = {
            "GetFederationToken": Action(self._get_federation_token, ("Name", "Policy")),
            "AssumeRole": Action(
                self._assume_role, ("RoleArn", "RoleSessionName"), self._role_resource
            ),
            "GetCallerIdentity": Action(_get_caller_identity, (), None),
        }
        super().__init__(SERVICE, VERSION, actions, Models("sts.v20180813"), keys)

    def _get_federation_token(self, params: Params, principal: Principal) -> Mapping[str, Any]:
        """Issue keys for what both the caller and the policy allow."""
        if principal.expires is not None:
            raise ApiError(
                "FailedOperation.TempKeyNotAllowed", "Temporary keys cannot call this action."
            )
        owner = principal.caller == OWNER
        seconds = _duration(
            params, _DEFAULT_SECONDS, _MAX_SECONDS_OF_OWNER if owner else _MAX_SECONDS_OF_USER
        )
        uin, name = principal.caller.uin, params["Name"]
        caller = Caller(
            f"qcs::sts::uin/{uin}:federated-user/{name}", f"{uin}:{name}", uin, "FederatedUser"
        )
        limits = (*principal.limits, _permissions(params["Policy"]))
        return self._issued(self._issuer.issue_temporary(APPID, seconds, caller, limits), seconds)

    def _assume_role(self, params: Params, principal: Principal) -> Mapping[str, Any]:
        """Issue a role's keys to a caller that the role trusts; a policy restricts them further."""
        if given := [name for name in _NOT_IMPLEMENTED if name in params]:
            raise ApiError("UnsupportedOperation", f"The sandbox does not implement {given[0]}.")
        if not _SESSION_NAME.fullmatch(params["RoleSessionName"]):
            raise ApiError(
                "InvalidParameter.ParamError",
                "RoleSessionName must have 2 to 128 letters, digits, or =,.@_-",
            )
        role = self._role(params)
        if role is None:
            raise ApiError("ResourceNotFound.RoleNotFound", "The role does not exist.")
        if not trusts_account(role.trust, principal.caller.uin):
            raise ApiError("UnauthorizedOperation", "The role does not trust the caller.")
        seconds = _duration(params, _DEFAULT_ROLE_SECONDS, _MAX_ROLE_SECONDS)
        further = (_permissions(params["Policy"]),) if "Policy" in params else ()
        keys = self._roles.assume(
            role, params["RoleSessionName"], seconds, uin=principal.caller.uin, further=further
        )
        return self._issued(keys, seconds)

    def _role(self, params: Params) -> Role | None:
        match = _ROLE_ARN.fullmatch(str(params.get("RoleArn", "")))
        return None if match is None else self._roles.find(name=match["name"], id=match["id"])

    def _role_resource(self, params: Params) -> str:
        """Name the role, by its id too, as policies name it."""
        role = self._role(params)
        return str(params.get("RoleArn", "")) if role is None else role_resource(role.name)

    def _issued(self, keys: Credentials, seconds: int) -> Mapping[str, Any]:
        expiration = self._clock.now() + timedelta(seconds=seconds)
        return {
            "Credentials": {
                "Token": keys.token,
                "TmpSecretId": keys.secret_id,
                "TmpSecretKey": keys.secret_key,
            },
            "ExpiredTime": int(expiration.timestamp()),
            "Expiration": iso_date(expiration),
        }


def _get_caller_identity(params: Params, principal: Principal) -> Mapping[str, Any]:
    caller = principal.caller
    return {
        "Arn": caller.arn,
        "AccountId": UIN,
        "UserId": caller.user_id,
        "PrincipalId": caller.uin,
        "Type": caller.type,
    }


def _duration(params: Params, default: int, maximum: int) -> int:
    seconds = int(params.get("DurationSeconds", default))
    if seconds > maximum:
        raise ApiError(
            "InvalidParameter.OverTimeError", f"DurationSeconds must be at most {maximum}."
        )
    if seconds < 1:
        raise ApiError("InvalidParameter.ParamError", "DurationSeconds must be at least 1.")
    return seconds


def _permissions(encoded: str) -> Permissions:
    """Compile the policy of a request, which is URL-encoded JSON without a principal."""
    if encoded.lstrip().startswith("{"):
        raise ApiError("InvalidParameter.ParamError", "Policy must be URL-encoded.")
    try:
        return Permissions([json.loads(unquote(encoded, errors="strict"))])
    except (ValueError, RecursionError):
        raise ApiError("InvalidParameter.StrategyFormatError", "Policy is not JSON.") from None
    except InvalidPolicy as error:
        raise ApiError("InvalidParameter.StrategyFormatError", f"Policy: {error}.") from None
