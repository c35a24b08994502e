"""Theoretical bounds: the figures of queues that are served exactly at the rate."""

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

    It is measured from the first result until this share of them.
    """
    ends = sorted(number / rate + duration for number, duration in enumerate(durations))
    results = round(share * len(ends))
    return (results - 1) / (ends[results - 1] - ends[0]) / rate


def narrowest_spacing(
    way: Distribution, rate: int, refused: float, senders: int = 1, seconds: int = 200
) -> tuple[float, float]:
    """Return how much slower than the rate calls pass a sliding window at best, and the distance.

    Nothing else happens here: some senders, which know nothing of each other, each send their part
    of `rate` calls at one moment. A sender repeats refused calls as soon as it knows, and sends the
    next ones a second and some distance after the last of them. The best distance is the fastest
    with at most this share of calls refused, over `seconds` seconds' calls.
    """
    return min(
        (slowness, distance)
        for distance in (milliseconds / 1000 for milliseconds in range(0, 80))
        for slowness, share in [_sent_in_groups(way, rate, distance, senders, seconds)]
        if share <= refused
    )


def _sent_in_groups(
    way: Distribution, rate: int, distance: float, senders: int, seconds: int
) -> tuple[float, float]:
    """Return the seconds that the calls of one second take, and the share of refused ones."""
    rng, limiter = random.Random(1), SlidingWindow()
    on_the_way: list[tuple[float, int, float]] = []  # arrival, sender, and when sent
    left, last_sent = [0] * senders, [0.0] * senders

    def send(sender: int, moment: float, calls: int) -> None:
        for _ in range(calls):
            heapq.heappush(on_the_way, (moment + way.draw(rng), sender, moment))

    for sender in range(senders):
        left[sender] = rate // senders
        send(sender, sender / senders, left[sender])
    admitted = refused = 0
    while admitted < rate * seconds:
        arrival, sender, moment = heapq.heappop(on_the_way)
        if not limiter.admit(rate, arrival):
            refused += 1
            send(sender, arrival + REFUSAL_SECONDS, 1)
            continue
        admitted += 1
        left[sender] -= 1
        last_sent[sender] = max(last_sent[sender], moment)
        if not left[sender]:
            left[sender] = rate // senders
            send(sender, last_sent[sender] + 1 + distance, left[sender])
    # The first second's calls do not wait.
    return max(last_sent) / (seconds - 1), refused / admitted
