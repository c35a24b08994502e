"""Results and decisions as the function and the page store them, without running either."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from tests.conftest import Cloud

PUBLISHED = 1_795_000_000.0
_CODES = {
    "passed": ("Success", "success"),
    "rejected": ("FailedOperation.CompareLowSimilarity", "match"),
    "retake": ("FailedOperation.LifePhotoDetectNoFaces", "capture"),
    "invalid": ("InputEmpty", "input"),
    "failed": ("GivenUp", "unknown"),
}


def result(
    pair_id: str, status: str = "passed", published: float = PUBLISHED, **changes: Any
) -> dict[str, Any]:
    """Make a valid `result.json`; `changes` replace fields."""
    code, category = _CODES[status]
    similarity = {"passed": 96.5, "rejected": 42.0}.get(status)
    answered = status in ("passed", "rejected", "retake")
    return {
        "schema": "liveness-result/1",
        "pair_id": pair_id,
        "fingerprint": hashlib.sha256(pair_id.encode()).hexdigest(),
        "status": status,
        "reason": {
            "code": code,
            "category": category,
            "detail": "",
            "hint": {"en": "A hint.", "zh": "提示。"},
        },
        "similarity": similarity,
        "threshold": 70.0,
        "api": {"channel": "result", "result": code, "description": code, "request_id": "r-1"}
        if answered
        else None,
        "region": "ap-singapore",
        "inputs": [
            {
                "role": role,
                "key": f"liveness/incoming/{pair_id}/{name}",
                "md5": "0" * 32,
                "size": 1000,
                "etag": "0" * 32,
                "last_modified": rfc3339(published - 20),
            }
            for role, name in (("live", "live.bin"), ("image", "reference.jpg"))
        ],
        "best_frame": {
            "key": None,
            "md5": None,
            "size": None,
            "missing_because": "the service gave none",
        },
        "attempts": int(answered),
        "possibly_billed_calls": int(status in ("passed", "rejected")),
        "times": {
            "claimed": rfc3339(published - 2),
            "answered": rfc3339(published - 1) if answered else None,
            "published": rfc3339(published),
        },
        "function": {"name": "liveness", "version": "1", "request_id": "f-1"},
        "version": "0",
    } | changes


def metadata_of(document: dict[str, Any]) -> dict[str, str]:
    """Return the metadata with which the function stores a result."""
    return {
        "liveness-fingerprint": str(document["fingerprint"]),
        "liveness-status": str(document["status"]),
    }


def put_result(
    cloud: Cloud,
    pair_id: str,
    status: str = "passed",
    published: float = PUBLISHED,
    **changes: Any,
) -> bytes:
    """Store a result and return its bytes."""
    document = result(pair_id, status, published, **changes)
    body = json.dumps(document).encode()
    put_body(cloud, pair_id, body, metadata_of(document))
    return body


def put_body(cloud: Cloud, pair_id: str, body: bytes, metadata: dict[str, str]) -> None:
    """Store anything as a result."""
    cloud.bucket.put(f"liveness/results/{pair_id}/result.json", body, metadata=metadata)


def review(
    pair_id: str, number: int, decision: str, reason: str, result_body: bytes, **changes: Any
) -> dict[str, Any]:
    """Make a valid `review-<number>.json` on a result."""
    return {
        "schema": "liveness-review/1",
        "pair_id": pair_id,
        "number": number,
        "nonce": "0" * 32,
        "decision": decision,
        "reason": {"code": reason, "note": "as on the document"},
        "reviewer": {
            "arn": "qcs::cam::uin/100000000001:uin/100000000002",
            "account_id": "100000000001",
            "user_id": "100000000002",
            "principal_id": "100000000002",
            "type": "CAMUser",
        },
        "decided": rfc3339(PUBLISHED + 600),
        "shown": {
            "fingerprint": json.loads(result_body)["fingerprint"],
            "result_sha256": hashlib.sha256(result_body).hexdigest(),
            "reference": None,
            "best_frame": None,
        },
        "version": "0",
    } | changes


def put_review(
    cloud: Cloud,
    pair_id: str,
    number: int,
    decision: str,
    reason: str,
    result_body: bytes,
    **changes: Any,
) -> None:
    """Store a decision."""
    document = review(pair_id, number, decision, reason, result_body, **changes)
    key = f"liveness/results/{pair_id}/review-{number}.json"
    cloud.bucket.put(key, json.dumps(document))


def rfc3339(seconds: float) -> str:
    whole, millis = divmod(round(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
