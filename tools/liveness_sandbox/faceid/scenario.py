"""A liveness package decides its own fate: a JSON object with the key "sandbox" is an order.

    {"sandbox": true, "code": "FailedOperation.LivessDetectFail"}
    {"sandbox": true, "delay": 2, "frame": "missing"}

Any other bytes are a live person: Success, 96.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any

SUCCESS = "Success"
_DEFAULT_SIMILARITY = 96.3
MAX_SCENARIO_BYTES = 1024 * 1024

CHANNELS = ("result", "error")
DROPS = (None, "before", "after")
FRAMES = (
    "ok",
    "none",
    "wrong-md5",
    "not-jpeg",
    "too-large",
    "foreign-host",
    "redirect",
    "missing",
    "md5-string",
)


# What JSON gives for each field; None stands for its default. `sim` may be anything.
_KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "code": ("a text", (str,)),
    "channel": ("a text", (str,)),
    "description": ("a text", (str, NoneType)),
    "delay": ("a number", (int, float)),
    "frame": ("a text", (str,)),
    "drop": ("a text", (str, NoneType)),
    "body": ("a text", (str, NoneType)),
    "http_status": ("a whole number", (int,)),
    "content_type": ("a text", (str,)),
    "response": ("an object", (dict,)),
    "times": ("a whole number", (int, NoneType)),
}


class InvalidScenario(ValueError):
    """The package says something that no scenario has: most likely a typing error in a test."""


@dataclass(frozen=True)
class FaceScenario:
    code: str = SUCCESS
    channel: str = "result"
    """Where a failure's code is told: in `Result` of a normal response, or as an API error."""
    sim: Any = None
    """None: 96.3 for Success, else 0."""
    description: str | None = None
    delay: float = 0.0
    frame: str = "ok"
    drop: str | None = None
    """Reset the connection `before` the call counts, or `after`."""
    body: str | None = None
    """Sent verbatim as the HTTP body."""
    http_status: int = 200
    content_type: str = "application/json"
    response: Mapping[str, Any] = field(default_factory=dict)
    """Merged over the Response object at the end; null takes a field away."""
    times: int | None = None
    """All this for the first so many calls of this package only; later ones succeed."""

    def __post_init__(self) -> None:
        for name, (told, kinds) in _KINDS.items():
            value = getattr(self, name)
            # bool is an int to Python.
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise InvalidScenario(f"{name} is {told}, not {value!r}")
        for name, allowed in (("channel", CHANNELS), ("drop", DROPS), ("frame", FRAMES)):
            if getattr(self, name) not in allowed:
                raise InvalidScenario(f"{name} is one of {allowed}, not {getattr(self, name)!r}")

    @property
    def similarity(self) -> Any:
        if self.sim is None:
            return _DEFAULT_SIMILARITY if self.code == SUCCESS else 0.0
        return self.sim


def parse_face_scenario(package: bytes) -> FaceScenario:
    try:
        spec = json.loads(package)
    except ValueError:
        return FaceScenario()
    if not isinstance(spec, dict) or "sandbox" not in spec:
        return FaceScenario()
    known = {name: spec[name] for name in (f.name for f in fields(FaceScenario)) if name in spec}
    unknown = spec.keys() - known.keys() - {"sandbox"}
    # A field that is nearly right must not be taken for a note to the reader.
    if unknown - {"comment"}:
        raise InvalidScenario(f"unknown fields: {', '.join(sorted(unknown))}")
    return FaceScenario(**known)
