"""Uploads faster than the API may be called: the function and two baselines without coordination.

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

from liveness_sandbox.faceid.rate_limit import ALGORITHMS
from tests.simulation.baselines import FUNCTION_SECONDS, naive, waiting_in_place
from tests.simulation.burst_world import BurstWorld
from tests.simulation.resources import Distribution, Resources, Uniform

from .table import Row, aligned

RATE = 5
BURST = 2000.0  # uploads per second
SEED = 1
# The target of a trickle beside a backlog also applies to the worst of these seeds.
_MORE_SEEDS = (2, 3)
# The uploads begin this long after a full minute, when timers fire.
_BEGIN_SECONDS = 7.0
# Calls throttled within this time of a burst belong to the burst itself; later ones, to the drain.
_BURST_SECONDS = 3.0
_STEP_SECONDS = 5.0
_MAX_SECONDS = 6 * 3600.0  # the platform keeps no event longer
# The target of instance seconds: at most this ratio to the time of the calls plus this per pair.
_MAX_INSTANCE_RATIO = 1.3
_PAIR_SECONDS = 0.5

_OTHER_CLIENT = "other client"
_PENDING = "liveness/ledger/pending/"
# How long an instance with limits waits for another event.
IDLE_INSTANCE_SECONDS = 300.0

LIMITERS = {name.replace("-", " "): algorithm for name, algorithm in ALGORITHMS.items()}
HANDLERS: dict[str, Callable[[BurstWorld], Callable[[dict[str, Any]], Any]]] = {
    "ours": lambda world: world.run_function,
    "naive": naive,
    "full jitter": waiting_in_place,
}


@dataclass(frozen=True)
class Uploads:
    """A number of pairs uploaded at a steady rate, from `begin` on."""

    pairs: int
    per_second: float
    begin: float = 0.0


@dataclass(frozen=True)
class Load:
    """The load on a handler."""

    name: str
    burst: Uploads
    limiter: str = "sliding window"
    trickle: Uploads | None = None  # concurrent uploads whose latencies are reported separately
    others: float = 0.0  # calls per second that another client makes under the same limit
    limit: float = RATE  # calls per second
    way: Distribution | None = None  # from a handler to the API
    calls: Distribution | None = None  # duration of a call
    resources: Resources | None = None  # of an instance; None: no limits, a new one per event
    instances: int = 500  # at most, at once

    @property
    def uploads(self) -> dict[str, float]:
        """The time at which each pair is uploaded."""
        return {
            f"{kind}-{number}": uploads.begin + number / uploads.per_second
            for kind, uploads in (("burst", self.burst), ("trickle", self.trickle))
            if uploads
            for number in range(uploads.pairs)
        }

    @property
    def rate(self) -> float:
        """The part of the rate limit that is left for the function."""
        return self.limit - self.others


TRICKLE = Load("a trickle of 1/s for 5 minutes", Uploads(300, 1))
MINUTE = Load("20/s for a minute", Uploads(1200, 20))
THOUSAND = [Load("a burst of 1,000", Uploads(1000, BURST), limiter) for limiter in LIMITERS]
TEN_THOUSAND = Load("a burst of 10,000", Uploads(10_000, BURST))
BACKLOG = Load(
    "a trickle of 1/s and a backlog of 1,000", Uploads(1000, BURST), trickle=Uploads(150, 1, 10)
)
SHARED = Load("a burst of 1,000, another client calls at 2/s", Uploads(1000, BURST), others=2)
STEADY = Load(
    "a burst of 1,000, the latency to the API varies by 5 ms",
    Uploads(1000, BURST),
    way=Uniform(0.020, 0.025),
)


@dataclass(frozen=True)
class Figures:
    """The figures of one handler under one load; seconds are since the first upload."""

    load: Load
    handler: str
    seed: int
    pairs: int
    finished_at: list[float]  # sorted
    latencies: list[float]  # sorted
    trickle_latencies: list[float]  # sorted
    billed_twice: int
    billed_unanswered: int  # of those, after a call that was not answered in time
    throttled: int
    throttled_later: int
    instance_seconds: float
    call_seconds: float
    call_durations: list[float]
    drainers: int  # instances that made more than a hundredth of all calls
    cpu_seconds: float  # of a core, by all instances

    @property
    def finished(self) -> int:
        return len(self.finished_at)

    @property
    def lost(self) -> int:
        """The number of pairs without a result when no event is left."""
        return self.pairs - self.finished

    @property
    def goodput(self) -> float:
        """Results per second from the first to the last, divided by the rate."""
        return self.goodput_of(1)

    def goodput_of(self, share: float) -> float:
        """The same, but only for the first `share` of the results."""
        results = round(share * self.finished)
        duration = self.finished_at[results - 1] - self.finished_at[0]
        return (results - 1) / duration / self.load.rate

    @property
    def over_ideal(self) -> float:
        """Time to the last result, divided by that of a queue served at the rate."""
        ideal = 0.0
        for moment in sorted(self.load.uploads.values()):
            ideal = max(ideal, moment) + 1 / self.load.rate
        return self.finished_at[-1] / ideal if not self.lost else math.inf

    @property
    def instance_ratio(self) -> float:
        """Instance seconds, divided by what the calls take plus half a second per pair."""
        return self.instance_seconds / (self.call_seconds + _PAIR_SECONDS * self.finished)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of the sorted values that this share of them does not exceed."""
    return values[math.ceil(share * len(values)) - 1]


def run(load: Load, handler: str, seed: int = SEED) -> Figures:
    """Run one handler under the load until no event is left."""
    world = BurstWorld(seed, LIMITERS[load.limiter](), load.limit, load.instances)
    kernel, face = world.kernel, world.face
    world.handler = HANDLERS[handler](world)
    world.settings["LIVENESS_RATE_LIMIT"] = f"{load.limit:g}"
    face.way_seconds = load.way or face.way_seconds
    face.call_seconds = load.calls or face.call_seconds
    if load.resources:
        world.resources, world.idle_instances_live = load.resources, IDLE_INSTANCE_SECONDS
    if handler == "ours":
        world.minute_timer()
    began = kernel.now + _BEGIN_SECONDS
    for pair, moment in load.uploads.items():
        world.upload_at(pair, _BEGIN_SECONDS + moment)
    if load.others:
        _start_other_client(world, load.others)
    last_upload = max(load.uploads.values())
    while kernel.now < began + last_upload or world.under_way or world.store.keys_below(_PENDING):
        kernel.run(until=kernel.now + _STEP_SECONDS)
        if kernel.now > began + _MAX_SECONDS:
            break

    latencies = world.latencies()
    again = {pair: count - 1 for pair, count in face.billed.items() if pair != _OTHER_CLIENT}
    is_burst = load.burst.per_second == BURST
    burst_ends = began + (load.burst.pairs / BURST + _BURST_SECONDS if is_burst else 0)
    return Figures(
        load,
        handler,
        seed,
        len(load.uploads),
        sorted(world.uploaded[pair] + seconds - began for pair, seconds in latencies.items()),
        sorted(seconds for pair, seconds in latencies.items() if pair.startswith("burst")),
        sorted(seconds for pair, seconds in latencies.items() if pair.startswith("trickle")),
        sum(again.values()),
        sum(number for pair, number in again.items() if pair in face.unanswered),
        len(face.throttled),
        sum(moment > burst_ends for moment in face.throttled),
        world.instance_seconds,
        face.busy_seconds,
        face.durations,
        sum(instance.calls > len(load.uploads) / 100 for instance in world.instances),
        sum(instance.cpu.used for instance in world.instances),
    )


def _start_other_client(world: BurstWorld, per_second: float) -> None:
    def call_repeatedly() -> None:
        while True:
            world.kernel.sleep(1 / per_second)
            world.kernel.spawn(lambda: world.face.use(9, _OTHER_CLIENT))

    world.kernel.spawn(call_repeatedly)


def measure(quick: bool) -> list[Figures]:
    """Run all loads on all handlers, one run per core at a time."""
    loads = [*([] if quick else [TEN_THOUSAND]), *THOUSAND, BACKLOG, SHARED, MINUTE, TRICKLE]
    tasks = [(load, handler, SEED) for load in loads for handler in HANDLERS]
    tasks.append((STEADY, "ours", SEED))
    tasks += [(BACKLOG, "ours", seed) for seed in _MORE_SEEDS]
    # The sandbox of another measurement has threads, which a fork would not copy.
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
    """Render one block per load, with one line per handler."""
    lines: list[tuple[str, ...]] = []
    load: Load | None = None
    for one in (one for one in figures if one.seed == SEED):
        if one.load != load:
            load = one.load
            lines += [(), (f"{load.name}, {load.limiter}",), HEADINGS]
        lines.append(cells(one))
        if trickle := one.trickle_latencies:
            times = f"{statistics.median(trickle):.1f}", f"{percentile(trickle, 0.99):.1f}"
            lines.append(("  its trickle", f"{len(trickle)}", *[""] * 6, *times))
    return aligned(lines)


def cells(one: Figures) -> tuple[str, ...]:
    """Return the cells of one handler's line."""
    over_ideal = "never" if one.lost else f"{one.over_ideal:.3f}"
    return (
        one.handler,
        str(one.finished),
        str(one.lost),
        str(one.billed_twice),
        f"{one.throttled / one.finished:.2f}",
        f"{one.throttled_later / one.finished:.3f}",
        f"{one.goodput:.2f}",
        over_ideal,
        f"{statistics.median(one.latencies):.1f}",
        f"{percentile(one.latencies, 0.99):.1f}",
        f"{one.instance_seconds / one.finished:.1f}",
    )


NOTES = f"""
Virtual time; of one seed.
Store 4..20 ms per request, latency to the API 20..60 ms, calls 0.6..1.4 s, 500 instances.
naive: no coordination, the platform's two retries. full jitter: retries within its invocation for
up to {FUNCTION_SECONDS:g} s. Both look for a result before they call.
twice: billed calls for pairs that already had one. throttled: calls per finished pair; in drain:
those later than {_BURST_SECONDS:g} s after a burst. goodput: results per second from the first to
the last, divided by the rate. last/ideal: time to the last result, divided by that of a queue
served at the rate. median, p99: seconds from upload to result.json. inst. s: instance seconds per
finished pair."""


def targets(figures: Sequence[Figures]) -> list[Row]:
    """Compare the function's figures with the targets; of several figures, the worst counts.

    bench/pacing measures how close bursts come to the rate.
    """
    ours = [one for one in figures if one.handler == "ours"]

    def at_most(name: str, value: float, limit: float, form: str = ".3f") -> Row:
        return Row(f"simulated: {name}", format(value, form), "", f"<= {limit:g}", value <= limit)

    trickles = [percentile(one.trickle_latencies, 0.99) for one in ours if one.load == BACKLOG]
    return [
        at_most("pairs lost", max(one.lost for one in ours), 0, "d"),
        at_most("calls billed twice", max(one.billed_twice for one in ours), 0, "d"),
        at_most(
            "instance seconds / (calls + 0.5 s per pair), highest",
            max(one.instance_ratio for one in ours),
            _MAX_INSTANCE_RATIO,
        ),
        at_most(f"p99 of {BACKLOG.name}, s", max(trickles), 10, ".1f"),
    ]
