"""Canaries: secrets planted in every input, and the search for them in every output.

A canary consists of letters and digits only, so that quoting, escaping or encoding leaves it
recognizable. The signatures of the clients are not known in advance: they are collected from the
requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# The uploader's signature, as a COS message carries it.
UPLOADER = "AKIDcanaryOfTheUploader"
AUTHORIZATION = (
    f"q-sign-algorithm=sha1&q-ak={UPLOADER}&q-sign-time=1;2&q-key-time=1;2&q-header-list=host"
    "&q-url-param-list=&q-signature=c0ffee0fthe0up10ader"
)
SIGNED_QUERY = "sign=canarySignedQuery&x-cos-security-token=canarySecurityToken"
# What the face API or COS may quote: URLs of all kinds, a header, a bare token.
QUOTED = (
    f"https://faces-1250000000.cos.ap-singapore.myqcloud.com/canaryPath?{SIGNED_QUERY}",
    f"faces-1250000000.cos.ap-singapore.myqcloud.com/a?q-sign-algorithm=sha1&{AUTHORIZATION}",
    f"TC3-HMAC-SHA256 Credential={UPLOADER}/2026-11-22/faceid/tc3_request, SignedHeaders=host, "
    "Signature=" + "canary0fthe51gnature" * 4,
    "canaryTokenInTheOpen" * 12,
)
# The platform's context may hold the role's credentials.
CONTEXT_KEY = "canaryKeyOfTheContext"
_PLANTED = (
    UPLOADER,
    "c0ffee0fthe0up10ader",
    "canarySignedQuery",
    "canarySecurityToken",
    "canaryPath",
    "canary0fthe51gnature",
    "canaryTokenInTheOpen",
    CONTEXT_KEY,
)
_URL = re.compile(r"https?://\w+")
_SIGNATURES = re.compile(r"[Ss]ignature=([0-9a-zA-Z]{20,})")


class SentRequest(NamedTuple):
    """One request as it was sent."""

    target: str
    headers: Mapping[str, str]


def signatures_in(requests: Iterable[SentRequest]) -> set[str]:
    """Return the signatures in headers and pre-signed URLs of these requests."""
    texts = (f"{each.target}\n{each.headers.get('authorization', '')}" for each in requests)
    return {signature for text in texts for signature in _SIGNATURES.findall(text)}


def secrets_in(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the canaries and the given secrets that the text contains."""
    return [secret for secret in (*_PLANTED, *secrets) if secret and secret in text]


def urls_in(text: str) -> list[str]:
    """Return the start of each URL in the text: the function's own messages contain none."""
    return _URL.findall(text)
