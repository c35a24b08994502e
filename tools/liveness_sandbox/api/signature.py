"""Verification of TC3-HMAC-SHA256 signatures, from the document of API 3.0 ("Signature v3")."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone

from ..credentials import KeyRing, Principal
from ..numerals import whole_number
from ..wire import WireRequest
from .errors import ApiError

_LIFETIME_SECONDS = 300
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 "
    r"Credential=(?P<secret_id>[^/]+)/(?P<date>[^/]+)/(?P<service>[^/]+)/tc3_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]+)"
)


def claimed_secret_id(authorization: str) -> str:
    match = _AUTHORIZATION.fullmatch(authorization)
    return match["secret_id"] if match else ""


def signature_of(
    secret_key: str, date: str, service: str, timestamp: str, canonical_request: str
) -> str:
    scope = f"{date}/{service}/tc3_request"
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def identify(request: WireRequest, body: bytes, service: str, keys: KeyRing) -> Principal:
    """Return the caller. Raise AuthFailure.* unless the signature is valid, fresh and complete.

    A signature is valid for one service only (cam, cls, faceid, scf, sts).
    """
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    timestamp = request.headers.get("x-tc-timestamp", "")
    seconds = whole_number(timestamp)
    if match is None or seconds is None:
        raise ApiError(
            "AuthFailure.SignatureFailure", "The Authorization header is missing or malformed."
        )
    # The client's clock set this time, so compare it with real time: see Clock.
    if abs(time.time() - seconds) > _LIFETIME_SECONDS:
        raise ApiError(
            "AuthFailure.SignatureExpire", "The signature is more than five minutes old."
        )
    principal = keys.find(match["secret_id"])
    if principal is None:
        raise ApiError("AuthFailure.SecretIdNotFound", "The SecretId is not found.")
    signed_names = match["headers"].split(";")
    date = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d")
    unsigned = {"content-type", "host"} - set(signed_names)
    absent = [name for name in signed_names if name not in request.headers]
    if unsigned or absent or (match["date"], match["service"]) != (date, service):
        raise _failure()
    key = principal.credentials.secret_key
    if not any(
        hmac.compare_digest(
            signature_of(key, date, service, timestamp, canonical), match["signature"]
        )
        for canonical in _canonicals(request, body, signed_names)
    ):
        raise _failure()
    is_own_token = principal.credentials.token == request.headers.get("x-tc-token")
    if not is_own_token or keys.has_expired(principal):
        raise ApiError("AuthFailure.TokenFailure", "The token is invalid or has expired.")
    return principal


def _canonicals(request: WireRequest, body: bytes, signed_names: list[str]) -> list[str]:
    """Return what may have been signed: the Host header with its port, if any, and without."""
    host = request.headers["host"]
    hosts = dict.fromkeys((host, host.partition(":")[0]))
    return [
        _canonical(request, body, signed_names, {**request.headers, "host": each}) for each in hosts
    ]


def _canonical(
    request: WireRequest, body: bytes, signed_names: list[str], values: Mapping[str, str]
) -> str:
    headers = "".join(f"{name}:{values[name].strip().lower()}\n" for name in signed_names)
    payload = body
    if request.headers.get("x-tc-content-sha256") == "UNSIGNED-PAYLOAD":
        payload = b"UNSIGNED-PAYLOAD"
    digest = hashlib.sha256(payload).hexdigest()
    # Only a GET has its parameters in the query.
    query = request.raw_query if request.method == "GET" else ""
    return f"{request.method}\n/\n{query}\n{headers}\n{';'.join(signed_names)}\n{digest}"


def _failure() -> ApiError:
    return ApiError("AuthFailure.SignatureFailure", "The signature is not valid.")
