"""A liveness package decides its own outcome: JSON with the key "sandbox" is an instruction.

    {"sandbox": true, "code": "FailedOperation.LivessDetectFail"}
    {"sandbox": true, "delay": 2, "frame": "missing"}

Any other bytes represent a live person: Success, 96.3.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import NoneType
from typing import Any

from ..api.request import has_surrogate

SUCCESS = "Success"
_DEFAULT_SIMILARITY = 96.3
MAX_SCENARIO_BYTES = 1024 * 1024

CHANNELS = ("result", "error")
MAX_DELAY_SECONDS = 24 * 3600
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
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


# The JSON types of each field; None means its default. `sim` may have any type.
_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "code": ("a string", (str,)),
    "channel": ("a string", (str,)),
    "description": ("a string", (str, NoneType)),
    "delay": ("a number", (int, float)),
    "frame": ("a string", (str,)),
    "picture": ("a string", (str, NoneType)),
    "drop": ("a string", (str, NoneType)),
    "body": ("a string", (str, NoneType)),
    "http_status": ("an integer", (int,)),
    "content_type": ("a string", (str,)),
    "response": ("an object", (dict,)),
    "times": ("an integer", (int, NoneType)),
}


class InvalidScenario(ValueError):
    """The package has a field or value that no scenario has, most likely a typo in a test."""


@dataclass(frozen=True)
class FaceScenario:
    code: str = SUCCESS
    channel: str = "result"
    """How a failure is reported: in `Result` of a normal response, or as an API error."""
    sim: Any = None
    """None means 96.3 for Success, else 0."""
    description: str | None = None
    delay: float = 0.0
    frame: str = "ok"
    picture: str | None = None
    """A JPEG in base64 that is the best frame; by default that shows what the reference shows."""
    drop: str | None = None
    """Reset the connection `before` or `after` the call counts."""
    body: str | None = None
    """Sent verbatim as the HTTP body."""
    http_status: int = 200
    content_type: str = "application/json"
    response: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the Response object at the end; null removes a field."""
    times: int | None = None
    """Apply all this only to this number of calls with the package, the first ones; later ones
    succeed."""

    def __post_init__(self) -> None:
        for name, (type_name, types) in _TYPES.items():
            value = getattr(self, name)
            # In Python bool is a subclass of int.
            if isinstance(value, bool) or not isinstance(value, types):
                raise InvalidScenario(f"{name} must be {type_name}, not {value!r}")
        for name, allowed in (("channel", CHANNELS), ("drop", DROPS), ("frame", FRAMES)):
            if getattr(self, name) not in allowed:
                raise InvalidScenario(
                    f"{name} must be one of {allowed}, not {getattr(self, name)!r}"
                )

        if not 0 <= self.delay <= MAX_DELAY_SECONDS:  # false for NaN
            raise InvalidScenario(f"delay must be from 0 to {MAX_DELAY_SECONDS} seconds")
        if not 200 <= self.http_status <= 599:
            raise InvalidScenario(f"http_status must be from 200 to 599, not {self.http_status}")
        if _CONTROL.search(self.content_type):
            raise InvalidScenario("content_type has a control character")
        if self.times is not None and self.times < 0:
            raise InvalidScenario(f"times must be 0 or more, not {self.times}")
        try:
            base64.b64decode(self.picture or "", validate=True)
        except ValueError:
            raise InvalidScenario("picture must be base64") from None

    @property
    def similarity(self) -> Any:
        if self.sim is None:
            return _DEFAULT_SIMILARITY if self.code == SUCCESS else 0.0
        return self.sim


def parse_face_scenario(package: bytes) -> FaceScenario:
    try:
        spec = json.loads(package)
    except (ValueError, RecursionError):
        return FaceScenario()
    if not isinstance(spec, dict) or "sandbox" not in spec:
        return FaceScenario()
    if has_surrogate(spec):
        raise InvalidScenario("half of a surrogate pair is not a character")
    known = {name: spec[name] for name in (f.name for f in fields(FaceScenario)) if name in spec}
    unknown = spec.keys() - known.keys() - {"sandbox"}
    # A misspelled field must not be mistaken for a comment.
    if unknown - {"comment"}:
        raise InvalidScenario(f"unknown fields: {', '.join(sorted(unknown))}")
    return FaceScenario(**known)
