"""Clocks that are wrong, and time that runs out."""

from __future__ import annotations

from typing import Any

import pytest

from liveness_sandbox import Drop, Reply
from tests.conftest import Cloud, Instance
from tests.function.test_backlog import DRAIN, park_by_hand

THROTTLED = {"code": "RequestLimitExceeded", "channel": "error", "times": 1}


def link_lifetimes(cloud: Cloud) -> set[int]:
    lifetimes = set()
    for request in cloud.sandbox.requests:
        if request.auth == "query" and (request.key or "").startswith("liveness/incoming/"):
            start, end = map(int, request.query["q-key-time"].split(";"))
            lifetimes.add(end - start - 60)  # the SDK dates them back by a minute
    return lifetimes


@pytest.mark.parametrize("behind", [0, 300])
def test_links_outlive_a_clock_that_is_behind(cloud: Cloud, behind: int) -> None:
    """They are signed by our clock: by the store's they began that much earlier."""
    cloud.put_pair("anna")
    function = cloud.instance()
    function.clock.wall_shift = -behind

    assert function.walk("anna")["status"] == "passed"

    (lifetime,) = link_lifetimes(cloud)
    assert 75 <= lifetime - behind <= 80


@pytest.mark.parametrize(("shift", "logged"), [(-59, []), (-90, [90]), (90, [-90])])
def test_a_clock_that_is_off_raises_an_alarm(cloud: Cloud, shift: int, logged: list[int]) -> None:
    cloud.put_pair("anna")
    function = cloud.instance()
    function.clock.wall_shift = shift

    function.walk("anna")

    alarms = [line["seconds"] for line in function.logged("invocation.clock-off")]
    assert alarms == pytest.approx(logged, abs=2)


def test_a_refusal_names_a_clock_that_is_off(cloud: Cloud) -> None:
    """The SDK signs by the machine's clock, which is five minutes behind the sandbox's."""
    cloud.sandbox.clock.advance(300)
    cloud.put_pair("anna")
    for method in ("HEAD", "GET"):
        cloud.on(method, "", Reply(403), times=1_000_000)

    with pytest.raises(Exception, match="clock"):
        cloud.instance().walk("anna")


def test_a_refusal_with_a_good_clock_names_the_policy(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    for method in ("HEAD", "GET"):
        cloud.on(method, "", Reply(403), times=1_000_000)

    with pytest.raises(Exception, match="execution role") as raised:
        cloud.instance().walk("anna")
    assert "clock" not in str(raised.value)


@pytest.mark.parametrize("years", [1, 30])
def test_an_absurd_date_parks_no_pair_for_years(cloud: Cloud, years: int) -> None:
    cloud.put_pair("anna", THROTTLED)
    function = cloud.instance()
    now = function.clock.now()
    cloud.sandbox.clock.advance(years * 360 * 86400)
    cloud.sandbox.clock.advance(0)
    function.environ.update(cloud.instance().environ)  # the credentials have expired meanwhile

    assert function.walk("anna")["state"] == "parked"

    (marker,) = cloud.markers()
    assert abs(marker["due"] - now) < 120


# ---- time that runs out


def test_pairs_without_time_left_are_parked_unwalked(cloud: Cloud) -> None:
    """A direct invocation may name thousands."""
    names = [f"pair-{number}" for number in range(50)]
    for name in names:
        cloud.put_pair(name)
    function = cloud.instance()

    def use_up_the_time() -> None:
        function.clock.shift += 100  # of 120

    cloud.on("PUT", "pair-1/result.json", use_up_the_time, phase="after")

    pairs = function({"pairs": names})["pairs"]

    assert [pair["state"] for pair in pairs] == ["published"] * 2 + ["parked"] * 48
    assert {marker["pair_id"] for marker in cloud.markers()} == set(names[2:])
    assert {marker["reason"] for marker in cloud.markers()} == {"time-exhausted"}
    assert len(function.logged("pair.inspected")) == 2 * 2
    assert cloud.calls == 2


def drain_losing_the_slots_deletion(cloud: Cloud, function: Instance) -> list[str]:
    """Drain; the reply to the slot's DELETE is lost, and another drainer takes the slot.

    Return the keys of the slots that were deleted.
    """
    deleted: list[str] = []

    def lose(request: Any, phase: str) -> Drop | None:
        if request.method != "DELETE" or "/drain/" not in (request.key or "") or phase == "before":
            return None
        deleted.append(request.key)
        if len(deleted) > 1:
            return None
        cloud.bucket.put(request.key, b'{"nonce": "the next drainer"}')
        return Drop()

    cloud.sandbox.hooks.append(lose)
    function(DRAIN)
    return deleted


def test_the_deletion_of_a_slot_is_never_repeated(cloud: Cloud) -> None:
    cloud.put_pair("anna")
    park_by_hand(cloud, "anna")

    deleted = drain_losing_the_slots_deletion(cloud, cloud.instance())

    assert deleted
    assert cloud.bucket.keys(deleted[0]), "another drainer's slot was removed"
    assert deleted.count(deleted[0]) == 1
