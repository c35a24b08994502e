"""Awkward keys, and how a trigger message spells them."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

# Ends of object keys, each of which some encoding gets wrong.
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


class RecordedObject(NamedTuple):
    """The object of one record of a message, with both spellings of its key decoded."""

    raw_key: str
    url_key: str
    url_is_encoded: bool
    size: Any
    event_name: str


def read_record(record: Any) -> RecordedObject:
    cos_object, bucket = record["cos"]["cosObject"], record["cos"]["cosBucket"]
    prefix = f"/{bucket['appid']}/{bucket['name']}/"
    assert cos_object["key"].startswith(prefix), "key is /<appid>/<bucket>/<object key>"
    url = urlsplit(cos_object["url"])
    assert url.hostname is not None
    assert url.hostname.startswith(f"{bucket['name']}-{bucket['appid']}.cos.")
    return RecordedObject(
        cos_object["key"].removeprefix(prefix),
        unquote(url.path, errors="strict").removeprefix("/"),
        url.path.isascii() and " " not in url.path and not url.query and not url.fragment,
        cos_object["size"],
        record["event"]["eventName"],
    )
