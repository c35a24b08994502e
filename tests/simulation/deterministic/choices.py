"""Who chooses the faults of a run: a seed, or a script.

A choice depends only on the seed and on the name of what is chosen for. So one fault can be removed
from a run while all others stay the same: that is what makes shrinking possible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from .faults import LATE, OK, PAUSES, SLOW, STALE_HEAD, STALE_LIST, Fault, Request, possible

_PAUSES_SECONDS = (3.0, 20.0, 55.0, 70.0, 140.0)
_LATE_SECONDS = (1.0, 12.0, 45.0)
_SLOW_SECONDS = (2.0, 60.0)  # beyond the caller's deadline, and beyond its lease
_STALE_SECONDS = (0.5, 5.0, 30.0)

# How many times as likely faults are at writes that other invocations rely on.
_CRITICAL_WEIGHT = 4


def _is_critical(request: Request) -> bool:
    return request.verb in ("put", "create") and (
        "/claims/" in request.key or "/results/" in request.key
    )


class Choices(Protocol):
    """Makes every choice of one run that is left to chance."""

    injected: dict[str, Fault]
    """The faults of the run so far, by the names of their requests."""

    def fault(self, request: Request) -> Fault:
        """Choose what happens to this request."""

    def draw(self, name: str) -> float:
        """Return a number from 0 up to 1, the same number for the same name."""


class Profile(NamedTuple):
    """How likely each kind of fault is in one run; kinds that are left out do not occur."""

    faults: Mapping[str, float]
    slow: float  # the share of requests that are slow
    until: float  # seconds since the run began; no faults are injected later


def draw(seed: int, name: str) -> float:
    """Return a number from 0 up to 1, uniformly distributed over seeds and names.

    The names of draws and requests are part of what a seed means: renaming one changes every run.
    """
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class SeededChoices:
    """Draws every choice from one seed."""

    def __init__(self, seed: int, profile: Profile) -> None:
        self._seed = seed
        self._shares: dict[str, tuple[tuple[str, float], ...]] = {}
        self._profile = profile
        self.injected: dict[str, Fault] = {}

    def draw(self, name: str) -> float:
        return draw(self._seed, name)

    def fault(self, request: Request) -> Fault:
        name = request.name
        number = draw(self._seed, name)
        slow, latency = number < self._profile.slow, 0.02
        if slow:
            latency = (0.3, 2.0, 6.0)[int(number / self._profile.slow * 3)]
        fault = Fault(OK, latency * self.draw(name + "b"), latency * self.draw(name + "a"))
        number = self.draw(name + "k")
        if _is_critical(request):
            number /= _CRITICAL_WEIGHT
        for kind, share in self._shares_at(request.verb):
            number -= share
            if number < 0:
                fault = fault._replace(kind=kind, long=self._long(kind, name))
                break
        self.injected[name] = fault
        return fault

    def _shares_at(self, verb: str) -> tuple[tuple[str, float], ...]:
        shares = self._shares.get(verb)
        if shares is None:
            of_kind = self._profile.faults
            shares = tuple((kind, of_kind[kind]) for kind in possible(verb) if kind in of_kind)
            self._shares[verb] = shares
        return shares

    def _long(self, kind: str, name: str) -> float:
        if kind in PAUSES:
            options: tuple[float, ...] = _PAUSES_SECONDS
        elif kind == LATE:
            options = _LATE_SECONDS
        elif kind == SLOW:
            options = _SLOW_SECONDS
        elif kind in (STALE_HEAD, STALE_LIST):
            options = _STALE_SECONDS
        else:
            return 0.0
        return options[int(self.draw(name + "l") * len(options))]


class ScriptedChoices:
    """Injects the faults that a script names; all other requests succeed."""

    def __init__(self, seed: int, script: Mapping[str, Fault]) -> None:
        self._seed = seed
        self._script = script
        self.injected: dict[str, Fault] = {}

    def draw(self, name: str) -> float:
        return draw(self._seed, name)

    def fault(self, request: Request) -> Fault:
        fault = self._script.get(request.name, Fault())
        if fault != Fault():
            self.injected[request.name] = fault
        return fault
