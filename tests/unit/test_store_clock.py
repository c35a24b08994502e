"""The store's clock as our replies show it, and the Dates that are not believed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from liveness.cloud.system import SystemRandom
from liveness.store import CreateResult, ObjectHead, RetryingStore
from tests.clocks import ManualClock

NOW = 1_795_000_000.0
YEAR = 365 * 86400.0


class Store:
    """Answers by a clock that is so many seconds ahead of ours, in whole seconds, as COS does."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.ahead = 0.0
        self.way = 0.0  # seconds, one way

    def _date(self) -> float:
        self._clock.sleep(self.way)
        date = math.floor(self._clock.now() + self.ahead)
        self._clock.sleep(self.way)
        return date

    def head(self, bucket: str, key: str) -> ObjectHead:
        date = self._date()
        return ObjectHead(key, 1, "e", None, date, date, {})

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        return CreateResult(created=True, versioned=False, date=self._date())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def store(clock: ManualClock) -> Store:
    return Store(clock)


@pytest.fixture
def retrying(store: Any, clock: ManualClock) -> RetryingStore:
    return RetryingStore(store, clock, SystemRandom())


@pytest.mark.parametrize("ahead", [-890.0, -60.3, -2.0, -0.4, 0.0, 0.7, 3.0, 60.9, 890.0])
def test_a_clock_that_is_off_is_put_right_to_the_second(
    store: Store, retrying: RetryingStore, ahead: float
) -> None:
    store.ahead = ahead
    retrying.head("b", "k")

    assert abs(retrying.clock_offset - ahead) <= 1


@pytest.mark.parametrize("ahead", [-60.3, -2.0, -0.4, 0.0, 0.7, 3.0, 60.9])
def test_further_replies_say_more_precisely_what_time_it_is(
    store: Store, retrying: RetryingStore, clock: ManualClock, ahead: float
) -> None:
    store.ahead, store.way = ahead, 0.02
    for _ in range(40):
        retrying.create("b", "k", b"")
        clock.sleep(0.07)

    assert abs(retrying.clock_offset - ahead) <= 0.12


def test_replies_that_agree_with_our_clock_change_nothing(
    store: Store, retrying: RetryingStore, clock: ManualClock
) -> None:
    for way in (0.01, 6.0, 0.3, 20.0):
        store.way = way
        retrying.head("b", "k")
        clock.sleep(0.37)

    assert retrying.clock_offset == 0


@pytest.mark.parametrize("ahead", [-60.0, 60.0])
def test_a_reply_that_took_long_takes_no_knowledge_away(
    store: Store, retrying: RetryingStore, ahead: float
) -> None:
    store.ahead = ahead
    retrying.head("b", "k")
    known = retrying.clock_offset

    store.way = 7.0
    retrying.create("b", "k", b"")

    assert retrying.clock_offset == known


@pytest.mark.parametrize("ahead", [-100 * YEAR, -YEAR, -1000.0, 1000.0, YEAR, 100 * YEAR])
def test_an_absurd_date_is_ignored(store: Store, retrying: RetryingStore, ahead: float) -> None:
    """It would park a pair for a century; COS would not have accepted what we signed."""
    store.ahead = 30
    retrying.head("b", "k")
    known = retrying.clock_offset

    store.ahead = ahead
    retrying.head("b", "k")

    assert retrying.clock_offset == known
