"""The description of each published version: from which code and settings it was made. Pure.

A version never changes once it is published, so no change in the console can falsify its
description. SCF allows letters, digits, spaces and commas in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

from .manifest import Manifest

_DIGITS = 32
_STAMP = re.compile(r"liveness code ([0-9a-f]{32}), settings ([0-9a-f]{32})")
_AFTER = re.compile(r", after (\d+)$")


class Stamp(NamedTuple):
    """Digests of the code and of the settings."""

    code: str
    settings: str


def stamp_of(manifest: Manifest, code_digest: str) -> Stamp:
    """Make the stamp of a manifest and a package."""
    return Stamp(
        code_digest[:_DIGITS],
        _digest(manifest.function._asdict()),
    )


def describe(stamp: Stamp, after: int | None) -> str:
    """Write a version's description; `after` is the version that had the traffic before it."""
    text = f"liveness code {stamp.code}, settings {stamp.settings}"
    return text if after is None else f"{text}, after {after}"


def read_stamp(description: str) -> Stamp | None:
    """Return None for a version that was not published by us."""
    match = _STAMP.match(description)
    return None if match is None else Stamp(*match.groups())


def read_after(description: str) -> int | None:
    """Return the version that had the traffic before, if the description names one."""
    match = _AFTER.search(description)
    return None if match is None or not _STAMP.match(description) else int(match[1])


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
