"""The best frame: fetched from the API's temporary URL and checked before anything relies on it."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from .context import Context
from .errors import StoreUnavailableError
from .face_api import Answer, NoFrame
from .retry import RetryPolicy, with_retries
from .urls import cos_url_problem

MAX_FRAME_BYTES = 5 * 1024 * 1024
# For one try, and none begins later than that: the shutdown reserve must cover twice as much.
FETCH_SECONDS = 5.0
FETCH_POLICY = RetryPolicy(attempts=3, seconds=FETCH_SECONDS)
_MD5 = re.compile(r"[0-9a-f]{32}")


class BestFrame(NamedTuple):
    """A checked JPEG."""

    md5: str
    body: bytes


class StoredFrame(NamedTuple):
    """The best frame as it is stored among the results."""

    md5: str
    size: int


def frame_md5(answer: Answer) -> str | None:
    """Return the MD5 that the API gave, in lower case, if it is one."""
    md5 = answer.best_frame_md5.lower()
    return md5 if _MD5.fullmatch(md5) else None


def fetch_frame(ctx: Context, answer: Answer) -> BestFrame | NoFrame:
    """Fetch and check the frame; never raises: a missing frame does not cost the verdict."""
    if not answer.best_frame_url:
        return NoFrame("the service gave none")
    md5 = frame_md5(answer)
    if md5 is None:
        return NoFrame("the service's MD5 of it is not an MD5")
    settings = ctx.settings
    if problem := cos_url_problem(answer.best_frame_url, settings.endpoint_scheme, settings.region):
        return NoFrame(problem)

    def fetch() -> BestFrame | NoFrame:
        try:
            # The HTTP library's timeout is for each read; this one is for the whole download.
            body: bytes | NoFrame = ctx.concurrency.with_timeout(
                lambda: ctx.frames.fetch(answer.best_frame_url, MAX_FRAME_BYTES), FETCH_SECONDS
            )
        except TimeoutError:
            raise StoreUnavailableError("the best frame came too slowly") from None
        return body if isinstance(body, NoFrame) else check_frame(body, md5)

    try:
        return with_retries(fetch, ctx.clock, ctx.rng, FETCH_POLICY)
    except StoreUnavailableError:
        return NoFrame("it could not be downloaded")


def check_frame(body: bytes, md5: str) -> BestFrame | NoFrame:
    """Return the frame if it is the one that the API described, and an image."""
    if len(body) > MAX_FRAME_BYTES:
        return NoFrame(f"it is larger than {MAX_FRAME_BYTES} bytes")
    if hashlib.md5(body, usedforsecurity=False).hexdigest() != md5:
        return NoFrame("MD5 mismatch")
    if not body.startswith(b"\xff\xd8\xff"):
        return NoFrame("not a JPEG")
    return BestFrame(md5, body)
