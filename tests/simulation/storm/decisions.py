"""Who decides what goes wrong. A decision hangs on the seed and the request's name alone.

So a fault can be taken out of a run, and all others stay as they were: that is how failures shrink.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from .fate import LATE, OK, PAUSES, SLOW, STALE_HEAD, STALE_LIST, Fate, Request, possible

_PAUSES_SECONDS = (3.0, 20.0, 55.0, 70.0, 140.0)
_LATE_SECONDS = (1.0, 12.0, 45.0)
_SLOW_SECONDS = (2.0, 60.0)  # after the caller's deadline, and after its lease
_STALE_SECONDS = (0.5, 5.0, 30.0)


# Writes that others build on are hit so much more often than requests in general.
_MATTERS = 4


def _matters(request: Request) -> bool:
    return request.verb in ("put", "create") and (
        "/claims/" in request.key or "/results/" in request.key
    )


class Decisions(Protocol):
    """Decides the fate of every request, and whatever else is left to chance."""

    def fate(self, request: Request) -> Fate:
        """What happens to this request."""

    def draw(self, name: str) -> float:
        """A number from 0 up to 1, the same for the same name."""


class Profile(NamedTuple):
    """How likely each kind of fault is in one run; those left out do not happen."""

    faults: Mapping[str, float]
    slow: float  # the share of requests that are slow
    until: float  # seconds since the begin: later nothing goes wrong


def draw(seed: int, name: str) -> float:
    """Evenly distributed from 0 up to 1."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Seeded:
    """Everything by one seed; `taken` are the fates that were dealt."""

    def __init__(self, seed: int, profile: Profile) -> None:
        self._seed = seed
        self._faults: dict[str, tuple[tuple[str, float], ...]] = {}
        self._profile = profile
        self.taken: dict[str, Fate] = {}

    def draw(self, name: str) -> float:
        return draw(self._seed, name)

    def fate(self, request: Request) -> Fate:
        name = request.name
        dice = draw(self._seed, name)
        slow, way = dice < self._profile.slow, 0.02
        if slow:
            way = (0.3, 2.0, 6.0)[int(dice / self._profile.slow * 3)]
        fate = Fate(OK, way * self.draw(name + "b"), way * self.draw(name + "a"))
        dice = self.draw(name + "k")
        if _matters(request):
            dice /= _MATTERS
        for kind, share in self._faults_at(request.verb):
            dice -= share
            if dice < 0:
                fate = fate._replace(kind=kind, long=self._long(kind, name))
                break
        self.taken[name] = fate
        return fate

    def _faults_at(self, verb: str) -> tuple[tuple[str, float], ...]:
        faults = self._faults.get(verb)
        if faults is None:
            shares = self._profile.faults
            faults = tuple((kind, shares[kind]) for kind in possible(verb) if kind in shares)
            self._faults[verb] = faults
        return faults

    def _long(self, kind: str, name: str) -> float:
        if kind in PAUSES:
            choices: tuple[float, ...] = _PAUSES_SECONDS
        elif kind == LATE:
            choices = _LATE_SECONDS
        elif kind == SLOW:
            choices = _SLOW_SECONDS
        elif kind in (STALE_HEAD, STALE_LIST):
            choices = _STALE_SECONDS
        else:
            return 0.0
        return choices[int(self.draw(name + "l") * len(choices))]


class Scripted:
    """What a script names; all else goes well."""

    def __init__(self, seed: int, script: Mapping[str, Fate]) -> None:
        self._seed = seed
        self._script = script
        self.taken: dict[str, Fate] = {}

    def draw(self, name: str) -> float:
        return draw(self._seed, name)

    def fate(self, request: Request) -> Fate:
        fate = self._script.get(request.name, Fate())
        if fate != Fate():
            self.taken[request.name] = fate
        return fate
