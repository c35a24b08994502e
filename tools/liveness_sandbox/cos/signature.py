"""The request signature of COS, from the document (436/7778): signing and verification."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from ..cam.permissions import Permissions
from ..credentials import Credentials, KeyRing, Principal
from ..numerals import whole_number
from ..wire import WireRequest
from .errors import CosError

TOKEN = "x-cos-security-token"
FIELDS = (
    "q-sign-algorithm",
    "q-ak",
    "q-sign-time",
    "q-key-time",
    "q-header-list",
    "q-url-param-list",
    "q-signature",
)


def sign_key(secret_key: str, key_time: str) -> str:
    return hmac.new(secret_key.encode(), key_time.encode(), hashlib.sha1).hexdigest()


def http_string(
    method: str, path: str, params: Iterable[tuple[str, str]], headers: Iterable[tuple[str, str]]
) -> str:
    """Build the HttpString from the decoded path and the encoded, sorted parameters and headers.

    The names of parameters and headers are in lower case.
    """
    return f"{method.lower()}\n{path}\n{_canonical(params)}\n{_canonical(headers)}\n"


def signature_of(key: str, sign_time: str, signed: str) -> str:
    """Sign; `key` is the SignKey, `signed` the HttpString."""
    return hmac.new(
        key.encode(), _string_to_sign(sign_time, signed).encode(), hashlib.sha1
    ).hexdigest()


def form_signature_of(key: str, policy: bytes) -> str:
    """Sign the policy of POST Object, which it signs instead of the request (436/14690)."""
    return hmac.new(
        key.encode(), hashlib.sha1(policy).hexdigest().encode(), hashlib.sha1
    ).hexdigest()


def presigned_query(
    credentials: Credentials, method: str, host: str, path: str, lifetime_seconds: int
) -> dict[str, str]:
    """Return query parameters that permit this one request to anyone, until they expire."""
    now = int(time.time())
    period = f"{now};{now + lifetime_seconds}"
    signed = http_string(method, path, [], [("host", host)])
    return {
        "q-sign-algorithm": "sha1",
        "q-ak": credentials.secret_id,
        "q-sign-time": period,
        "q-key-time": period,
        "q-header-list": "host",
        "q-url-param-list": "",
        "q-signature": signature_of(sign_key(credentials.secret_key, period), period, signed),
    }


@dataclass(frozen=True)
class Identity:
    """The caller of a request, and where the signature was: `header`, `query`, `form` or `none`."""

    principal: Principal
    auth_location: str
    authorization: str


def anonymous(appid: str) -> Identity:
    """Return the sender of a request without a signature, who may do only what everybody may."""
    nobody = Principal(Credentials("", ""), appid, limits=(Permissions(()),))
    return Identity(nobody, "none", "")


class Authenticator:
    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def identify(self, request: WireRequest) -> Identity:
        auth_location, claim = claim_in(request)
        if _is_signed_for_s3(request):
            raise CosError(405, "MethodNotAllowed", "The sandbox does not implement S3 signatures")
        if auth_location == "none":
            raise CosError(403, "AccessDenied", "Anonymous requests are not allowed here")
        missing = [name for name in FIELDS if name not in claim]
        if missing:
            raise CosError(403, "AccessDenied", f"The signature lacks {missing[0]}")
        if claim["q-sign-algorithm"] != "sha1":
            raise CosError(403, "AccessDenied", "q-sign-algorithm must be sha1")
        check_period(claim["q-sign-time"])
        check_period(claim["q-key-time"])
        principal = self.principal(
            claim["q-ak"], request.headers.get(TOKEN) or request.query.get(TOKEN)
        )
        # Neither a link [doc 440/35217] nor a header need cover the host: see the SDK's `SignHost`.
        header_names = _names(claim["q-header-list"])
        parameters = _signed_values(
            _names(claim["q-url-param-list"]), {n.lower(): v for n, v in request.query.items()}
        )
        # With the port of the Host header, if it has one, or without.
        hosts = dict.fromkeys((request.headers.get("host", ""), request.host))
        candidates = [
            http_string(
                request.method,
                request.path,
                parameters,
                _signed_values(header_names, {**request.headers, "host": host}),
            )
            for host in hosts
        ]
        key = sign_key(principal.credentials.secret_key, claim["q-key-time"])
        if not any(
            hmac.compare_digest(signature_of(key, claim["q-sign-time"], each), claim["q-signature"])
            for each in candidates
        ):
            signed = candidates[-1]
            # As COS does, report the strings signed here, to show where the two sides differ.
            raise _mismatch(
                StringToSign=_string_to_sign(claim["q-sign-time"], signed), FormatString=signed
            )
        return Identity(principal, auth_location, request.headers.get("authorization", ""))

    def identify_form(self, fields: Mapping[str, str], policy: bytes) -> Identity:
        """Identify the caller of POST Object, whose form fields contain the signature."""
        if "q-signature" not in fields:
            raise CosError(403, "AccessDenied", "Anonymous requests are not allowed here")
        check_period(fields.get("q-key-time", ""))
        principal = self.principal(fields.get("q-ak", ""), fields.get(TOKEN))
        key = sign_key(principal.credentials.secret_key, fields["q-key-time"])
        if not hmac.compare_digest(form_signature_of(key, policy), fields["q-signature"]):
            raise _mismatch()
        return Identity(principal, "form", "")

    def principal(self, secret_id: str, token: str | None) -> Principal:
        principal = self._keys.find(secret_id)
        expected = principal.credentials.token if principal else None
        if principal is None or (expected is not None and token is None):
            # A temporary key without its token is reported as an unknown key.
            raise CosError(
                403,
                "InvalidAccessKeyId",
                "The Access Key Id you provided does not exist in our records",
            )
        if expected is not None and not hmac.compare_digest(expected, token or ""):
            raise CosError(403, "AccessDenied", "The security token does not belong to this key")
        if self._keys.has_expired(principal):
            raise CosError(403, "AccessDenied", "The security token has expired")
        return principal


def _is_signed_for_s3(request: WireRequest) -> bool:
    """Whether the signature is an S3 one, version 2 or 4, in the header or in a link."""
    in_header = request.headers.get("authorization", "").startswith(("AWS4-", "AWS "))
    return in_header or any(name in request.query for name in ("X-Amz-Signature", "AWSAccessKeyId"))


def claim_in(request: WireRequest) -> tuple[str, dict[str, str]]:
    """Return where the signature is, and its fields, without verifying them."""
    if authorization := request.headers.get("authorization"):
        return "header", dict(item.partition("=")[::2] for item in authorization.split("&"))
    if "q-signature" in request.query:
        return "query", {name: request.query[name] for name in FIELDS if name in request.query}
    return "none", {}


def check_period(period: str) -> None:
    """Check a validity period against real time, because the client's own clock defined it."""
    start, _, end = period.partition(";")
    begins, ends = whole_number(start), whole_number(end)
    if begins is None or ends is None:
        raise CosError(403, "AccessDenied", "The signature's time must be start;end")
    if not begins <= time.time() <= ends:
        raise CosError(403, "AccessDenied", "Request has expired")


def _names(joined: str) -> list[str]:
    return [unquote(name).lower() for name in joined.split(";") if name]


def _signed_values(names: Iterable[str], values: Mapping[str, str]) -> list[tuple[str, str]]:
    try:
        return [(name, values[name]) for name in names]
    except KeyError:
        raise _mismatch() from None


def _mismatch(**details: str) -> CosError:
    return CosError(
        403, "SignatureDoesNotMatch", "The Signature you specified is invalid.", **details
    )


def _string_to_sign(sign_time: str, signed: str) -> str:
    digest = hashlib.sha1(signed.encode("utf-8", "surrogateescape")).hexdigest()
    return f"sha1\n{sign_time}\n{digest}\n"


def _canonical(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(
        f"{name}={value}"
        for name, value in sorted((_encode(n).lower(), _encode(v)) for n, v in pairs)
    )


def _encode(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe="-_.~")
