"""A scenario file: what goes wrong in the sandbox from its start on, and who may do what.

{
  "faults": [{"match": {"method": "PUT", "key": "*.claim", "times": 1}, "do": {"drop": "after"}}],
  "clock": {"advance": 3600},
  "faceid": {"rate_limit": 10, "limiter": "token-bucket"},
  "cam": {"users": {"auditor": {"policies": {"read": {"version": "2.0", "statement": [...]}}}}},
  "comment": "a note of yours"
}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .cam.identities import Identities, parse_identities
from .cam.invalid_policy import InvalidPolicy
from .clock import Clock
from .faceid.rate_limit import ALGORITHMS
from .faceid.service import FaceIdService
from .faults.active import Faults
from .faults.document import checked_number, checked_object, parse_fault, shown
from .faults.fault import Fault, InvalidFault


class Target(Protocol):
    """What a scenario is applied to, such as a Sandbox."""

    @property
    def faults(self) -> Faults: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def faceid(self) -> FaceIdService: ...

    def put_identities(self, identities: Identities) -> None: ...


@dataclass(frozen=True)
class ScenarioFile:
    faults: tuple[Fault, ...] = ()
    advance_seconds: float = 0
    faceid: Mapping[str, Any] = field(default_factory=dict)
    """May contain `rate_limit` and `limiter`."""
    identities: Identities = field(default_factory=Identities)

    def apply(self, target: Target) -> list[str]:
        """Apply the scenario, and return the ids of its faults."""
        target.clock.advance(self.advance_seconds)
        if "rate_limit" in self.faceid:
            target.faceid.rate_limit = self.faceid["rate_limit"]
        if "limiter" in self.faceid:
            target.faceid.limiter.algorithm = self.faceid["limiter"]
        target.put_identities(self.identities)
        return [target.faults.add(fault) for fault in self.faults]


def load_scenario(path: Path) -> ScenarioFile:
    """Read a scenario file. Raise InvalidFault with the file and the path of the problem."""
    try:
        return parse_scenario_file(json.loads(path.read_bytes()))
    except OSError as error:
        raise InvalidFault(f"{path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InvalidFault(f"{path}: invalid JSON in line {error.lineno}: {error.msg}") from None
    except (UnicodeDecodeError, RecursionError):
        raise InvalidFault(f"{path}: invalid JSON") from None
    except InvalidFault as error:
        raise InvalidFault(f"{path}: {error}") from None


def parse_scenario_file(document: Any) -> ScenarioFile:
    fields = checked_object(document, "", ("faults", "clock", "faceid", "cam", "comment"))
    faults = fields.get("faults", [])
    if not isinstance(faults, list):
        raise InvalidFault(f"faults must be a list, not {shown(faults)}")
    return ScenarioFile(
        tuple(parse_fault(fault, f"faults[{index}]") for index, fault in enumerate(faults)),
        _advance(fields.get("clock", {})),
        _limits(fields.get("faceid", {})),
        _identities(fields.get("cam", {})),
    )


def _identities(document: Any) -> Identities:
    try:
        return parse_identities(document)
    except InvalidPolicy as error:
        raise InvalidFault(f"cam: {error}") from None


def _advance(document: Any) -> float:
    fields = checked_object(document, "clock", ("advance",))
    seconds = checked_number(fields.get("advance", 0), "clock.advance")
    if seconds < 0:
        raise InvalidFault(f"clock.advance must be 0 or more, not {seconds:g}")
    return seconds


def _limits(document: Any) -> Mapping[str, Any]:
    fields = checked_object(document, "faceid", ("rate_limit", "limiter"))
    limit, limiter = fields.get("rate_limit"), fields.get("limiter")
    if limit is not None and checked_number(limit, "faceid.rate_limit") < 0:
        raise InvalidFault(
            f"faceid.rate_limit must be 0 or more, or null for no limit, not {limit:g}"
        )
    if "limiter" in fields and limiter not in tuple(ALGORITHMS):
        raise InvalidFault(
            f"faceid.limiter must be one of {', '.join(ALGORITHMS)}, not {shown(limiter)}"
        )
    return fields
