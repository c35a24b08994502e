"""The store's clock as our replies show it, and the Dates that are not believed."""

from __future__ import annotations

from typing import Any

import pytest

from liveness.cloud.system import SystemRandom
from liveness.store import CreateResult, ObjectHead, RetryingStore
from tests.clocks import ManualClock

NOW = 1_795_000_000.0
YEAR = 365 * 86400.0


class Store:
    """Answers with a Date that is so many seconds ahead of our clock."""

    ahead = 0.0

    def head(self, bucket: str, key: str) -> ObjectHead:
        date = NOW + self.ahead
        return ObjectHead(key, 1, "e", None, date, date, {})

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        return CreateResult(created=True, versioned=False, date=NOW + self.ahead)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def retrying(store: Any) -> RetryingStore:
    return RetryingStore(store, ManualClock(NOW), SystemRandom())


@pytest.mark.parametrize("ahead", [-890.0, -60.0, -3.0, 3.0, 60.0, 890.0])
def test_a_clock_that_is_off_is_put_right(
    store: Store, retrying: RetryingStore, ahead: float
) -> None:
    store.ahead = ahead
    retrying.head("b", "k")

    assert retrying.now() == NOW + ahead
    assert retrying.clock_offset == ahead


@pytest.mark.parametrize("ahead", [-2.0, -0.9, 0.0, 0.9, 2.0])
def test_a_difference_within_the_resolution_means_nothing(
    store: Store, retrying: RetryingStore, ahead: float
) -> None:
    store.ahead = ahead
    retrying.create("b", "k", b"")

    assert retrying.clock_offset == 0


@pytest.mark.parametrize("ahead", [-100 * YEAR, -YEAR, -1000.0, 1000.0, YEAR, 100 * YEAR])
def test_an_absurd_date_is_ignored(store: Store, retrying: RetryingStore, ahead: float) -> None:
    """It would park a pair for a century; COS would not have accepted what we signed."""
    store.ahead = 30
    retrying.head("b", "k")

    store.ahead = ahead
    retrying.head("b", "k")

    assert retrying.now() == NOW + 30
