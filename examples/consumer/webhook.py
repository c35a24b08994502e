"""A verdict as a signed message: CloudEvents 1.0 in JSON, Standard Webhooks headers. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from verdict import Verdict

CONTENT_TYPE = "application/cloudevents+json"
_SECRET_PREFIX = "whsec_"
_MIN_KEY_BYTES = 24


def envelope(verdict: Verdict, bucket: str, key: str) -> bytes:
    """Return the message: the verdict and where its result is, without picture or similarity."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": verdict.message_id,
            "source": f"//{bucket}/liveness",
            "type": "liveness.verdict",
            "subject": verdict.pair_id,
            "time": verdict.time,
            "datacontenttype": "application/json",
            "data": {
                "pair_id": verdict.pair_id,
                "status": verdict.status,
                "reason": verdict.reason,
                "decided_by": verdict.decided_by,
                "verdict_id": verdict.verdict_id,
                "result": {"bucket": bucket, "key": key},
            },
        }
    ).encode()


def signed_headers(secrets: str, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the headers of one try, made at `seconds` since 1970.

    While a secret is being replaced, give the new and the old one, separated by a space.
    """
    signatures = " ".join(
        signature(secret, message_id, seconds, body) for secret in secrets.split()
    )
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signatures,
    }


def signature(secret: str, message_id: str, seconds: int, body: bytes) -> str:
    """Sign by HMAC-SHA256 with a secret of the form `whsec_<Base64>`."""
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.digest(key_of_secret(secret), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def key_of_secret(secret: str) -> bytes:
    """Return the key in a secret. Raises ValueError if it is so short that anyone could sign."""
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or len(key) < _MIN_KEY_BYTES:
        raise ValueError("WEBHOOK_SECRET must be whsec_ and the Base64 of at least 24 random bytes")
    return key
