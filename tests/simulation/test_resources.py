"""What an instance works with in virtual time: shares of a core, connections, and a call's end."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from functools import partial

import pytest

from liveness.face_api import Answer, NoReply
from liveness_sandbox.faceid.rate_limit import SlidingWindow

from .burst_world import BurstWorld, SimFace
from .kernel import Kernel
from .resources import Connections, Cpu, Lognormal, Resources, Uniform

_WAY = Uniform(0.04, 0.04)


def ends(kernel: Kernel, *tasks: Callable[[], object], within: float = 100.0) -> list[float]:
    """Run tasks that begin now; return after how many seconds each has ended."""
    began, ended = kernel.now, [-1.0] * len(tasks)

    def run(number: int, task: Callable[[], object]) -> None:
        task()
        ended[number] = kernel.now - began

    for number, task in enumerate(tasks):
        kernel.spawn(partial(run, number, task))
    kernel.run(until=began + within)
    return ended


def test_work_takes_as_much_longer_as_the_share_is_smaller_and_is_done_in_order() -> None:
    kernel = Kernel(1)
    cpu = Cpu(kernel, Resources(share=0.1))

    first, second = ends(kernel, lambda: cpu.use(0.0012), lambda: cpu.use(0.0012))

    assert [first, second] == pytest.approx([0.012, 0.024], abs=1e-5)
    assert cpu.used == pytest.approx(0.0024)


def test_a_request_need_not_wait_for_the_whole_of_a_listing() -> None:
    kernel = Kernel(1)
    cpu = Cpu(kernel, Resources(share=0.1))

    listing, request = ends(kernel, lambda: cpu.use(0.070), lambda: cpu.use(0.0012))

    assert listing == pytest.approx(0.712, abs=1e-4)
    assert request == pytest.approx(0.062, abs=1e-4)


def test_a_quota_is_used_up_at_full_speed_and_then_awaited() -> None:
    kernel = Kernel(1)
    cpu = Cpu(kernel, Resources(share=0.1, period=0.1))

    (end,) = ends(kernel, lambda: cpu.use(0.025))

    assert end == pytest.approx(0.205, abs=1e-4)


def test_a_new_connection_costs_round_trips_unless_it_was_opened_before() -> None:
    kernel = Kernel(1)
    resources = Resources(handshake_round_trips=2)
    connections = Connections(kernel, Cpu(kernel, resources), resources, _WAY, kept=10)

    assert ends(kernel, connections.take) == [pytest.approx(0.16)]
    connections.give_back()
    assert ends(kernel, connections.take, within=29) == [0]
    assert ends(kernel, reserved(connections)) == [pytest.approx(0.16)]
    assert connections.opened == 2


def reserved(connections: Connections) -> Callable[[], None]:
    """Return what opens the connection of a call to come."""
    connect = connections.reserve()
    assert connect is not None
    return connect


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    kernel = Kernel(1)
    resources = Resources(handshake_round_trips=2)
    connections = Connections(kernel, Cpu(kernel, resources), resources, _WAY, kept=10)
    ends(kernel, reserved(connections), within=31)

    assert ends(kernel, connections.take) == [pytest.approx(0.16)]


def test_calls_to_come_get_a_connection_each() -> None:
    kernel = Kernel(1)
    resources = Resources(handshake_round_trips=2)
    connections = Connections(kernel, Cpu(kernel, resources), resources, _WAY, kept=10)
    ends(kernel, reserved(connections), within=1)
    ends(kernel, reserved(connections), within=1)

    assert ends(kernel, connections.take, connections.take, within=1) == [0, 0]
    assert connections.opened == 2


@pytest.mark.parametrize(("seconds", "late"), [(29.0, False), (31.0, True)])
def test_an_answer_after_the_deadline_is_a_late_answer(seconds: float, late: bool) -> None:
    kernel = Kernel(1)
    face = SimFace(kernel, SlidingWindow(), 5)
    face.way_seconds, face.call_seconds = _WAY, Uniform(seconds, seconds)
    replies: list[Answer | NoReply] = []
    late_answers: list[Answer] = []

    (end,) = ends(kernel, lambda: replies.append(face.use_within(30, "pair", late_answers.append)))

    assert isinstance(replies[0], NoReply) is late
    assert end == pytest.approx(30 if late else seconds + 0.04)
    assert len(late_answers) == late
    assert face.billed == {"pair": 1}
    assert face.unanswered == ({"pair"} if late else set())


def test_an_answer_after_which_nobody_listens_does_not_come() -> None:
    kernel = Kernel(1)
    face = SimFace(kernel, SlidingWindow(), 5)
    face.call_seconds = Uniform(300, 300)
    late_answers: list[Answer] = []

    ends(kernel, lambda: face.use_within(30, "pair", late_answers.append), within=400)

    assert late_answers == []


def test_a_long_tail_has_its_median_and_its_percentile() -> None:
    rng = random.Random(1)
    calls = Lognormal(median=2, p99=20)

    drawn = sorted(calls.draw(rng) for _ in range(20_000))

    assert statistics.median(drawn) == pytest.approx(2, rel=0.05)
    assert drawn[int(0.99 * len(drawn))] == pytest.approx(20, rel=0.1)
    assert statistics.mean(drawn) == pytest.approx(calls.mean, rel=0.05)


def drained(resources: Resources, listing_seconds: float = 0.0) -> tuple[float, BurstWorld]:
    """Drain a backlog of 60; return when the last result came, and the world."""
    world = BurstWorld(1, SlidingWindow(), 5)
    world.handler = world.run_function
    world.resources = resources
    world.store.listing_seconds = listing_seconds
    now = world.kernel.now
    world.store_backlog([f"pair-{number}" for number in range(60)], now - 120, now - 60)
    world.minute_timer()
    world.kernel.run(until=now + 300)
    assert len(world.latencies()) == 60
    assert set(world.face.billed.values()) == {1}
    return max(world.uploaded[pair] + took for pair, took in world.latencies().items()), world


def test_an_instance_with_little_of_a_core_drains_more_slowly() -> None:
    of_a_core, _ = drained(Resources(share=1.0))
    of_little, world = drained(Resources(share=0.05))

    assert of_little > of_a_core + 10
    assert sum(instance.calls for instance in world.instances) >= 60


def test_listings_that_take_long_delay_what_needs_them() -> None:
    quick, _ = drained(Resources())
    slow, _ = drained(Resources(), listing_seconds=3.0)

    assert slow > quick + 2


def test_an_idle_instance_takes_the_next_event_and_later_a_new_one_does() -> None:
    world = BurstWorld(1, SlidingWindow(), 5)
    world.handler = world.run_function
    world.idle_instances_live = 60.0
    for after in (0, 30, 120):
        world.upload_at(f"pair-{after}", after)
        world.kernel.run(until=world.kernel.now + 30)
    world.kernel.run(until=world.kernel.now + 120)

    assert len(world.latencies()) == 3
    # Two events of a pair at a time: two instances, twice.
    assert len(world.instances) == 4


def test_a_drainer_that_dies_makes_no_more_requests_and_another_one_follows() -> None:
    world = BurstWorld(1, SlidingWindow(), 5)
    world.handler = world.run_function
    world.resources = Resources(share=1.0)
    now = world.kernel.now
    world.store_backlog([f"pair-{number}" for number in range(100)], now - 120, now - 60)
    world.minute_timer()
    world.kernel.run(until=now + 70)
    (drainer,) = world.instances
    calls, finished = drainer.calls, len(world.latencies())
    assert finished

    drainer.die()
    world.kernel.run(until=now + 110)
    assert drainer.calls <= calls
    assert len(world.latencies()) <= finished
    world.kernel.run(until=now + 600)

    assert len(world.latencies()) == 100
    assert len(world.instances) > 1
    # Only what was under way when it died may be billed again.
    assert sum(world.face.billed.values()) <= 100 + 16
