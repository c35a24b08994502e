"""Awkward keys, and what a trigger message says of them."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

# Each is what some encoding gets wrong: as a name at the end of an object key.
AWKWARD_NAMES = (
    "a b",
    "a+b",
    "a%2Bb",
    "100%",
    "人 é",
    "😀",
    "a&b=c",
    "a#b?c",
    "!'()*~",
    'a"b\\c',
    "a;b,c@d:e$f",
)

HOW_TO_RECORD = (
    "name a folder of recorded messages. To record them: deploy tests/live/echo as a function "
    "behind a COS trigger, upload an object under each name in AWKWARD_NAMES of "
    "tests/live/messages.py below the trigger's prefix, and save each line that the function "
    "logs as a .json file"
)


class Told(NamedTuple):
    """One record of a message, both its spellings of the key read."""

    raw_key: str
    url_key: str
    url_is_encoded: bool
    size: Any
    event_name: str


def told(record: Any) -> Told:
    about, where = record["cos"]["cosObject"], record["cos"]["cosBucket"]
    front = f"/{where['appid']}/{where['name']}/"
    assert about["key"].startswith(front), "key is /<appid>/<bucket>/<object key>"
    url = urlsplit(about["url"])
    assert url.hostname is not None
    assert url.hostname.startswith(f"{where['name']}-{where['appid']}.cos.")
    return Told(
        about["key"].removeprefix(front),
        unquote(url.path, errors="strict").removeprefix("/"),
        url.path.isascii() and " " not in url.path and not url.query and not url.fragment,
        about["size"],
        record["event"]["eventName"],
    )
