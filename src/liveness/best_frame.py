"""Fetches the best frame from the API's temporary URL, and checks it before anything relies on it.

For two hours, the URL opens the picture to anyone. It is kept in an object of its own, for an
invocation that takes over from a crashed one, and is deleted once the frame is stored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from typing import NamedTuple

from .context import Context
from .errors import LivenessError, StoreUnavailableError
from .face_api import Answer, NoFrame
from .inspection import CompletePair
from .keys import frame_url_key
from .records import encode
from .retry import RetryPolicy, with_retries
from .store import UNPARSABLE
from .urls import cos_url_problem

MAX_FRAME_BYTES = 5 * 1024 * 1024
# The limit of one try, and the latest start of one: the shutdown reserve must cover twice as much.
FETCH_SECONDS = 5.0
FETCH_POLICY = RetryPolicy(attempts=3, seconds=FETCH_SECONDS)
FRAME_URL_SCHEMA = "liveness-frame-url/1"
_MAX_URL_BYTES = 16 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")


class BestFrame(NamedTuple):
    """A checked JPEG."""

    md5: str
    body: bytes


class StoredFrame(NamedTuple):
    """The best frame as it is stored under the frame prefix."""

    md5: str
    size: int


def frame_md5(answer: Answer) -> str | None:
    """Return the MD5 that the API gave, in lower case, if it is one."""
    md5 = answer.best_frame_md5.lower()
    return md5 if _MD5.fullmatch(md5) else None


def keep_frame_url(ctx: Context, pair: CompletePair, attempt: int, url: str) -> None:
    """Keep the URL of the frame that came with an attempt's answer; never raises."""
    key = frame_url_key(ctx.settings, pair.pair_id, pair.fingerprint, attempt)
    body = encode({"schema": FRAME_URL_SCHEMA, "url": url})
    with contextlib.suppress(LivenessError):  # needed only after a crash
        ctx.store.create(ctx.settings.ledger_bucket, key, body)


def find_frame_url(ctx: Context, pair: CompletePair, attempt: int) -> str:
    """Return the URL that was kept, or an empty string. Raises StoreUnavailableError."""
    key = frame_url_key(ctx.settings, pair.pair_id, pair.fingerprint, attempt)
    stored = ctx.store.get(ctx.settings.ledger_bucket, key, _MAX_URL_BYTES)
    try:
        return str(json.loads(stored.body)["url"]) if stored else ""
    except UNPARSABLE:
        return ""


def delete_frame_url(ctx: Context, pair: CompletePair, attempt: int) -> None:
    """Delete the URL that was kept; never raises: a lifecycle rule removes it, too."""
    key = frame_url_key(ctx.settings, pair.pair_id, pair.fingerprint, attempt)
    with contextlib.suppress(LivenessError):
        ctx.store.delete(ctx.settings.ledger_bucket, key)


def fetch_frame(ctx: Context, answer: Answer, url: str) -> BestFrame | NoFrame:
    """Fetch and check the frame; never raises: a missing frame does not cost the verdict."""
    if not answer.has_best_frame:
        return NoFrame("the service gave none")
    if not url:
        return NoFrame("its URL is no longer known")
    md5 = frame_md5(answer)
    if md5 is None:
        return NoFrame("the service's MD5 of it is not an MD5")
    settings = ctx.settings
    if problem := cos_url_problem(url, settings.endpoint_scheme, settings.region):
        return NoFrame(problem)

    def fetch() -> BestFrame | NoFrame:
        try:
            # The HTTP library's timeout is for each read; this one is for the whole download.
            body: bytes | NoFrame = ctx.concurrency.with_timeout(
                lambda: ctx.frames.fetch(url, MAX_FRAME_BYTES), FETCH_SECONDS
            )
        except TimeoutError:
            raise StoreUnavailableError("the best frame came too slowly") from None
        return body if isinstance(body, NoFrame) else check_frame(body, md5)

    try:
        return with_retries(fetch, ctx.clock, ctx.rng, FETCH_POLICY)
    except StoreUnavailableError:
        return NoFrame("it could not be downloaded")


def check_frame(body: bytes, md5: str) -> BestFrame | NoFrame:
    """Return the frame if it is the one that the API described, and a JPEG."""
    if len(body) > MAX_FRAME_BYTES:
        return NoFrame(f"it is larger than {MAX_FRAME_BYTES} bytes")
    if hashlib.md5(body, usedforsecurity=False).hexdigest() != md5:
        return NoFrame("MD5 mismatch")
    if not body.startswith(b"\xff\xd8\xff"):
        return NoFrame("not a JPEG")
    return BestFrame(md5, body)
