"""The endpoint that verdicts are delivered to: is a message genuine, and does it change anything?

Pure: it takes the request, the time and the verdict that you hold for the pair, and returns the
one to hold from now on. Read and write that in one transaction.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import NamedTuple

_MIN_KEY_BYTES = 24
# A message further from the present is refused: it may be a replay.
MAX_AGE_SECONDS = 300


class NotGenuine(Exception):
    """The request was not signed with the secret, or not at about this time: answer 401."""


class Held(NamedTuple):
    """The newest verdict on a pair."""

    pair_id: str
    status: str
    verdict_id: str
    time: str


def read_webhook(secret: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Held:
    """Return the verdict in a request received at `seconds` since 1970. Raises NotGenuine.

    The names of `headers` are in lower case. Raises ValueError for an invalid secret.
    """
    key = _key_of(secret)
    try:
        message_id, sent = headers["webhook-id"], headers["webhook-timestamp"]
        signed = f"{message_id}.{sent}.".encode() + body
        expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
        signatures = headers["webhook-signature"].encode().split()
        age = abs(seconds - int(sent))
    except (KeyError, ValueError):
        raise NotGenuine("a header is missing or malformed") from None
    # A list, not a generator: always make every comparison, so that the time tells nothing.
    if not any([hmac.compare_digest(expected, each) for each in signatures]):
        raise NotGenuine("the signature is another one")
    if age > MAX_AGE_SECONDS:
        raise NotGenuine("the message is too old, or the clocks differ")
    event = json.loads(body)
    data = event["data"]
    return Held(data["pair_id"], data["status"], data["verdict_id"], event["time"])


def _key_of(secret: str) -> bytes:
    """Return the key in `whsec_<Base64>`. With an empty key anyone could sign."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError("the secret must be whsec_ and the Base64 of at least 24 random bytes")
    return key


def newest(held: Held | None, received: Held) -> Held:
    """Return the verdict to hold after a message: messages may arrive out of order."""
    return received if held is None or received.time >= held.time else held


def is_new(held: Held | None, received: Held) -> bool:
    """Whether a message brings another verdict than the one that is held, and not an older one."""
    return held is None or (received.time >= held.time and received.verdict_id != held.verdict_id)
