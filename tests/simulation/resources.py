"""What an instance works with: its share of a core, and its connections. And how long things take.

All of it is optional: without a share and without round trips of a handshake, work takes no time
and connections are there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple, Protocol

from .kernel import Kernel

# Of the standard normal distribution: 99 % of it lie below.
_NORMAL_P99 = 2.3263478740408408
# A thread that works holds the interpreter for so long, then lets another one work.
_SWITCH_SECONDS = 0.005


class Distribution(Protocol):
    """Of durations, in seconds."""

    def draw(self, rng: random.Random) -> float:
        """Return one duration."""

    @property
    def mean(self) -> float: ...


class Uniform(NamedTuple):
    """Anything from `low` to `high`, evenly."""

    low: float
    high: float

    def draw(self, rng: random.Random) -> float:
        return rng.uniform(self.low, self.high)

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2


class Lognormal(NamedTuple):
    """A long tail: half are longer than `median`, one in a hundred is longer than `p99`."""

    median: float
    p99: float

    @property
    def _sigma(self) -> float:
        return math.log(self.p99 / self.median) / _NORMAL_P99

    def draw(self, rng: random.Random) -> float:
        return rng.lognormvariate(math.log(self.median), self._sigma)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self._sigma**2 / 2)


class Resources(NamedTuple):
    """What each instance has, and what its work costs in seconds of a core.

    The costs are those of the function with the vendor's SDKs, of a process against the sandbox.
    """

    share: float = math.inf  # of a core
    period: float = 0.0  # a quota: the share of every so many seconds is used up at full speed
    start: float = 0.150  # of an instance: its imports
    request: float = 0.0012  # one request to the store; half of it before it is sent
    listed_key: float = 0.00007  # one key of a listing
    call: float = 0.0017  # one call of the face API; half of it before it is sent
    handshake: float = 0.002  # one new connection
    handshake_round_trips: int = 0  # TCP's one and TLS's one or two; 0: connections are there
    store_connections: int = 16  # that are kept idle
    face_connections: int = 1000

    @property
    def is_free(self) -> bool:
        """Whether neither work nor connections take any time."""
        return math.isinf(self.share) and not self.handshake_round_trips


class InstanceDied(BaseException):
    """Raised in every task of an instance that has died; no code of the function handles it."""


class Cpu:
    """An instance's share of a core: what is asked for is done in order, a piece at a time.

    Once it has stopped, whatever runs on it ends.
    """

    def __init__(self, kernel: Kernel, resources: Resources) -> None:
        self._kernel = kernel
        self._share = resources.share
        self._period = resources.period
        self._free_at = kernel.now
        self._period_number = -1
        self._left_of_period = 0.0
        self.used = 0.0  # seconds of a core
        self.is_stopped = False

    def use(self, seconds: float) -> None:
        """Work for so many seconds of a whole core; other tasks' pieces come in between."""
        self.used += seconds
        self._work(seconds)
        if self.is_stopped:
            raise InstanceDied

    def _work(self, seconds: float) -> None:
        if math.isinf(self._share):
            return
        while seconds > 0 and not self.is_stopped:
            piece = min(seconds, _SWITCH_SECONDS)
            self._free_at = self._end_of(max(self._kernel.now, self._free_at), piece)
            self._kernel.sleep(self._free_at - self._kernel.now)
            seconds -= piece

    def _end_of(self, begin: float, work: float) -> float:
        """Return when that much work is done that begins then, and take it from the quota."""
        if not self._period:
            return begin + work / self._share
        number = math.floor(begin / self._period)
        while True:
            if number > self._period_number:
                self._period_number, self._left_of_period = number, self._share * self._period
            end_of_period = (number + 1) * self._period
            done = max(0.0, min(work, self._left_of_period, end_of_period - begin))
            self._left_of_period -= done
            work -= done
            if work <= 1e-9:
                return begin + done
            number, begin = number + 1, end_of_period


class Connections:
    """The connections of an instance to one service; each has one user at a time."""

    _MAX_IDLE_SECONDS = 30.0

    def __init__(
        self, kernel: Kernel, cpu: Cpu, resources: Resources, way: Distribution, kept: int
    ) -> None:
        self._kernel = kernel
        self._cpu = cpu
        self._resources = resources
        self._way = way
        self._kept = kept
        self._idle: list[float] = []  # since when, of each
        self._promised = 0  # of the idle ones: those opened ahead, for calls to come
        self.opened = 0

    def reserve(self) -> Callable[[], None] | None:
        """Return what opens a connection for a call to come, unless an idle one is left for it."""
        self._forget_old()
        self._promised += 1
        return self._open_ahead if len(self._idle) < self._promised else None

    def _open_ahead(self) -> None:
        self._open()
        self._idle.append(self._kernel.now)

    def take(self) -> None:
        """Take an idle connection, or else open a new one."""
        self._forget_old()
        self._promised = max(0, self._promised - 1)
        if self._idle:
            self._idle.pop()
        else:
            self._open()

    def give_back(self) -> None:
        """Keep a connection for the next user; one that is not given back is lost."""
        if len(self._idle) < self._kept:
            self._idle.append(self._kernel.now)

    def _open(self) -> None:
        trips = self._resources.handshake_round_trips
        if not trips:
            return
        self.opened += 1
        self._cpu.use(self._resources.handshake)
        rng = self._kernel.random
        self._kernel.sleep(sum(self._way.draw(rng) for _ in range(2 * trips)))

    def _forget_old(self) -> None:
        oldest = self._kernel.now - self._MAX_IDLE_SECONDS
        while self._idle and self._idle[0] < oldest:
            self._idle.pop(0)
