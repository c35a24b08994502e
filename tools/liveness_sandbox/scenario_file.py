"""A scenario file: what the sandbox shall do wrong from its start on.

{
  "faults": [{"match": {"method": "PUT", "key": "*.claim", "times": 1}, "do": {"drop": "after"}}],
  "clock": {"advance": 3600},
  "faceid": {"rate_limit": 10, "limiter": "token-bucket"},
  "comment": "yours"
}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .clock import Clock
from .faceid.rate_limit import ALGORITHMS
from .faceid.service import FaceIdService
from .faults.active import Faults
from .faults.document import checked_number, checked_object, parse_fault, shown
from .faults.fault import Fault, InvalidFault


class Target(Protocol):
    """What a scenario is played in: a Sandbox is one."""

    @property
    def faults(self) -> Faults: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def faceid(self) -> FaceIdService: ...


@dataclass(frozen=True)
class ScenarioFile:
    faults: tuple[Fault, ...] = ()
    advance_seconds: float = 0
    faceid: Mapping[str, Any] = field(default_factory=dict)
    """`rate_limit` and `limiter`, as far as they are given."""

    def apply(self, target: Target) -> list[str]:
        """Bring it about; the ids of the faults are returned."""
        target.clock.advance(self.advance_seconds)
        if "rate_limit" in self.faceid:
            target.faceid.rate_limit = self.faceid["rate_limit"]
        if "limiter" in self.faceid:
            target.faceid.limiter.algorithm = self.faceid["limiter"]
        return [target.faults.add(fault) for fault in self.faults]


def load_scenario(path: Path) -> ScenarioFile:
    """Raises InvalidFault with a text that names the file and the place in it."""
    try:
        return parse_scenario_file(json.loads(path.read_bytes()))
    except OSError as error:
        raise InvalidFault(f"{path}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InvalidFault(f"{path}: no JSON in line {error.lineno}: {error.msg}") from None
    except (UnicodeDecodeError, RecursionError):
        raise InvalidFault(f"{path}: no JSON") from None
    except InvalidFault as error:
        raise InvalidFault(f"{path}: {error}") from None


def parse_scenario_file(document: Any) -> ScenarioFile:
    given = checked_object(document, "", ("faults", "clock", "faceid", "comment"))
    faults = given.get("faults", [])
    if not isinstance(faults, list):
        raise InvalidFault(f"faults is a list, not {shown(faults)}")
    return ScenarioFile(
        tuple(parse_fault(fault, f"faults[{place}]") for place, fault in enumerate(faults)),
        _advance(given.get("clock", {})),
        _limits(given.get("faceid", {})),
    )


def _advance(document: Any) -> float:
    given = checked_object(document, "clock", ("advance",))
    seconds = checked_number(given.get("advance", 0), "clock.advance")
    if seconds < 0:
        raise InvalidFault(f"clock.advance is 0 or more, not {seconds:g}: it never goes back")
    return seconds


def _limits(document: Any) -> Mapping[str, Any]:
    given = checked_object(document, "faceid", ("rate_limit", "limiter"))
    limit, limiter = given.get("rate_limit"), given.get("limiter")
    if limit is not None and checked_number(limit, "faceid.rate_limit") < 0:
        raise InvalidFault(f"faceid.rate_limit is 0 or more, or null for none, not {limit:g}")
    if "limiter" in given and limiter not in tuple(ALGORITHMS):
        raise InvalidFault(
            f"faceid.limiter is one of {', '.join(ALGORITHMS)}, not {shown(limiter)}"
        )
    return given
