"""The bucket that is computed: its listings and heads agree, and reconcile finds nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest

from bench.pacing.cases import reconciled_first
from liveness.keys import FINGERPRINT_META
from liveness.store import ListedObject
from liveness_sandbox.faceid.rate_limit import SlidingWindow

from .burst_world import BUCKET, BurstWorld
from .month_store import MonthStore
from .resources import Resources

T = TypeVar("T")
_INPUTS, _RESULTS = "liveness/incoming/", "liveness/results/"


def month(pairs: int, share_uploaded: float = 1.0) -> tuple[BurstWorld, MonthStore]:
    world = BurstWorld(1, SlidingWindow(), 5)
    now = world.kernel.now - 60
    return world, MonthStore(
        world, pairs, now - 1000 * share_uploaded, now + 1000 * (1 - share_uploaded)
    )


def run(world: BurstWorld, work: Callable[[], T]) -> T:
    task = world.kernel.spawn(work)
    world.kernel.run(until=world.kernel.now + 10)
    result: T = task.outcome()
    return result


def listed(world: BurstWorld, store: MonthStore, prefix: str) -> list[ListedObject]:
    """List everything, page by page."""

    def pages() -> list[ListedObject]:
        items: list[ListedObject] = []
        after: str | None = prefix
        while after is not None:
            page = store.list(BUCKET, prefix, after)
            assert len(page.items) <= 1000
            items += page.items
            after = page.next_marker
        return items

    return run(world, pages)


def test_a_listing_has_every_input_once_and_in_order() -> None:
    world, store = month(1300)

    keys = [item.key for item in listed(world, store, _INPUTS)]

    assert len(keys) == 2600
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("prefix", [_INPUTS, _RESULTS])
def test_a_head_says_what_the_listing_says(prefix: str) -> None:
    world, store = month(5)

    for item in listed(world, store, prefix):
        head = run(world, partial(store.head, BUCKET, item.key))
        assert head is not None
        assert (head.etag, head.last_modified) == (item.etag, int(item.last_modified))
        assert (FINGERPRINT_META in head.metadata) is item.key.endswith("/result.json")


def test_what_is_uploaded_later_is_not_there_yet() -> None:
    world, store = month(100, share_uploaded=0.5)

    earlier = len(listed(world, store, _INPUTS))
    world.kernel.run(until=world.kernel.now + 300)

    assert earlier == pytest.approx(100, abs=15)
    assert len(listed(world, store, _INPUTS)) == pytest.approx(160, abs=15)


def test_reconcile_looks_at_every_pair_and_parks_none() -> None:
    figures = reconciled_first(1, keys=400, resources=Resources(share=1.0))

    assert figures["parked"] == 0
    assert figures["HEADs"] >= 1
