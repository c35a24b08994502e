"""Bursts and trickles under the API's rate limit, in virtual time: no pair lost or billed twice."""

from __future__ import annotations

import itertools

import pytest

from liveness.keys import drain_shard_of, pair_hash
from liveness.settings import read_settings
from liveness_sandbox.faceid.rate_limit import (
    Algorithm,
    FixedWindow,
    SlidingWindow,
    TokenBucket,
)

from .baselines import naive, waiting_in_place
from .burst_world import BurstWorld
from .kernel import SimChance
from .markers import markers
from .resources import Uniform

RATE = 5


def run(limiter: Algorithm, burst: int, trickle: int = 0, seed: int = 1) -> BurstWorld:
    """Run a burst right after the timer fired, followed by one upload per second."""
    world = BurstWorld(seed, limiter, RATE)
    world.handler = world.run_function
    world.minute_timer()
    for number in range(burst):
        world.upload_at(f"burst-{number}", after=7 + number / 2000)
    for number in range(trickle):
        world.upload_at(f"trickle-{number}", after=17 + number)
    world.kernel.run(until=world.kernel.now + 600)
    return world


def share_done_within(world: BurstWorld, pairs: str, seconds: float) -> float:
    latencies = [taken for pair, taken in world.latencies().items() if pair.startswith(pairs)]
    return sum(taken <= seconds for taken in latencies) / len(latencies)


@pytest.mark.parametrize("limiter", [FixedWindow, SlidingWindow, TokenBucket])
def test_every_pair_of_a_burst_is_billed_once_at_full_rate(
    limiter: type[FixedWindow | SlidingWindow | TokenBucket],
) -> None:
    world = run(limiter(), burst=300)

    latencies = world.latencies()
    assert len(latencies) == 300
    assert set(world.face.billed.values()) == {1}
    assert world.lost == []
    ideal = 300 / RATE
    assert max(latencies.values()) <= 1.2 * ideal
    assert not [key for key in world.store.objects if "/pending/" in key]


@pytest.mark.parametrize("seed", [1, 4, 9])
def test_a_backlog_does_not_starve_a_trickle(seed: int) -> None:
    # Some of it arrives while hundreds of markers of the burst become due at once: those of events
    # that met another invocation's lease. A pair that is drawn after those waits for the backlog.
    world = run(SlidingWindow(), burst=800, trickle=60, seed=seed)

    assert len(world.latencies()) == 860
    assert share_done_within(world, "trickle", 8) == 1
    assert set(world.face.billed.values()) == {1}


def test_nothing_is_lost_when_another_client_shares_the_limit() -> None:
    world = BurstWorld(1, SlidingWindow(), RATE)
    world.handler = world.run_function
    world.minute_timer()
    for number in range(150):
        world.upload_at(f"burst-{number}", after=7)

    def other_client() -> None:
        while True:
            world.kernel.sleep(0.5)
            world.kernel.spawn(lambda: world.face.use(9, "another client"))

    world.kernel.spawn(other_client)
    world.kernel.run(until=world.kernel.now + 400)

    latencies = world.latencies()
    assert len(latencies) == 150
    ideal = 150 / (RATE - 2)
    assert max(latencies.values()) <= ideal / 0.75
    assert all(count == 1 for pair, count in world.face.billed.items() if "burst" in pair)


def test_the_next_drainer_finishes_the_pairs_of_one_that_died() -> None:
    world = BurstWorld(1, SlidingWindow(), RATE)
    world.minute_timer()
    killed: list[int] = []

    def die_once(event: dict[str, object]) -> None:
        if killed or event.get("Type") != "Timer":
            world.run_function(event)
            return
        killed.append(1)
        # As an instance that acquired the slot and died.
        now = world.kernel.now
        world.store.write(f"liveness/ledger/drain/{int(now // 10)}-0", b'{"nonce": "gone"}')

    world.handler = die_once
    for number in range(60):
        world.upload_at(f"burst-{number}", after=59.9)
    world.kernel.run(until=world.kernel.now + 300)
    assert killed
    assert len(world.latencies()) == 60
    assert set(world.face.billed.values()) == {1}


def test_the_hand_over_between_drainers_keeps_the_rate() -> None:
    world = BurstWorld(1, TokenBucket(), RATE)
    world.timeout = 120  # so that a drainer ends at a full minute
    world.handler = world.run_function
    world.face.way_seconds = Uniform(0.03, 0.03)  # calls arrive at the intervals of their starts
    world.minute_timer()
    began = world.kernel.now
    for number in range(400):
        world.upload_at(f"burst-{number}", after=7 + number / 500)
    world.kernel.run(until=began + 150)

    assert len(world.latencies()) == 400
    arrivals = [moment for moment in world.face.arrivals if moment > began + 12]
    spans = [later - earlier for earlier, later in zip(arrivals, arrivals[5:], strict=False)]
    assert min(spans) >= 0.999
    assert max(spans) <= 5  # the next drainer starts soon


def test_a_drainer_whose_next_slot_is_taken_makes_room_in_time() -> None:
    """Another instance is to be the next one: it may call from the slot's first moment on."""
    world = BurstWorld(1, TokenBucket(), RATE)
    world.handler = world.run_function
    world.face.way_seconds = Uniform(0.03, 0.03)
    names = [f"pair-{number}" for number in range(200)]
    for name in names:
        world.store_pair(name)
    world.kernel.run(until=world.kernel.now + 12)
    now = world.kernel.now
    for key, body in markers(world.environ, SimChance(world.kernel), names, now - 5, now - 4):
        world.store.write(key, body)
    begin = (now // 10 + 1) * 10  # of the next slot
    world.store.write(f"liveness/ledger/drain/{int(begin // 10)}-0", b'{"nonce": "other"}')
    world.deliver({"drain": {}})
    world.kernel.run(until=begin + 5)

    assert len(world.face.arrivals) > 20
    assert max(world.face.arrivals) < begin - 1


def test_a_drain_keeps_its_slot_at_one_call_per_ten_seconds() -> None:
    class OnePerTenSeconds:
        def __init__(self) -> None:
            self._last = 0.0

        def admit(self, limit: float, now: float) -> bool:
            if now - self._last < 9.9:
                return False
            self._last = now
            return True

    world = BurstWorld(1, OnePerTenSeconds(), 0.1)
    world.settings["LIVENESS_RATE_LIMIT"] = "0.1"
    world.timeout = 300
    world.handler = world.run_function
    world.minute_timer()
    for number in range(25):
        world.upload_at(f"burst-{number}", after=7 + number / 100)
    world.kernel.run(until=world.kernel.now + 600)

    assert len(world.latencies()) == 25
    assert set(world.face.billed.values()) == {1}


def test_the_baselines_lose_pairs_or_are_billed_twice() -> None:
    lossy, costly = BurstWorld(1, SlidingWindow(), RATE), BurstWorld(1, SlidingWindow(), RATE)
    lossy.handler, costly.handler = naive(lossy), waiting_in_place(costly)
    for world in (lossy, costly):
        for number in range(100):
            world.upload_at(f"burst-{number}", after=7)
        world.kernel.run(until=world.kernel.now + 300)
        assert world.under_way == 0

    assert len(lossy.lost) > 100  # of 200 events
    assert len(lossy.latencies()) < 50
    assert len(costly.latencies()) == 100
    assert sum(costly.face.billed.values()) > 150


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_drainers_end_with_full_groups_of_each_others_pairs(seed: int) -> None:
    """What a drainer prepares early is not taken over: its last calls would take seconds more."""
    world = BurstWorld(seed, SlidingWindow(), 50)
    world.settings["LIVENESS_RATE_LIMIT"] = "50"
    world.handler = world.run_function
    settings = read_settings(world.environ)
    left, names, numbers = {0: 300, 1: 250}, [], itertools.count()
    while any(left.values()):
        name = f"pair-{next(numbers)}"
        shard = drain_shard_of(settings, pair_hash(name))
        if left[shard]:
            left[shard] -= 1
            names.append(name)
    began = world.kernel.now
    world.store_backlog(names, began - 120, began - 60)
    for _ in range(2):
        world.deliver({"drain": {}})
    world.kernel.run(until=began + 60)

    assert set(world.face.billed.values()) == {1}
    assert len(world.face.billed) == 550
    assert world.face.arrivals[-1] - world.face.arrivals[0] < 10 + 0.5
