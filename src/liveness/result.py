"""`result.json`, schema liveness-result/1: what the customer's next step reads."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import __version__
from .frames import FrameCopy, NoFrame
from .keys import IMAGE, LIVE, best_frame_key
from .ledger import Response
from .look import (
    ATTEMPT_META,
    FINGERPRINT_META,
    FRAME_META,
    FRAME_MISSING,
    FRAME_NONE,
    REASON_META,
    STATUS_META,
    Input,
    Work,
)
from .settings import Settings
from .verdicts import Outcome

SCHEMA = "liveness-result/1"
# What a header can carry of a code; the service may send anything for one.
_HEADER_VALUE = re.compile(r"[\w.-]{1,100}", re.ASCII)


class Origin(NamedTuple):
    """Which invocation of which function wrote it."""

    name: str
    version: str
    request_id: str


class Document(NamedTuple):
    """The object to be written."""

    body: bytes
    metadata: Mapping[str, str]


def document(
    settings: Settings,
    work: Work,
    outcome: Outcome,
    detail: str,
    response: Response | None,
    frame: FrameCopy | NoFrame,
    origin: Origin,
    published_at: float,
) -> Document:
    """The result of one piece of work; `response` is None where no call was made."""
    answer = response.answer if response else None
    md5s = response.md5s if response else {}
    fields: dict[str, Any] = {
        "schema": SCHEMA,
        "pair_id": work.pair_id,
        "fingerprint": work.fingerprint,
        "status": outcome.status,
        "reason": {
            "code": outcome.code,
            "category": outcome.category,
            "detail": detail,
            "hint": {"en": outcome.en, "zh": outcome.zh},
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
        "inputs": [_input(item, md5s.get(item.role)) for item in work.inputs],
        "best_frame": _frame(settings, work, frame),
        "attempts": response.attempt if response else 0,
        "possibly_billed_calls": response.possibly_billed if response else 0,
        "times": {
            "claimed": _time(response.claimed_at) if response else None,
            "answered": _time(response.answered_at) if answer and response else None,
            "published": _time(published_at),
        },
        "function": origin._asdict(),
        "version": __version__,
    }
    body = json.dumps(fields, ensure_ascii=False, indent=2).encode() + b"\n"
    given = answer is not None and answer.best_frame_url != ""
    return Document(body, _metadata(work, outcome, fields["attempts"], frame, given))


def _metadata(
    work: Work, outcome: Outcome, attempt: int, frame: FrameCopy | NoFrame, given: bool
) -> dict[str, str]:
    """What a HEAD must tell: whose result this is, and whether it names the frame it was given."""
    named = frame.md5 if isinstance(frame, FrameCopy) else FRAME_MISSING if given else FRAME_NONE
    metadata = {
        FINGERPRINT_META: work.fingerprint,
        STATUS_META: str(outcome.status),
        REASON_META: outcome.code if _HEADER_VALUE.fullmatch(outcome.code) else "unprintable",
        ATTEMPT_META: str(attempt),
        FRAME_META: named,
    }
    for role in (LIVE, IMAGE):
        etags = [item.etag for item in work.inputs if item.role == role]
        metadata[f"liveness-{role}-etag"] = ",".join(etags)
    return metadata


def _input(item: Input, md5: str | None) -> dict[str, Any]:
    return {
        "role": item.role,
        "key": item.key,
        "md5": md5 or item.md5,
        "size": item.size,
        "etag": item.etag,
        "last_modified": _time(item.last_modified),
    }


def _frame(settings: Settings, work: Work, frame: FrameCopy | NoFrame) -> dict[str, Any]:
    if isinstance(frame, NoFrame):
        return {"key": None, "md5": None, "size": None, "missing_because": frame.why}
    return {
        "key": best_frame_key(settings, work.pair_id, frame.md5),
        "md5": frame.md5,
        "size": frame.size,
        "missing_because": None,
    }


def _time(seconds: float) -> str:
    """RFC 3339, UTC, to the millisecond."""
    whole, millis = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{millis:03d}Z"
