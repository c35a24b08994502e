"""The best frame: fetched from the API's temporary URL and checked before anybody relies on it."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple, Protocol

from .errors import StoreUnavailable
from .face import Answer
from .retry import RetryPolicy, patiently
from .seams import Chance, Clock, Concurrency
from .urls import cos_url_problem

MAX_FRAME_BYTES = 5 * 1024 * 1024
# Each try; and none begins later. What closing an invocation needs, must hold both.
FETCH_SECONDS = 5.0
FETCH = RetryPolicy(attempts=3, seconds=FETCH_SECONDS)
_MD5 = re.compile(r"[0-9a-f]{32}")


class Frame(NamedTuple):
    """A checked JPEG."""

    md5: str
    body: bytes


class FrameCopy(NamedTuple):
    """The frame as it lies among the results."""

    md5: str
    size: int


class NoFrame(NamedTuple):
    """Why there is no best frame; goes into result.json."""

    why: str


class FrameSource(Protocol):
    """Reads the temporary URL."""

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        """The body, at most `max_bytes + 1` of it. Redirects are not followed.

        Raises StoreUnavailable for what may pass: no connection, 5xx, a body cut short.
        """


def frame_md5(answer: Answer) -> str | None:
    """The MD5 the API gave, in lower case, if it is one."""
    md5 = answer.best_frame_md5.lower()
    return md5 if _MD5.fullmatch(md5) else None


def fetch_frame(
    source: FrameSource,
    answer: Answer,
    scheme: str,
    clock: Clock,
    chance: Chance,
    concurrency: Concurrency,
) -> Frame | NoFrame:
    """Fetch and check; never raises: a missing frame does not cost the verdict."""
    if not answer.best_frame_url:
        return NoFrame("the service gave none")
    md5 = frame_md5(answer)
    if md5 is None:
        return NoFrame("the service's MD5 of it is no MD5")
    if problem := cos_url_problem(answer.best_frame_url, scheme):
        return NoFrame(problem)

    def fetch_once() -> Frame | NoFrame:
        try:
            # The HTTP library's timeout is for each read; this one is for the whole download.
            body: bytes | NoFrame = concurrency.within(
                FETCH_SECONDS, lambda: source.fetch(answer.best_frame_url, MAX_FRAME_BYTES)
            )
        except TimeoutError:
            raise StoreUnavailable("the best frame came too slowly") from None
        return body if isinstance(body, NoFrame) else check_frame(body, md5)

    try:
        return patiently(fetch_once, clock, chance, FETCH)
    except StoreUnavailable:
        return NoFrame("it could not be downloaded")


def check_frame(body: bytes, md5: str) -> Frame | NoFrame:
    """A frame is what the API said it is, and an image."""
    if len(body) > MAX_FRAME_BYTES:
        return NoFrame(f"it is larger than {MAX_FRAME_BYTES} bytes")
    if hashlib.md5(body, usedforsecurity=False).hexdigest() != md5:
        return NoFrame("its MD5 is not the one the service gave")
    if not body.startswith(b"\xff\xd8\xff"):
        return NoFrame("it is no JPEG")
    return Frame(md5, body)
