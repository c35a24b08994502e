"""Uploads that come faster than the API may be called: ours beside two that do not coordinate.

Everything happens in the virtual time of tests/simulation, which runs the real function.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.simulation.rivals import FUNCTION_SECONDS, naive, waiting_in_place
from tests.simulation.world import Bucket, FixedWindow, Limiter, SlidingWindow, World

from .table import Row, aligned

RATE = 5
BURST = 2000.0  # uploads a second
SEED = 1
# Targets at 1,000 pairs are held against the worst of these seeds.
_MORE_SEEDS = (2, 3)
_SEEDS = 1 + len(_MORE_SEEDS)
# The uploads begin that long after a full minute, at which timers fire.
_BEGIN_SECONDS = 7.0
# What is throttled until then is the burst itself; later, it is the drain.
_STORM_SECONDS = 3.0
_STEP_SECONDS = 5.0
_MOST_SECONDS = 6 * 3600.0  # the platform keeps an event no longer
# Of the instance seconds' target: of what the calls take, and beside it for each pair.
_MOST_INSTANCE_RATIO = 1.3
_PAIR_SECONDS = 0.5

_SOMEBODY_ELSE = "somebody else's"

LIMITERS: dict[str, Callable[[int], Limiter]] = {
    "sliding window": SlidingWindow,
    "fixed window": FixedWindow,
    "token bucket": Bucket,
}
HANDLERS: dict[str, Callable[[World], Callable[[dict[str, Any]], Any]]] = {
    "ours": lambda world: world.run_ours,
    "naive": naive,
    "full jitter": waiting_in_place,
}


@dataclass(frozen=True)
class Uploads:
    """So many pairs from `begin` on, so many a second."""

    pairs: int
    a_second: float
    begin: float = 0.0


@dataclass(frozen=True)
class Offer:
    """What is thrown at a handler."""

    name: str
    burst: Uploads
    limiter: str = "sliding window"
    beside: Uploads | None = None  # its latencies are told apart
    others: float = 0.0  # calls a second that somebody else makes under the same limit
    way: tuple[float, float] | None = None  # seconds from a handler to the API

    @property
    def uploads(self) -> dict[str, float]:
        """When each pair is uploaded."""
        return {
            f"{kind}-{number}": some.begin + number / some.a_second
            for kind, some in (("burst", self.burst), ("beside", self.beside))
            if some
            for number in range(some.pairs)
        }

    @property
    def rate(self) -> float:
        """What the limit leaves for us."""
        return RATE - self.others


TRICKLE = Offer("a trickle of 1/s for 5 minutes", Uploads(300, 1))
MINUTE = Offer("20/s for a minute", Uploads(1200, 20))
THOUSAND = [Offer("a burst of 1,000", Uploads(1000, BURST), limiter) for limiter in LIMITERS]
TEN_THOUSAND = [Offer("a burst of 10,000", Uploads(10_000, BURST), limiter) for limiter in LIMITERS]
BESIDE = Offer(
    "a trickle of 1/s beside 1,000 parked", Uploads(1000, BURST), beside=Uploads(150, 1, 10)
)
SHARED = Offer("a burst of 1,000, somebody else takes 2/s", Uploads(1000, BURST), others=2)
STEADY = Offer(
    "a burst of 1,000, the way to the API varies by 5 ms",
    Uploads(1000, BURST),
    way=(0.020, 0.025),
)


@dataclass(frozen=True)
class Figures:
    """What one handler made of an offer; seconds are since the first upload."""

    offer: Offer
    handler: str
    seed: int
    pairs: int
    finished_at: list[float]  # sorted
    latencies: list[float]  # sorted
    latencies_beside: list[float]  # sorted
    billed_twice: int
    throttled: int
    throttled_later: int
    instance_seconds: float
    call_seconds: float

    @property
    def finished(self) -> int:
        return len(self.finished_at)

    @property
    def lost(self) -> int:
        """No result, and nobody is left who would make one."""
        return self.pairs - self.finished

    @property
    def goodput(self) -> float:
        """Results a second from the first to the last, over the rate."""
        took = self.finished_at[-1] - self.finished_at[0]
        return (self.finished - 1) / took / self.offer.rate

    @property
    def over_ideal(self) -> float:
        """Time to the last result over that of a queue that is served at the rate."""
        ideal = 0.0
        for moment in sorted(self.offer.uploads.values()):
            ideal = max(ideal, moment) + 1 / self.offer.rate
        return self.finished_at[-1] / ideal if not self.lost else math.inf

    @property
    def instance_ratio(self) -> float:
        """Instance seconds over what the calls take and half a second a pair."""
        return self.instance_seconds / (self.call_seconds + _PAIR_SECONDS * self.finished)


def percentile(values: Sequence[float], share: float) -> float:
    """Of sorted values, the smallest that so large a share does not exceed."""
    return values[math.ceil(share * len(values)) - 1]


def run(offer: Offer, handler: str, seed: int = SEED) -> Figures:
    """Let one handler have the offer, until no event is left that could do anything."""
    world = World(seed, LIMITERS[offer.limiter](RATE))
    kernel, face = world.kernel, world.face
    world.handler = HANDLERS[handler](world)
    if offer.way:
        face.way_seconds = offer.way
    if handler == "ours":
        world.minute_timer()
    began = kernel.now + _BEGIN_SECONDS
    for pair, moment in offer.uploads.items():
        world.upload_at(pair, _BEGIN_SECONDS + moment)
    if offer.others:
        _somebody_else(world, offer.others)
    last_upload = max(offer.uploads.values())
    while kernel.now < began + last_upload or world.under_way:
        kernel.run(until=kernel.now + _STEP_SECONDS)
        if kernel.now > began + _MOST_SECONDS:
            break

    took = world.latencies()
    at_once = offer.burst.a_second == BURST
    storm_ends = began + (offer.burst.pairs / BURST + _STORM_SECONDS if at_once else 0)
    return Figures(
        offer,
        handler,
        seed,
        len(offer.uploads),
        sorted(world.uploaded[pair] + seconds - began for pair, seconds in took.items()),
        sorted(seconds for pair, seconds in took.items() if pair.startswith("burst")),
        sorted(seconds for pair, seconds in took.items() if pair.startswith("beside")),
        sum(count - 1 for pair, count in face.billed.items() if pair != _SOMEBODY_ELSE),
        len(face.throttled),
        sum(moment > storm_ends for moment in face.throttled),
        world.instance_seconds,
        face.busy_seconds,
    )


def _somebody_else(world: World, a_second: float) -> None:
    def calls() -> None:
        while True:
            world.kernel.sleep(1 / a_second)
            world.kernel.spawn(lambda: world.face.use(9, _SOMEBODY_ELSE))

    world.kernel.spawn(calls)


def measure(quick: bool) -> list[Figures]:
    """All offers by all handlers, as many at once as the machine has cores."""
    offers = [*([] if quick else TEN_THOUSAND), *THOUSAND, BESIDE, SHARED, MINUTE, TRICKLE]
    tasks = [(offer, handler, SEED) for offer in offers for handler in HANDLERS]
    tasks.append((STEADY, "ours", SEED))
    tasks += [(offer, "ours", seed) for offer in (*THOUSAND, BESIDE) for seed in _MORE_SEEDS]
    # The sandbox of other measurements has threads: a fork would copy them half way.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=fresh) as pool:
        return list(pool.map(run, *zip(*tasks, strict=True)))


HEADINGS = (
    "handler",
    "finished",
    "lost",
    "twice",
    "throttled",
    "in drain",
    "goodput",
    "last/ideal",
    "median",
    "p99",
    "inst. s",
)


def render(figures: Iterable[Figures]) -> str:
    """A block for each offer, a line for each handler."""
    lines: list[tuple[str, ...]] = []
    offer: Offer | None = None
    for one in (one for one in figures if one.seed == SEED):
        if one.offer != offer:
            offer = one.offer
            lines += [(), (f"{offer.name}, {offer.limiter}",), HEADINGS]
        lines.append(cells(one))
        if one.latencies_beside:
            beside = one.latencies_beside
            times = f"{statistics.median(beside):.1f}", f"{percentile(beside, 0.99):.1f}"
            lines.append(("  its trickle", f"{len(beside)}", *[""] * 6, *times))
    return aligned(lines)


def cells(one: Figures) -> tuple[str, ...]:
    """One handler's line."""
    late = "never" if one.lost else f"{one.over_ideal:.3f}"
    return (
        one.handler,
        str(one.finished),
        str(one.lost),
        str(one.billed_twice),
        f"{one.throttled / one.finished:.2f}",
        f"{one.throttled_later / one.finished:.3f}",
        f"{one.goodput:.2f}",
        late,
        f"{statistics.median(one.latencies):.1f}",
        f"{percentile(one.latencies, 0.99):.1f}",
        f"{one.instance_seconds / one.finished:.1f}",
    )


NOTES = f"""
Virtual time. The tables are of one seed; targets at 1,000 are held against the worst of {_SEEDS}.
Store 4..20 ms a request, way to the API 20..60 ms, calls 0.6..1.4 s, 500 instances.
naive: no coordination, the platform's two retries. full jitter: waits in place for up
to {FUNCTION_SECONDS:g} s. Both look for a result before they call.
twice: billed calls for pairs that had one. throttled: calls, over finished pairs; in drain: those
later than {_STORM_SECONDS:g} s after a burst. goodput: results a second from the first to the last,
over the rate. last/ideal: time to the last result, over that of a queue served at the rate.
median, p99: seconds from upload to result.json. inst. s: instance seconds a finished pair."""


def targets(figures: Sequence[Figures]) -> list[Row]:
    """What was to be reached, and by how much; the worst where it holds for several."""
    ours = [one for one in figures if one.handler == "ours"]

    def at(*offers: Offer) -> list[Figures]:
        return [one for one in ours if one.offer in offers]

    def row(what: str, value: float, limit: float, most: bool = True, form: str = ".3f") -> Row:
        met = value <= limit if most else value >= limit
        target = f"{'<=' if most else '>='} {limit:g}"
        return Row(f"simulated: {what}", format(value, form), "", target, met)

    bursts = at(*THOUSAND, *TEN_THOUSAND)
    rows = [
        row("pairs lost", max(one.lost for one in ours), 0, form="d"),
        row("calls billed twice", max(one.billed_twice for one in ours), 0, form="d"),
        row("goodput over the rate, bursts, least", min(o.goodput for o in bursts), 0.95, False),
        row(
            "throttled calls a pair in the drain, most",
            max(one.throttled_later / one.finished for one in bursts),
            0.2,
        ),
        row(
            "instance seconds over calls + 0.5 s a pair, most",
            max(one.instance_ratio for one in ours),
            _MOST_INSTANCE_RATIO,
        ),
    ]
    for offers, limit in ((THOUSAND, 1.05), (TEN_THOUSAND, 1.02)):
        for offer in offers:
            if same := at(offer):
                what = f"last result over ideal, {offer.name}, {offer.limiter}"
                rows.append(row(what, max(one.over_ideal for one in same), limit))
    trickle = max(percentile(one.latencies_beside, 0.99) for one in at(BESIDE))
    shared = min(one.goodput for one in at(SHARED))
    return [
        *rows,
        row(f"p99 of {BESIDE.name}, s", trickle, 10, form=".1f"),
        row("goodput over what a second user leaves", shared, 0.75, False),
    ]
