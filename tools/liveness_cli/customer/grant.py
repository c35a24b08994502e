"""Temporary keys for the app: what a backend asks STS for in each session."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import click

from liveness.cloud.credentials import read_credentials

from ..account.api import Api
from ..account.errors import AccountError, RequestRefused, parsing_reply
from ..environment import load_target
from ..errors import InvalidUsage
from ..permissions.roles import PolicyError, policy_of_pair
from .inputs import live_key

# The name of the session, in the audit log.
_SESSION = "liveness-app"
# The names that STS and the JavaScript SDK use.
_NAMES = {
    "TmpSecretId": "TmpSecretId",
    "TmpSecretKey": "TmpSecretKey",
    "Token": "SecurityToken",
}
# The characters of keys and tokens, which are printed for a shell.
_SECRET = re.compile(r"[\w.~+/=-]+", re.ASCII)
_NEEDS_POLICY = "the key needs the policy of `liveness policies --role app`"
_ADVICE = {
    "UnauthorizedOperation": _NEEDS_POLICY,
    "AuthFailure.UnauthorizedOperation": _NEEDS_POLICY,
    "FailedOperation.TempKeyNotAllowed": "only a permanent key may ask for temporary ones",
}


def issue_grant(pair_id: str, minutes: int) -> dict[str, Any]:
    """Return what an app needs to put one pair's liveness package: where, and with which keys.

    The credentials are named as the JavaScript SDK's `getAuthorization` takes them; times are in
    seconds since 1970.
    """
    target = load_target()
    settings = target.settings
    key = live_key(settings, pair_id)
    try:
        policy = policy_of_pair("app", settings, pair_id)
    except PolicyError as error:
        raise InvalidUsage(str(error)) from None
    credentials = read_credentials(target.environ)
    sts = Api("sts", settings.region, settings.endpoint_scheme, credentials)
    try:
        reply = sts(
            "GetFederationToken",
            Name=_SESSION,
            Policy=quote(json.dumps(policy), safe=""),
            DurationSeconds=minutes * 60,
        )
        with parsing_reply("GetFederationToken"):
            issued = {name: _secret(reply["Credentials"][name]) for name in _NAMES}
            expires = int(reply["ExpiredTime"])
    except AccountError as error:
        advice = _ADVICE.get(error.code) if isinstance(error, RequestRefused) else None
        raise click.ClickException(f"{error}: {advice}" if advice else str(error)) from None
    return {
        "pair_id": pair_id,
        "bucket": settings.bucket,
        "region": settings.region,
        "key": key,
        "scheme": settings.endpoint_scheme,
        "credentials": {
            **{_NAMES[name]: value for name, value in issued.items()},
            "StartTime": expires - minutes * 60,
            "ExpiredTime": expires,
        },
    }


def _secret(text: Any) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError
    return str(text)
