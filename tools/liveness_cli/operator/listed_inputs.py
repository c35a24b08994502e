"""What a listing of the inputs shows: pairs that wait, and keys that belong to no pair. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from liveness.keys import IMAGE, LIVE, NotAnInput, inputs_prefix, read_input_key
from liveness.settings import Settings
from liveness.store import ListedObject

from .sentences import Sentence, say

MAX_STRAYS = 10_000
"""More are counted, but not kept."""


class WaitingPair(NamedTuple):
    """A pair without a result: an input is missing, or the function has not finished it."""

    pair_id: str
    missing: tuple[str, ...]
    """The roles that are missing, `live` or `image`; empty if the pair is complete."""
    since: float
    """When the latest of its inputs was uploaded; seconds since 1970."""


class StrayKey(NamedTuple):
    """A key under the input prefix that belongs to no pair."""

    key: str
    written_at: float
    """Seconds since 1970."""


class ListedInputs(NamedTuple):
    """What a listing of the input prefix shows."""

    pairs: Mapping[str, WaitingPair]
    """By pair id; complete pairs have nothing missing."""
    strays: tuple[StrayKey, ...]
    """The first MAX_STRAYS, by key."""
    stray_count: int


def classify_inputs(settings: Settings, items: Iterable[ListedObject]) -> ListedInputs:
    """Group the keys of inputs by pair, and collect the other keys."""
    pairs: dict[str, WaitingPair] = {}
    strays: list[StrayKey] = []
    stray_count = 0
    for item in items:
        key = read_input_key(settings, item.key)
        if isinstance(key, NotAnInput):
            if not key.is_stray:
                continue
            stray_count += 1
            if len(strays) < MAX_STRAYS:
                strays.append(StrayKey(item.key, item.last_modified))
            continue
        before = pairs.get(key.pair_id) or WaitingPair(key.pair_id, (LIVE, IMAGE), 0.0)
        missing = tuple(role for role in before.missing if role != key.role)
        since = max(before.since, item.last_modified)
        pairs[key.pair_id] = WaitingPair(key.pair_id, missing, since)
    return ListedInputs(pairs, tuple(strays), stray_count)


def reason_of(settings: Settings, stray: StrayKey) -> Sentence:
    """Return why the key is not an input's; it may be one if the settings have changed since."""
    read = read_input_key(settings, stray.key)
    if isinstance(read, NotAnInput):
        return say(f"key-{read.problem.code}", **read.values)
    return say("key-input")


def strays_of(settings: Settings, pair_id: str, items: Iterable[ListedObject]) -> list[StrayKey]:
    """Return the strays that were meant for this pair, as far as their keys tell.

    The keys of `items` begin with the input prefix and the pair id. What follows the id must not
    belong to a longer one, such as the 0 of session-10 after session-1.
    """
    start = len(inputs_prefix(settings, pair_id))
    separators = {suffix[0] for suffix in settings.live_suffixes + settings.image_suffixes}
    return [
        stray
        for stray in classify_inputs(settings, items).strays
        if stray.key[start : start + 1] in separators | {"/", "."}
    ]
