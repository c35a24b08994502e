"""What nothing can beat: the figures of queues that are served exactly at the rate."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

from liveness_sandbox.faceid.rate_limit import SlidingWindow
from tests.simulation.burst_world import REFUSAL_SECONDS
from tests.simulation.resources import Distribution

from ..burst import percentile


def waits(arrivals: Sequence[float], rate: float) -> list[float]:
    """Return how long each arrival waits in a queue with one server that takes 1/rate seconds.

    With Poisson arrivals it is M/D/1. Arrivals are sorted, in seconds; so are the waits.
    """
    free, result = 0.0, []
    for moment in arrivals:
        start = max(moment, free)
        result.append(start - moment)
        free = start + 1 / rate
    return result


def md1_percentile(
    arrivals: Sequence[float], rate: float, calls: Distribution, share: float, seed: int
) -> float:
    """Return a percentile of M/D/1's wait and one call, for these arrivals."""
    rng = random.Random(seed)
    times = sorted(wait + calls.draw(rng) for wait in waits(arrivals, rate))
    return percentile(times, share)


def ideal_goodput(durations: Sequence[float], rate: float, share: float = 1.0) -> float:
    """Return results per second, over the rate, if calls of these durations start at the rate.

    From the first result to so large a share of them.
    """
    ends = sorted(number / rate + duration for number, duration in enumerate(durations))
    results = round(share * len(ends))
    return (results - 1) / (ends[results - 1] - ends[0]) / rate


def narrowest_spacing(
    way: Distribution, rate: int, refused: float, calls: int = 5_000
) -> tuple[float, float]:
    """Return how much slower than the rate calls pass a sliding window at best, and the distance.

    Nothing else happens here: `rate` calls are sent at one moment, those that are refused again as
    soon as the caller knows, and the next ones a second and some distance after the last of them.
    The best distance is the one that is fastest with no more than this share of calls refused.
    """
    return min(
        (slowness, distance)
        for distance in (milliseconds / 1000 for milliseconds in range(0, 80))
        for slowness, share in [_sent_in_groups(way, rate, distance, calls)]
        if share <= refused
    )


def _sent_in_groups(
    way: Distribution, rate: int, distance: float, calls: int
) -> tuple[float, float]:
    """Return the seconds for as many calls as a second may have, and the share of refused ones."""
    rng, limiter = random.Random(1), SlidingWindow()
    moment, admitted, refused = 0.0, 0, 0
    while admitted < calls:
        arrivals = [(moment + way.draw(rng), moment) for _ in range(rate)]
        heapq.heapify(arrivals)
        last_sent = moment
        while arrivals:
            arrival, sent = heapq.heappop(arrivals)
            if limiter.admit(rate, arrival):
                admitted, last_sent = admitted + 1, max(last_sent, sent)
                continue
            refused += 1
            again = arrival + REFUSAL_SECONDS
            heapq.heappush(arrivals, (again + way.draw(rng), again))
        moment = last_sent + 1 + distance
    return moment * rate / admitted, refused / admitted
