"""Questions that no document settles, and how to answer them; tests/live asks them, too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_TIMEOUT_SECONDS = 20
# Characters of keys that messages and URLs may encode: a space, a plus, a percent, and Chinese.
AWKWARD_TEXT = "a b+c%25 验收"
# Codes with which the face API says that it could not fetch a link (1061/46849).
_LINK_CODES = ("DownLoad", "resourceUrl", "Md5Error", "MD5 Error")


def race(attempt: Callable[[int], T], racers: int) -> list[T]:
    """Make attempts at the same moment, each in its own thread; return their results."""
    barrier = threading.Barrier(racers)

    def start(number: int) -> T:
        barrier.wait(_TIMEOUT_SECONDS)
        return attempt(number)

    with ThreadPoolExecutor(racers) as threads:
        return list(threads.map(start, range(racers)))


def is_about_link(code: str) -> bool:
    """Whether a code of the face API says that a link was not accepted."""
    return any(word.lower() in code.lower() for word in _LINK_CODES)
