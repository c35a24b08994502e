"""Which file gets which key. Pure."""

from __future__ import annotations

from pathlib import PurePath

from liveness.keys import IMAGE, LIVE, InputKey, pair_id_problem, read_input_key
from liveness.settings import Settings

from ..errors import InvalidUsage


def live_key(settings: Settings, pair_id: str) -> str:
    """Return the key of a pair's liveness package. Raises InvalidUsage for an invalid pair id."""
    return _checked(settings, pair_id, settings.live_suffixes[0], LIVE)


def photo_key(settings: Settings, pair_id: str, file: PurePath) -> str:
    """Return the key of a pair's photo, which keeps its file type if the settings allow it.

    Raises InvalidUsage for an invalid pair id.
    """
    suffixes = settings.image_suffixes
    file_type = file.suffix.lower()
    same_type = [suffix for suffix in suffixes if file_type and suffix.endswith(file_type)]
    return _checked(settings, pair_id, (same_type or suffixes)[0], IMAGE)


def _checked(settings: Settings, pair_id: str, suffix: str, role: str) -> str:
    if problem := pair_id_problem(settings, pair_id):
        raise InvalidUsage(f"{pair_id!a} {problem}")
    key = settings.input_prefix + pair_id + suffix
    # With suffixes that end alike, a key may be read as another pair's.
    if read_input_key(settings, key) != InputKey(key, pair_id, role):
        raise InvalidUsage(f"{pair_id!a} is no pair id: {key!a} would be another pair's input")
    return key
