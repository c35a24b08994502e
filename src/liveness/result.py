"""Builds `result.json`, schema liveness-result/1, which the customer's next step reads."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import __version__
from .best_frame import StoredFrame
from .face_api import NoFrame
from .inspection import CompletePair, Input
from .keys import (
    ATTEMPT_META,
    FINGERPRINT_META,
    FRAME_META,
    FRAME_MISSING,
    FRAME_NONE,
    IMAGE,
    LIVE,
    REASON_META,
    STATUS_META,
    best_frame_key,
)
from .logs import escape_unprintable
from .records import InvocationInfo, Response
from .settings import Settings
from .store import Digests
from .verdict_table import Outcome

RESULT_SCHEMA = "liveness-result/1"
# The codes that a header can carry; the service may send anything.
_HEADER_VALUE = re.compile(r"[\w.-]{1,100}", re.ASCII)


class Finding(NamedTuple):
    """What a result is about: the pair, its outcome, and what the outcome rests on."""

    pair: CompletePair
    outcome: Outcome
    detail: str
    response: Response | None  # None: no call was made
    frame: StoredFrame | NoFrame


class ResultObject(NamedTuple):
    """The object to be written."""

    body: bytes
    metadata: Mapping[str, str]


def build_result(
    settings: Settings, finding: Finding, info: InvocationInfo, published_at: float
) -> ResultObject:
    """Build the result of a pair. Pure."""
    pair, outcome, response = finding.pair, finding.outcome, finding.response
    answer = response.answer if response else None
    digests = response.digests if response else {}
    fields: dict[str, Any] = {
        "schema": RESULT_SCHEMA,
        "pair_id": pair.pair_id,
        "fingerprint": pair.fingerprint,
        "status": outcome.status,
        "reason": {
            "code": outcome.code,
            "category": outcome.category,
            "detail": finding.detail,
            "hint": {"en": outcome.hint.en, "zh": outcome.hint.zh},
        },
        "similarity": answer.similarity if answer else None,
        "threshold": response.threshold if response else settings.sim_threshold,
        "api": None
        if answer is None
        else {
            "channel": answer.channel,
            "result": answer.code,
            "description": answer.description,
            "request_id": answer.request_id,
        },
        "region": settings.region,
        "inputs": [_input(item, digests.get(item.role)) for item in pair.inputs],
        "best_frame": _frame(settings, pair, finding.frame),
        "attempts": response.attempt if response else 0,
        "possibly_billed_calls": response.possibly_billed if response else 0,
        "submission": _submission(response) if response else None,
        "package": _package(response) if response else None,
        "times": {
            "claimed": _time(response.claimed_at) if response else None,
            "answered": _time(response.answered_at) if answer and response else None,
            "published": _time(published_at),
        },
        "function": info.to_record(),
        "version": __version__,
    }
    # Lines end between JSON's own tokens only, never within one of its strings.
    lines = json.dumps(fields, ensure_ascii=False, indent=2).split("\n")
    body = "\n".join(map(escape_unprintable, lines)).encode() + b"\n"
    return ResultObject(body, _metadata(finding))


def _metadata(finding: Finding) -> dict[str, str]:
    """Return what a HEAD must show: which content was judged, and whether its frame is stored."""
    pair, outcome, response, frame = finding.pair, finding.outcome, finding.response, finding.frame
    given = response is not None and response.answer is not None and response.answer.has_best_frame
    absent = FRAME_MISSING if given else FRAME_NONE
    metadata = {
        FINGERPRINT_META: pair.fingerprint,
        STATUS_META: str(outcome.status),
        REASON_META: outcome.code if _HEADER_VALUE.fullmatch(outcome.code) else "unprintable",
        ATTEMPT_META: str(response.attempt if response else 0),
        FRAME_META: frame.md5 if isinstance(frame, StoredFrame) else absent,
    }
    for role in (LIVE, IMAGE):
        etags = [item.etag for item in pair.inputs if item.role == role and item.etag]
        if etags:
            metadata[f"liveness-{role}-etag"] = ",".join(etags)
    return metadata


def _submission(response: Response) -> dict[str, Any] | None:
    """Return which of the pair's contents this is, and the outcomes of those before."""
    admission = response.admission
    if admission is None:
        return None
    return {
        "number": admission.number,
        "count": admission.total,
        "limit": admission.limit,
        "possibly_billed_calls": admission.billed_before + response.possibly_billed,
        "earlier": [
            {"number": item.number, "status": item.status, "reason": item.reason}
            for item in admission.earlier
        ],
    }


def _package(response: Response) -> dict[str, Any] | None:
    """Return whether another pair was judged with this package; never which one."""
    admission = response.admission
    if admission is None or admission.reused is None:
        return None
    first_used = None if admission.first_used is None else _time(admission.first_used)
    return {"reused": admission.reused, "first_used": first_used}


def _input(item: Input, digests: Digests | None) -> dict[str, Any]:
    if not item.etag:  # COS refuses even to describe it
        unknown = dict.fromkeys(("md5", "sha256", "size", "etag", "identity", "last_modified"))
        return {"role": item.role, "key": item.key, **unknown}
    return {
        "role": item.role,
        "key": item.key,
        "md5": digests.md5 if digests else item.md5,
        "sha256": digests.sha256 if digests else None,
        "size": item.size,
        "etag": item.etag,
        "identity": "md5" if item.md5 else "etag",
        "last_modified": _time(item.last_modified),
    }


def _frame(settings: Settings, pair: CompletePair, frame: StoredFrame | NoFrame) -> dict[str, Any]:
    if isinstance(frame, NoFrame):
        return {"key": None, "md5": None, "size": None, "missing_because": frame.reason}
    return {
        "key": best_frame_key(settings, pair.pair_id, frame.md5),
        "md5": frame.md5,
        "size": frame.size,
        "missing_because": None,
    }


def _time(seconds: float) -> str:
    """Return RFC 3339, UTC, to the millisecond."""
    whole, millis = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
