"""Secrets planted wherever one lives, and the search for them in whatever the function says.

A canary is made of letters and digits only: whatever quotes, escapes or encodes it, leaves it
recognisable. What the clients sign is not known beforehand, so it is collected on its way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# The uploader's own signature, as a COS message carries it.
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


class Sent(NamedTuple):
    """One request as it went over the wire."""

    target: str
    headers: Mapping[str, str]


def signatures_in(sent: Iterable[Sent]) -> set[str]:
    """The signatures in headers and pre-signed URLs of these requests."""
    said = (f"{each.target}\n{each.headers.get('authorization', '')}" for each in sent)
    return {signature for text in said for signature in _SIGNATURES.findall(text)}


def found_in(text: str, secrets: Iterable[str]) -> list[str]:
    """The canaries, and those of the other secrets, that stand in the text."""
    return [secret for secret in (*_PLANTED, *secrets) if secret and secret in text]


def urls_in(text: str) -> list[str]:
    """How the URLs in the text begin: nothing that the function says of its own accord has any."""
    return _URL.findall(text)
