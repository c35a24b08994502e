"""What nothing can beat: the figures of queues that are served exactly at the rate."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

from tests.simulation.resources import Distribution

from ..burst import percentile

_ROUNDS = 100


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


def ideal_goodput(pairs: int, rate: float, calls: Distribution, share: float = 1.0) -> float:
    """Return results per second, over the rate, if calls start exactly at the rate.

    From the first result to so large a share of them; the mean of many rounds.
    """
    rng = random.Random(1)
    goodputs = []
    for _ in range(_ROUNDS):
        ends = sorted(number / rate + calls.draw(rng) for number in range(pairs))
        results = round(share * pairs)
        goodputs.append((results - 1) / (ends[results - 1] - ends[0]) / rate)
    return statistics.mean(goodputs)
