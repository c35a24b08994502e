"""Bursts and trickles against the API's limit, in virtual time: nobody lost, nothing paid twice."""

from __future__ import annotations

import pytest

from .rivals import naive, waiting_in_place
from .world import Bucket, FixedWindow, Limiter, SlidingWindow, World

RATE = 5


def run(limiter: Limiter, burst: int, trickle: int = 0, seconds: float = 600) -> World:
    """A burst right after a timer fired, and then one upload a second."""
    world = World(1, limiter)
    world.handler = world.run_ours
    world.minute_timer()
    for number in range(burst):
        world.upload_at(f"burst-{number}", after=7 + number / 2000)
    for number in range(trickle):
        world.upload_at(f"trickle-{number}", after=17 + number)
    world.kernel.run(until=world.kernel.now + seconds)
    return world


def share_done_within(world: World, pairs: str, seconds: float) -> float:
    took = [taken for pair, taken in world.latencies().items() if pair.startswith(pairs)]
    return sum(taken <= seconds for taken in took) / len(took)


@pytest.mark.parametrize("limiter", [FixedWindow, SlidingWindow, Bucket])
def test_a_burst_is_judged_whole_once_and_at_the_apis_own_speed(
    limiter: type[FixedWindow | SlidingWindow | Bucket],
) -> None:
    world = run(limiter(RATE), burst=300)

    took = world.latencies()
    assert len(took) == 300
    assert set(world.face.billed.values()) == {1}
    assert world.lost == []
    ideal = 300 / RATE
    assert max(took.values()) <= 1.2 * ideal
    assert not [key for key in world.store.objects if "/pending/" in key]


def test_a_trickle_beside_a_backlog_is_not_starved() -> None:
    # Some of it comes in the seconds in which hundreds of markers of the burst fall due at once:
    # those of events that found another one's lease.
    world = run(SlidingWindow(RATE), burst=800, trickle=60)

    assert len(world.latencies()) == 860
    assert share_done_within(world, "trickle", 10) == 1
    assert set(world.face.billed.values()) == {1}


def test_with_a_second_user_of_the_limit_nothing_is_lost() -> None:
    world = World(1, SlidingWindow(RATE))
    world.handler = world.run_ours
    world.minute_timer()
    for number in range(150):
        world.upload_at(f"burst-{number}", after=7)

    def somebody_else() -> None:
        while True:
            world.kernel.sleep(0.5)
            world.kernel.spawn(lambda: world.face.use(9, "somebody else's"))

    world.kernel.spawn(somebody_else)
    world.kernel.run(until=world.kernel.now + 400)

    took = world.latencies()
    assert len(took) == 150
    left_for_us = 150 / (RATE - 2)
    assert max(took.values()) <= left_for_us / 0.75
    assert all(count == 1 for pair, count in world.face.billed.items() if "burst" in pair)


def test_pairs_whose_drainer_dies_are_finished_by_the_next() -> None:
    world = World(1, SlidingWindow(RATE))
    world.minute_timer()
    killed: list[int] = []

    def dies_once(event: dict[str, object]) -> None:
        if killed or event.get("Type") != "Timer":
            world.run_ours(event)
            return
        killed.append(1)
        # An instance that holds the slot, and is gone.
        now = world.kernel.now
        world.store.write(f"liveness/ledger/drain/{int(now // 10)}", b'{"nonce": "gone"}')

    world.handler = dies_once
    for number in range(60):
        world.upload_at(f"burst-{number}", after=59.9)
    world.kernel.run(until=world.kernel.now + 300)
    assert killed
    assert len(world.latencies()) == 60
    assert set(world.face.billed.values()) == {1}


def test_one_drainer_hands_over_to_the_next_within_the_rate() -> None:
    world = World(1, Bucket(RATE))
    world.timeout = 120  # so a drainer leaves at a full minute
    world.handler = world.run_ours
    world.face.way_seconds = (0.03, 0.03)  # calls arrive as they were sent
    world.minute_timer()
    began = world.kernel.now
    for number in range(400):
        world.upload_at(f"burst-{number}", after=7 + number / 500)
    world.kernel.run(until=began + 150)

    assert len(world.latencies()) == 400
    drained = [moment for moment in world.face.arrivals if moment > began + 12]
    in_five = [later - earlier for earlier, later in zip(drained, drained[5:], strict=False)]
    assert min(in_five) >= 0.999
    assert max(in_five) <= 5  # the next one begins soon


def test_a_drain_at_a_call_in_ten_seconds_keeps_its_slot_while_all_wait() -> None:
    class OneInTenSeconds:
        def __init__(self) -> None:
            self._last = 0.0

        def admits(self, now: float) -> bool:
            if now - self._last < 9.9:
                return False
            self._last = now
            return True

    world = World(1, OneInTenSeconds())
    world.settings["LIVENESS_RATE_LIMIT"] = "0.1"
    world.timeout = 300
    world.handler = world.run_ours
    world.minute_timer()
    for number in range(25):
        world.upload_at(f"burst-{number}", after=7 + number / 100)
    world.kernel.run(until=world.kernel.now + 600)

    assert len(world.latencies()) == 25
    assert set(world.face.billed.values()) == {1}


def test_what_is_compared_with_loses_or_pays_twice() -> None:
    lossy, costly = World(1, SlidingWindow(RATE)), World(1, SlidingWindow(RATE))
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
