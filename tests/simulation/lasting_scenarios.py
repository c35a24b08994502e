"""What lasts, in virtual time: an API that is gone or slow, refusals, and inputs that never work.

Each scenario returns its figures; bench/lasting.py compares them with targets, and
test_lasting.py a few of them, small.
"""

from __future__ import annotations

import contextlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from liveness.errors import LivenessError
from liveness.history import MAX_SETBACKS
from liveness.keys import pair_hash

from .lasting_world import ARREARS, CODES, LOOKS, RATE, LastingWorld, unusable
from .resources import Uniform

_BEGIN_SECONDS = 7.0  # after a full minute, at which timers fire
_BURST_PER_SECOND = 2000.0
_FRESH_EVERY_SECONDS = 2.0
_FRESH_AFTER_SECONDS = 60.0  # fresh uploads go on for this long after an outage
# The share of the rate at which a backlog is to drain, and what a call with its walk may take.
DRAIN_SHARE = 0.9
_CALL_SECONDS = 3.0
_HOUR = 3600.0
_DAY = 24 * _HOUR
_DUE_SECONDS = 90.0  # after which the marker of a refused pair is due


# ---- the API is gone


@dataclass(frozen=True)
class Outage:
    """The API gone for so long, with a backlog from before and fresh uploads meanwhile."""

    kind: str
    seconds: float
    backlog: int
    fresh_every: float = _FRESH_EVERY_SECONDS


@dataclass(frozen=True)
class OutageFigures:
    """What became of the pairs of an outage; seconds are since its end."""

    outage: Outage
    pairs: int
    failed: int
    unfinished: int
    billed_per_pair: float
    most_billed: int
    sent: int  # pairs of which a call was sent during the outage and got no reply
    first_verdict: float
    wait: float  # from then on everything that waits is served at DRAIN_SHARE of the rate
    last_waiting: float  # the last result of a pair of which no call was sent
    last: float


def outage(outage: Outage, seed: int = 1) -> OutageFigures:
    """Let the API be gone, just after a backlog was uploaded, and see what becomes of it."""
    world = LastingWorld(seed)
    begin = _BEGIN_SECONDS + outage.backlog / _BURST_PER_SECOND + 2
    end = world.began + begin + outage.seconds
    _burst(world, "backlog", outage.backlog, _BEGIN_SECONDS)
    fresh = int((outage.seconds + _FRESH_AFTER_SECONDS) / outage.fresh_every)
    for number in range(fresh):
        world.upload_apart(f"fresh-{number}", begin + number * outage.fresh_every)
    world.conditions.add(outage.kind, world.began + begin, end)
    world.kernel.run(until=end)
    due = world.store.due_times()
    pairs = outage.backlog + fresh
    world.run_until_done(4 * _HOUR, pairs)

    finished = {pair: world.began + at - end for pair, at in world.finished_at().items()}
    waiting: list[Waiting] = []
    for pair, at in finished.items():
        # What was sent without a reply is spaced: it takes its share of the rate when it comes.
        is_spaced = pair in world.face.unanswered
        since = at if is_spaced else max(due.get(pair_hash(pair), 0.0), world.uploaded[pair]) - end
        if at > 0:
            waiting.append(Waiting(since, at, is_spaced))
    billed = world.face.billed
    return OutageFigures(
        outage=outage,
        pairs=pairs,
        failed=world.statuses()["failed"],
        unfinished=pairs - len(finished),
        billed_per_pair=sum(billed.values()) / pairs,
        most_billed=max(billed.values()),
        sent=len(world.face.unanswered),
        first_verdict=min(one.finished for one in waiting),
        wait=seconds_until_drained_at(DRAIN_SHARE * RATE, waiting),
        last_waiting=max(one.finished for one in waiting if not one.is_spaced),
        last=max(finished.values()),
    )


class Waiting(NamedTuple):
    """A pair that waits: since when it is due, and when it got its result."""

    since: float
    finished: float
    is_spaced: bool


def seconds_until_drained_at(rate: float, waiting: Sequence[Waiting]) -> float:
    """Return after how many seconds a queue served at the rate would be no faster.

    The smallest number of seconds of which this is true: as many pairs are finished at any later
    time as if they were served at the rate from then on, each when it is due, allowing for one
    call's duration.
    """
    finished = sorted(one.finished for one in waiting)

    def is_no_slower(seconds: float) -> bool:
        since = sorted(one.since if one.is_spaced else max(one.since, seconds) for one in waiting)
        served = -math.inf
        for due, actual in zip(since, finished, strict=True):
            served = max(served, due) + 1 / rate
            if actual > served + _CALL_SECONDS:
                return False
        return True

    low, high = 0, math.ceil(finished[-1])
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_no_slower(middle) else (middle + 1, high)
    return float(low)


# ---- the API is slow


@dataclass(frozen=True)
class SlowFigures:
    """What became of pairs while the API took so long for each answer."""

    seconds: float
    pairs: int
    failed: int
    unfinished: int
    billed_per_pair: float
    most_billed: int


def slow(
    seconds: float, pairs: int = 200, minutes: float = 20, fresh: int = 200, seed: int = 1
) -> SlowFigures:
    """Let every answer take so long for some minutes, with a backlog and fresh uploads."""
    world = LastingWorld(seed)
    normal = world.face.call_seconds
    world.face.call_seconds = Uniform(seconds, seconds + 0.5)
    _burst(world, "backlog", pairs, _BEGIN_SECONDS)
    for number in range(fresh):
        world.upload_apart(f"fresh-{number}", _BEGIN_SECONDS + number * _FRESH_EVERY_SECONDS)
    world.kernel.run(until=world.began + minutes * 60)
    world.face.call_seconds = normal
    world.run_until_done(4 * _HOUR, pairs + fresh)
    billed, count = world.face.billed, pairs + fresh
    return SlowFigures(
        seconds=seconds,
        pairs=count,
        failed=world.statuses()["failed"],
        unfinished=count - len(world.finished_at()),
        billed_per_pair=sum(billed.values()) / count,
        most_billed=max(billed.values()),
    )


# ---- the account is refused


@dataclass(frozen=True)
class RefusedFigures:
    """What became of pairs while the account was refused."""

    kind: str
    hours: int
    pairs: int
    lost: int  # pairs without a result after the end
    failed: int
    events_lost: int
    calls_per_minute: float  # the most in any hour, that of the uploads left out
    requests_by_hour: tuple[int, ...]
    most_markers: int  # of one pair, at the end of any hour
    markers: int  # in all, at the end

    @property
    def growth(self) -> float:
        """The requests of the last hour, divided by those of the first after the uploads."""
        return self.requests_by_hour[-1] / self.requests_by_hour[1]


def refused(kind: str, hours: int, pairs: int, seed: int = 1) -> RefusedFigures:
    """Refuse the account for hours from the first upload on, then no longer."""
    world = LastingWorld(seed)
    end = hours * _HOUR
    world.conditions.add(kind, world.began, world.began + end)
    for number in range(pairs):
        world.upload_apart(f"pair-{number}", _BEGIN_SECONDS + number * 0.5 * _HOUR / pairs)
    most_markers = markers = 0
    for hour in range(1, hours + 1):
        # Between two full minutes: no marker is being requeued.
        world.kernel.run(until=world.began + hour * _HOUR - 20)
        counts = world.store.marker_counts()
        most_markers = max([most_markers, *counts.values()])
        markers = counts.total()
    world.kernel.run(until=world.began + end)
    by_hour = [
        bisect_right(world.face.began, world.began + (hour + 1) * _HOUR)
        - bisect_right(world.face.began, world.began + hour * _HOUR)
        for hour in range(hours)
    ]
    later = by_hour[1:] or by_hour
    requests = tuple(world.store.requests_in(hour) for hour in range(hours))
    world.run_until_done(6 * _HOUR, pairs)
    return RefusedFigures(
        kind=kind,
        hours=hours,
        pairs=pairs,
        lost=pairs - len(world.finished_at()),
        failed=world.statuses()["failed"],
        events_lost=len(world.lost),
        calls_per_minute=max(later) / 60,
        requests_by_hour=requests,
        most_markers=most_markers,
        markers=markers,
    )


# ---- inputs that cannot be judged


@dataclass(frozen=True)
class CrowdFigures:
    """What became of honest pairs beside a crowd that cannot be judged, and of the crowd."""

    honest: int
    crowd: int
    last_honest: float  # seconds since the honest upload
    honest_failed: int
    calls_for_looks: int
    most_calls: int  # for one other pair of the crowd
    unfinished: int
    last_of_crowd: float  # seconds since its upload


def crowd(
    honest: int,
    crowd: int,
    kinds: Sequence[str] = (*LOOKS, *CODES),
    after: float = 300.0,
    to_the_end: bool = True,
    seed: int = 1,
) -> CrowdFigures:
    """Upload honest pairs some time after a crowd, when its pairs are due for their next tries.

    Without `to_the_end` stop when the honest pairs have their results.
    """
    world = LastingWorld(seed)
    names = [unusable(kinds[number % len(kinds)], number) for number in range(crowd)]
    for number, name in enumerate(names):
        world.upload_at(name, _BEGIN_SECONDS + number / _BURST_PER_SECOND)
    uploaded = _BEGIN_SECONDS + after
    _burst(world, "honest", honest, uploaded)
    world.kernel.run(until=world.began + uploaded)
    if to_the_end:
        world.run_until_done(_DAY, honest + crowd)
    else:
        while world.statuses("honest").get("passed", 0) < honest:
            world.kernel.run(until=world.kernel.now + 5)
    finished = world.finished_at()
    calls = world.face.judged
    looks = [name for name in names if any(f"-{kind}-" in name for kind in LOOKS)]
    ends = [finished.get(name, math.inf) for name in names]
    honest_ends = [finished.get(f"honest-{number}", math.inf) for number in range(honest)]
    return CrowdFigures(
        honest=honest,
        crowd=crowd,
        last_honest=max(honest_ends, default=uploaded) - uploaded,
        honest_failed=world.statuses("honest")["failed"],
        calls_for_looks=sum(calls[name] for name in looks),
        most_calls=max((calls[name] for name in names if name not in set(looks)), default=0),
        unfinished=honest + crowd - len(finished),
        last_of_crowd=max(ends, default=_BEGIN_SECONDS) - _BEGIN_SECONDS,
    )


# ---- what a visit costs


@dataclass(frozen=True)
class VisitFigures:
    """Store requests of one visit, after so many attempts of the pair were given back."""

    attempts: int
    by_marker: int  # a drain's whole run for one marker
    by_event: int  # a direct invocation, which knows nothing of the past


def visits(attempts: int, seed: int = 1) -> VisitFigures:
    """Have attempts of one pair given back, and count what one more visit costs."""
    world = LastingWorld(seed, with_timers=False)
    world.store_pair("pair")
    world.conditions.add(ARREARS, world.began, math.inf)
    for _ in range(attempts):
        _remove_markers(world)
        _requests(world, {"pairs": ["pair"]})
    world.kernel.run(until=world.kernel.now + _DUE_SECONDS)
    by_marker = _requests(world, {"drain": {}})
    _remove_markers(world)
    return VisitFigures(attempts, by_marker, _requests(world, {"pairs": ["pair"]}))


def setback_visits(code: str, seed: int = 1) -> list[int]:
    """Return the store requests of each drain of one pair that is never judged, up to its end."""
    world = LastingWorld(seed, with_timers=False)
    pair = unusable(code, 0)
    world.store_pair(pair)
    _requests(world, {"pairs": [pair]})
    counts: list[int] = []
    while world.result_of(pair) is None and len(counts) < 2 * MAX_SETBACKS:
        world.kernel.run(until=world.kernel.now + 1.3 * _HOUR)
        counts.append(_requests(world, {"drain": {}}))
    return counts


def _requests(world: LastingWorld, event: dict[str, Any]) -> int:
    """Handle an event, whatever it raises, and return how many store requests that took."""
    before = world.store.all_requests

    def handle() -> None:
        with contextlib.suppress(LivenessError):
            world.run_function(event)

    task = world.kernel.spawn(handle)
    while not task.done:
        world.kernel.run(until=world.kernel.now + 1)
    return world.store.all_requests - before


def _remove_markers(world: LastingWorld) -> None:
    for key in world.store.marker_keys():
        world.store.remove(key)


def _burst(world: LastingWorld, name: str, pairs: int, begin: float) -> None:
    for number in range(pairs):
        world.upload_at(f"{name}-{number}", begin + number / _BURST_PER_SECOND)
