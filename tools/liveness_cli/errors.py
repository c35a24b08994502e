"""Errors of a command, and the wording of errors of the function and of the services.

The key, policy, clock, network or deployment in a message is that of the person who runs the
command, unless the message says that it is the function's.
"""

from __future__ import annotations

import re

import click

from liveness.errors import LivenessError, PairsNotFinishedError, StoreUnavailableError

_OF_FUNCTION = "check the execution role's policy"
_OF_PERSON = "check the policy of your key, see `liveness policies`"
_KEY = (
    "your key is not known: check the secret id (TENCENTCLOUD_SECRETID), and whether the key was "
    "disabled or deleted"
)
_SECRET = (
    "your secret key does not belong to the secret id: check TENCENTCLOUD_SECRETKEY and, for "
    "temporary keys, the token"
)
_TOKEN = "your temporary keys have expired, or the token is not theirs: get new ones"
_CLOCK = "this machine's clock is wrong, or the signature is too old: set the clock"
_NETWORK = (
    "there is no connection: check this machine's network, its proxy variables (http_proxy, "
    "https_proxy, no_proxy; a proxy is reached by http), its certificates "
    "(REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) and the region"
)
_DEPLOYMENT = (
    "no such function is deployed in this region: `liveness deploy` deploys it; if it has another "
    "name or region, give those"
)
_REGION = "this service is not in that region: give another one as TENCENTCLOUD_REGION"
# By code of COS (436/7730) or of API 3.0 (213/31576, 583/17238); for the latter also by the part
# before the last dot.
_MEANINGS = {
    "InvalidAccessKeyId": _KEY,
    "AuthFailure.SecretIdNotFound": _KEY,
    "AuthFailure.InvalidSecretId": _KEY,
    "SignatureDoesNotMatch": _SECRET,
    "AuthFailure.SignatureFailure": _SECRET,
    "ExpiredToken": _TOKEN,
    "InvalidToken": _TOKEN,
    "AuthFailure.TokenFailure": _TOKEN,
    "RequestTimeTooSkewed": _CLOCK,
    "AuthFailure.SignatureExpire": _CLOCK,
    "AccessDenied": _OF_PERSON,
    "AuthFailure.UnauthorizedOperation": _OF_PERSON,
    "UnauthorizedOperation": _OF_PERSON,
    # The reply to a HEAD has no code.
    "status 403": f"check that your key is right, and {_OF_PERSON}",
    "ResourceNotFound.Function": _DEPLOYMENT,
    "ResourceNotFound.FunctionName": _DEPLOYMENT,
    "UnsupportedRegion": _REGION,
}
# Exceptions of the standard library's client, for COS, and of the SDKs' if no reply came at all.
# OSError: an unreachable host or network, or a proxy that refused the tunnel; ValueError: a proxy
# URL that cannot be used; FileNotFoundError: a missing file of certificates.
_NO_CONNECTION = re.compile(
    r"\b(Connection(Refused|Reset|Aborted)?Error|BrokenPipeError|RemoteDisconnected|TimeoutError"
    r"|OSError|FileNotFoundError|PermissionError|ValueError|InvalidSchema|InvalidProxyURL|gaierror|SSL\w*Error|ConnectTimeout|ConnectTimeoutError|NewConnectionError"
    r"|ProxyError|MaxRetryError|NameResolutionError|ReadTimeout|ReadTimeoutError"
    r"|ClientNetworkError)\b"
)


class InvalidUsage(click.ClickException):
    """An argument or the environment is wrong; exit status 2, as for click's own usage errors."""

    exit_code = 2


def meaning_of_code(code: str) -> str:
    """Return what an error code means for the person who runs the command; empty if unknown."""
    return _MEANINGS.get(code) or _MEANINGS.get(code.rpartition(".")[0]) or ""


def meaning_of_exception(kind: str) -> str:
    """Return what an exception of this kind from a library means; empty if unknown."""
    return _NETWORK if _NO_CONNECTION.search(kind) else ""


def reason_of_error(error: LivenessError) -> str:
    """Return what was wrong. The function's errors mean its own key; here it is a person's."""
    text = str(error)
    if isinstance(error, (StoreUnavailableError, PairsNotFinishedError)):
        meaning = meaning_of_exception(text)
        return f"{text}: {meaning}" if meaning else text
    lead, is_refusal, _ = text.partition(f": {_OF_FUNCTION}")
    if not is_refusal:
        return text
    code = lead.rpartition(" ")[2]
    # The refusal of a HEAD has no code.
    return f"{lead}: {meaning_of_code('status 403' if code == '403' else code) or _OF_PERSON}"
