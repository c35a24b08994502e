"""Which key means what: pair ids, roles, and where results and ledger objects lie."""

from __future__ import annotations

import calendar
import hashlib
import json
import time
from collections.abc import Iterable
from typing import NamedTuple

from .settings import MAX_KEY_BYTES, Settings

_STAMP = "%Y%m%dT%H%M%SZ"
LIVE = "live"
IMAGE = "image"
# "/best-frame-" + MD5 + ".jpg": the longest thing that follows a pair id in a result key.
_LONGEST_RESULT_NAME = len("/best-frame-.jpg") + 32


class InputKey(NamedTuple):
    """One key a customer writes: whose it is and which of the two inputs."""

    key: str
    pair_id: str
    role: str


class NotAnInput(NamedTuple):
    """A key that is nobody's input, and why."""

    key: str
    why: str


def read_input_key(settings: Settings, key: str) -> InputKey | NotAnInput:
    """Split `<input prefix><pair id><suffix>`; the longest suffix that matches wins."""
    if not key.startswith(settings.input_prefix):
        return NotAnInput(key, f"lies outside the input prefix {settings.input_prefix!r}")
    if key.endswith("/"):
        return NotAnInput(key, "is a folder placeholder")
    rest = key[len(settings.input_prefix) :]
    roles = {**dict.fromkeys(settings.live_suffixes, LIVE)}
    roles.update(dict.fromkeys(settings.image_suffixes, IMAGE))
    matching = [suffix for suffix in roles if rest.endswith(suffix)]
    if not matching:
        return NotAnInput(key, f"ends in none of {', '.join(sorted(roles))}")
    suffix = max(matching, key=len)
    pair_id = rest[: -len(suffix)]
    problem = pair_id_problem(settings, pair_id)
    return NotAnInput(key, problem) if problem else InputKey(key, pair_id, roles[suffix])


def pair_id_problem(settings: Settings, pair_id: str) -> str | None:
    """Why no result could be written for this pair id; None when all is well."""
    if not pair_id:
        return "has an empty pair id"
    try:
        size = len(pair_id.encode())
    except UnicodeEncodeError:
        return "has a pair id that is not valid Unicode"
    room = MAX_KEY_BYTES - len(settings.result_prefix.encode()) - _LONGEST_RESULT_NAME
    if size > room:
        return f"has a pair id of {size} bytes; its results would fit only up to {room}"
    return None


def candidate_keys(settings: Settings, pair_id: str) -> list[InputKey]:
    """Every key under which an input of this pair may lie.

    A key that by its longest suffix belongs to another pair is left out, so that two people's
    inputs are never mixed by suffixes that end alike.
    """
    candidates = [
        read_input_key(settings, settings.input_prefix + pair_id + suffix)
        for suffix in settings.live_suffixes + settings.image_suffixes
    ]
    return [
        candidate
        for candidate in candidates
        if isinstance(candidate, InputKey)
        and candidate.pair_id == pair_id
        and len(candidate.key.encode()) <= MAX_KEY_BYTES
    ]


def fingerprint(pair_id: str, inputs: Iterable[tuple[str, str, int]]) -> str:
    """SHA-256 over the pair id and each input's key, ETag and size: what "the same work" means."""
    canonical = json.dumps([pair_id, *sorted(map(list, inputs))], separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def pair_hash(pair_id: str) -> str:
    """A pair id as a name of fixed length and plain characters."""
    return hashlib.sha256(pair_id.encode()).hexdigest()


def result_key(settings: Settings, pair_id: str) -> str:
    return f"{settings.result_prefix}{pair_id}/result.json"


def best_frame_key(settings: Settings, pair_id: str, md5: str) -> str:
    """The MD5 is in the name, so that a key never holds other bytes."""
    return f"{settings.result_prefix}{pair_id}/best-frame-{md5}.jpg"


def work_prefix(settings: Settings, pair_id: str, print_: str) -> str:
    """Where the ledger keeps what belongs to one fingerprint of one pair."""
    return f"{settings.ledger_prefix}claims/{pair_hash(pair_id)}/{print_}/"


def marker_key(settings: Settings, pair_id: str, due: float, nonce: str) -> str:
    """Markers sort by due time (seconds since 1970); every one has its own name."""
    return f"{markers_due_at(settings, due)}-{pair_hash(pair_id)}-{nonce}"


def markers_due_at(settings: Settings, due: float) -> str:
    """How the keys of all markers begin that are due in that second."""
    return marker_prefix(settings) + time.strftime(_STAMP, time.gmtime(due))


def due_at(key: str) -> float | None:
    """When the marker of that key is due (seconds since 1970); None where it is named otherwise."""
    stamp = key.rpartition("/")[2].partition("-")[0]
    try:
        return float(calendar.timegm(time.strptime(stamp, _STAMP)))
    except ValueError:
        return None


def marker_prefix(settings: Settings) -> str:
    return f"{settings.ledger_prefix}pending/"
