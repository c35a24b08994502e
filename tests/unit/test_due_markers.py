"""The order in which a drainer draws markers, and which of a pair's markers become obsolete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from liveness.due_markers import DueMarker, DueMarkers
from liveness.keys import marker_key
from liveness.settings import read_settings
from liveness.store import ListedObject, Page, RetryingStore
from tests.clocks import ManualClock

NOW = 1_795_000_000.0
WORKERS = 8
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)


class Backlog:
    """A bucket that lists markers, and the drainer's view of it."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.keys: list[str] = []
        self.during_next_listing: Callable[[], None] | None = None
        ctx: Any = self
        self.settings = SETTINGS
        self.store = RetryingStore(ctx, self.clock, ctx)
        self.due = DueMarkers(ctx, WORKERS)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        if interruption := self.during_next_listing:
            self.during_next_listing = None
            interruption()
        listed = [ListedObject(key, NOW) for key in sorted(self.keys) if key > after]
        return Page(tuple(listed), None)

    def park(self, pair_id: str, waited: float, has_setbacks: bool = False) -> str:
        token = f"{len(self.keys):024}"
        key = marker_key(SETTINGS, pair_id, self.clock.now() - waited, token, has_setbacks)
        self.keys.append(key)
        return key

    def next(self) -> DueMarker | None:
        """Draw, after the time in which the drainer lists again."""
        self.clock.time += 3
        return self.due.next()


@pytest.fixture
def backlog() -> Backlog:
    return Backlog()


def test_the_newest_and_the_oldest_pair_are_drawn_in_turn(backlog: Backlog) -> None:
    keys = [backlog.park(f"pair-{number}", waited=100 - number) for number in range(6)]

    drawn = [backlog.next() for _ in range(6)]

    assert drawn == [DueMarker(keys[n]) for n in (5, 0, 1, 4, 5 - 2, 2)]


def test_one_marker_of_a_pair_is_processed_at_a_time(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    backlog.park("anna", waited=10)

    assert backlog.next() == DueMarker(first)
    assert backlog.next() is None
    assert backlog.due.any_running


def test_markers_listed_before_a_finished_walk_are_obsolete(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    repeat = backlog.park("anna", waited=10)
    assert backlog.next() == DueMarker(first)

    backlog.due.done(first, finished=True)

    assert backlog.next() == DueMarker(repeat, is_obsolete=True)


def test_markers_listed_during_a_walk_are_processed_even_if_it_finished(backlog: Backlog) -> None:
    """They may announce content that was uploaded after the walk's last look."""
    first = backlog.park("anna", waited=20)
    assert backlog.next() == DueMarker(first)
    backlog.keys.remove(first)
    later = backlog.park("anna", waited=0)
    assert backlog.next() is None

    backlog.due.done(first, finished=True)

    assert backlog.next() == DueMarker(later)


def test_a_walk_that_ends_during_a_listing_makes_no_later_marker_obsolete(
    backlog: Backlog,
) -> None:
    """Another worker finishes with the pair while this one lists, and draws it again."""
    first = backlog.park("anna", waited=50)
    second = backlog.park("anna", waited=40)
    assert backlog.next() == DueMarker(first)
    backlog.keys.remove(first)
    backlog.due.done(first, finished=False)
    assert backlog.next() == DueMarker(second)
    backlog.keys.remove(second)
    third = backlog.park("anna", waited=30)
    fourth = backlog.park("anna", waited=20)
    backlog.during_next_listing = lambda: backlog.due.done(second, finished=False)
    assert backlog.next() == DueMarker(third)
    backlog.keys.remove(third)

    later = {backlog.park("anna", waited=10), backlog.park("anna", waited=0)}
    assert backlog.next() is None
    backlog.due.done(third, finished=True)

    processed = set()
    while marker := backlog.next():
        backlog.keys.remove(marker.key)
        if not marker.is_obsolete:
            processed.add(marker.key)
            backlog.due.done(marker.key, finished=True)
    assert later <= processed <= later | {fourth}


def test_markers_of_an_unfinished_pair_are_processed_one_after_another(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    repeat = backlog.park("anna", waited=10)
    assert backlog.next() == DueMarker(first)

    backlog.due.done(first, finished=False)

    assert backlog.next() == DueMarker(repeat)


def test_repeats_take_at_most_every_other_turn(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=50)
    repeats = [backlog.park("anna", waited=40 + number) for number in range(2)]
    assert backlog.next() == DueMarker(first)
    backlog.keys.remove(first)
    others = [backlog.park(f"pair-{number}", waited=30 - number) for number in range(3)]

    backlog.due.done(first, finished=False)

    drawn = []
    for _ in range(4):
        marker = backlog.next()
        assert marker is not None
        drawn.append(marker.key)
        backlog.due.done(marker.key, finished=False)
    assert sum(key in repeats for key in drawn) == 2
    assert sum(key in others for key in drawn) == 2


# ---- fair shares: WORKERS process markers at once


def draw(backlog: Backlog, count: int) -> list[str]:
    """Draw so many markers, and be done with each before the next one is drawn."""
    drawn = []
    for _ in range(count):
        marker = backlog.next()
        assert marker is not None
        backlog.keys.remove(marker.key)
        backlog.due.done(marker.key, finished=True)
        drawn.append(marker.key)
    return drawn


def test_setbacks_get_every_fourth_draw_beside_fresh_ones(backlog: Backlog) -> None:
    for number in range(40):
        backlog.park(f"fresh-{number}", waited=100 - number)
        backlog.park(f"late-{number}", waited=5000 - number, has_setbacks=True)

    drawn = draw(backlog, 40)

    assert sum(key.endswith("-s") for key in drawn) == 10


def test_setbacks_run_in_a_quarter_of_the_workers(backlog: Backlog) -> None:
    """They may take long, and would fill all workers by and by."""
    for number in range(40):
        backlog.park(f"fresh-{number}", waited=100 - number)
        backlog.park(f"late-{number}", waited=5000 - number, has_setbacks=True)
    running = []
    for _ in range(24):
        marker = backlog.next()
        assert marker is not None
        if marker.key.endswith("-s"):
            running.append(marker.key)  # never done
        else:
            backlog.keys.remove(marker.key)
            backlog.due.done(marker.key, finished=True)

    assert len(running) == WORKERS // 4


def test_setbacks_alone_leave_a_quarter_of_the_workers(backlog: Backlog) -> None:
    """For the fresh ones that may arrive at any moment."""
    for number in range(20):
        backlog.park(f"late-{number}", waited=100 - number, has_setbacks=True)

    drawn = [backlog.next() for _ in range(8)]

    assert sum(marker is not None for marker in drawn) == 3 * WORKERS // 4
    fresh = backlog.park("fresh", waited=0)
    assert backlog.next() == DueMarker(fresh)


def test_setbacks_alone_are_all_drawn_by_one_worker(backlog: Backlog) -> None:
    for number in range(9):
        backlog.park(f"late-{number}", waited=100 - number, has_setbacks=True)

    assert len(set(draw(backlog, 9))) == 9
