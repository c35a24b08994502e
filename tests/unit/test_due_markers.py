"""The order in which a drainer draws markers, and which of a pair's markers become obsolete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from liveness import due_markers
from liveness.due_markers import DueMarker, DueMarkers
from liveness.keys import marker_key, pair_hash
from liveness.markers import REDELIVERY_SECONDS
from liveness.records import LEASE_SECONDS
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
        self.written: dict[str, float] = {}
        self.pages = 0
        self.during_next_listing: Callable[[], None] | None = None
        ctx: Any = self
        self.settings = SETTINGS
        self.store = RetryingStore(ctx, self.clock, ctx)
        self.due = DueMarkers(ctx, WORKERS)

    @property
    def rng(self) -> Backlog:
        return self

    def uniform(self, limit: float) -> float:
        """Return the least: of several the first one is taken."""
        return 0.0

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        if interruption := self.during_next_listing:
            self.during_next_listing = None
            interruption()
        self.pages += 1
        keys = [key for key in sorted(self.keys) if key > after]
        page = tuple(ListedObject(key, self.written[key], "", 0) for key in keys[:1000])
        return Page(page, page[-1].key if len(keys) > 1000 else None)

    def park(self, pair_id: str, waited: float, has_setbacks: bool = False) -> str:
        token = f"{len(self.keys):024}"
        key = marker_key(SETTINGS, pair_id, self.clock.now() - waited, token, has_setbacks)
        self.keys.append(key)
        self.written[key] = self.clock.now()
        return key

    def park_old(self, waited: float) -> None:
        """Park more than a test draws."""
        for number in range(40):
            self.park(f"old-{number}", waited=waited - number / 10)

    def park_delayed(self, pair_id: str, waited: float) -> str:
        """Park as until the end of a lease."""
        key = self.park(pair_id, waited)
        self.written[key] -= LEASE_SECONDS
        return key

    def due_next(self) -> DueMarker | None:
        """Draw and be done with it, and list a page if that is due."""
        if self.due.begin_listing():
            self.due.list_page()
        marker = self.due.next()
        if marker is not None:
            self.keys.remove(marker.key)
            if not marker.is_obsolete:
                self.due.done(marker.key, finished=True)
        return marker

    def next(self) -> DueMarker | None:
        """Draw, after the time in which the drainer lists again."""
        self.clock.time += 3
        if self.due.begin_listing():
            self.due.list_page()
        return self.due.next()


@pytest.fixture
def backlog() -> Backlog:
    return Backlog()


def test_pairs_are_drawn_oldest_first(backlog: Backlog) -> None:
    """Near the limit of the rate their waiting times are those of a queue."""
    keys = [backlog.park(f"pair-{number}", waited=100 - number) for number in range(6)]

    assert [backlog.next() for _ in range(6)] == [DueMarker(key) for key in keys]


@pytest.mark.parametrize(("waited", "draws"), [(30, 3), (3000, 2)])
def test_the_newest_gets_a_share_beside_those_that_have_waited(
    backlog: Backlog, waited: int, draws: int
) -> None:
    backlog.park_old(waited)
    backlog.next()
    fresh = {backlog.park(f"fresh-{number}", waited=-3.5 * number) for number in range(12)}
    backlog.written |= {key: NOW + 3.5 * number for number, key in enumerate(sorted(fresh))}

    drawn = [marker.key for _ in range(12) if (marker := backlog.next())]

    assert len(fresh & set(drawn)) == pytest.approx(12 / draws, abs=1)


def test_of_the_newest_those_that_were_delayed_come_later(backlog: Backlog) -> None:
    """When leases end hundreds fall due at once; a person who has just arrived is before them."""
    backlog.park_old(waited=30)
    fresh = backlog.park("fresh", waited=2)
    delayed = {backlog.park_delayed(f"delayed-{number}", waited=1) for number in range(20)}
    backlog.due.list_page()

    drawn = [marker.key for _ in range(7) if (marker := backlog.due.next())]

    assert drawn[0] == fresh
    assert set(drawn) & delayed == {drawn[3], drawn[6]}, "before the backlog if nobody arrives"


@pytest.mark.parametrize(("waited", "draws"), [(30, 12), (3000, 8)])
def test_arrivals_do_not_starve_one_that_was_delayed(
    backlog: Backlog, waited: int, draws: int
) -> None:
    """It may be the only marker of a pair whose instance died."""
    backlog.park_old(waited)
    delayed = backlog.park_delayed("delayed", waited=1)
    drawn = []

    for number in range(draws):
        backlog.park(f"fresh-{number}", waited=0)
        backlog.due.list_page()
        drawn.append(backlog.due.next())

    assert DueMarker(delayed) in drawn


def test_without_a_backlog_those_that_were_delayed_are_drawn_in_their_turn(
    backlog: Backlog,
) -> None:
    keys = [
        backlog.park("first", waited=3),
        backlog.park_delayed("second", waited=2),
        backlog.park("third", waited=1),
    ]
    backlog.due.list_page()

    assert [backlog.due.next() for _ in keys] == [DueMarker(key) for key in keys]


def test_what_the_first_page_shows_is_drawn_before_the_next_is_listed(backlog: Backlog) -> None:
    for number in range(3000):
        backlog.park(f"pair-{number}", waited=5000 - number)

    drawn = {marker.key for _ in range(100) if (marker := backlog.due_next())}

    assert len(drawn) == 100
    assert backlog.pages == 1
    drawn |= {marker.key for _ in range(2900) if (marker := backlog.due_next())}
    assert len(drawn) == 3000, "and the next ones beside the walks"


def test_a_crowd_that_falls_due_at_once_is_listed_by_and_by(
    backlog: Backlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: what is left out at first is listed once fewer are held."""
    monkeypatch.setattr(due_markers, "_MAX_LATEST_PAGES", 3)
    monkeypatch.setattr(due_markers, "_MAX_MARKERS_HELD", 3000)
    crowd = {backlog.park(f"pair-{number}", waited=19 - number / 600) for number in range(9000)}
    drawn: set[str] = set()
    most = 0
    while marker := backlog.next():
        while marker is not None and len(drawn) % 1000:
            most = max(most, backlog.due.waiting)
            drawn.add(marker.key)
            backlog.due.done(marker.key, finished=True)
            marker = backlog.due.next()
        if marker is not None:
            drawn.add(marker.key)
            backlog.due.done(marker.key, finished=True)
        backlog.keys = [key for key in backlog.keys if key not in drawn]

    assert drawn == crowd
    assert most <= 6000


def test_a_listing_is_sorted_by_the_draw_that_follows_it(backlog: Backlog) -> None:
    """A marker that is processed while a page is listed is not drawn once more."""
    key = backlog.park("anna", waited=20)
    assert backlog.next() == DueMarker(key)
    backlog.clock.time += 3
    assert backlog.due.begin_listing()
    assert not backlog.due.begin_listing(), "one page at a time"
    backlog.due.list_page()
    backlog.due.done(key, finished=False)

    assert backlog.due.next() is None


def test_a_shard_draws_its_own_markers_and_then_helps(backlog: Backlog) -> None:
    names = [f"pair-{number}" for number in range(40)]
    keys = {name: backlog.park(name, waited=100) for name in names}
    ours = {pair_hash(name) for name in names[::4]}
    ctx: Any = backlog
    backlog.due = DueMarkers(ctx, WORKERS, lambda pair: pair in ours)

    drawn = [marker.key for _ in names if (marker := backlog.next())]

    assert set(drawn[:10]) == {keys[name] for name in names[::4]}
    assert len(set(drawn)) == 40


def helping(backlog: Backlog) -> None:
    """Let the drainer's own shard be one that no pair is in."""
    ctx: Any = backlog
    backlog.due = DueMarkers(ctx, WORKERS, lambda pair: False)


def test_a_drainer_that_helps_leaves_alone_what_others_are_processing(backlog: Backlog) -> None:
    """A pair was parked by the events of both its inputs: one of its markers is still due."""
    begun, waiting = (backlog.park(name, waited=20) for name in ("anna", "bert"))
    backlog.park("anna", waited=-REDELIVERY_SECONDS)  # requeued by its drainer
    helping(backlog)

    drawn = [marker.key for _ in range(3) if (marker := backlog.next())]

    assert drawn == [waiting]
    assert begun in backlog.keys
    assert not backlog.due.look_again(), "nothing is due for it"


def test_a_drainer_that_helps_looks_first_what_others_have_begun(backlog: Backlog) -> None:
    """What it listed while it had markers of its own is old."""
    ours = [backlog.park(name, waited=20) for name in ("anna", "cleo")]
    begun = backlog.park("bert", waited=10)
    ctx: Any = backlog
    backlog.due = DueMarkers(ctx, WORKERS, lambda pair: pair != pair_hash("bert"))
    assert [backlog.next(), backlog.next()] == [DueMarker(key) for key in ours]
    backlog.park("bert", waited=-REDELIVERY_SECONDS)
    assert backlog.due.next() is None, "before it has looked"

    assert backlog.next() is None
    assert begun in backlog.keys


@pytest.mark.parametrize("pause", [120, 3600])
def test_what_is_due_later_for_other_reasons_is_not_being_processed(
    backlog: Backlog, pause: float
) -> None:
    key = backlog.park("anna", waited=20)
    backlog.park("anna", waited=-pause, has_setbacks=True)
    helping(backlog)

    assert backlog.next() == DueMarker(key)


def test_a_drainer_that_helps_draws_while_it_lists(backlog: Backlog) -> None:
    """The backlog of another shard may be long, and listing it slow."""
    keys = [backlog.park(f"pair-{number}", waited=20) for number in range(3)]
    helping(backlog)
    assert backlog.next() == DueMarker(min(keys))
    drawn: list[DueMarker | None] = []
    backlog.during_next_listing = lambda: drawn.append(backlog.due.next())
    backlog.clock.time += 3

    assert backlog.due.begin_listing()
    backlog.due.list_page()

    assert [marker.key for marker in drawn if marker] == [sorted(keys)[1]]


def test_a_drain_ends_only_when_no_page_has_a_marker_for_it(backlog: Backlog) -> None:
    for number in range(1001):
        backlog.park(f"pair-{number}", waited=20)
        backlog.park(f"pair-{number}", waited=-REDELIVERY_SECONDS)
    last = backlog.park("anna", waited=10)
    helping(backlog)

    assert backlog.due.look_again()
    assert backlog.due.next() == DueMarker(last)


def test_a_drainer_that_helps_draws_no_marker_twice(backlog: Backlog) -> None:
    names = [f"pair-{number}" for number in range(5)]
    keys = {backlog.park(name, waited=3) for name in names}
    helping(backlog)

    drawn = []
    for _ in range(10):
        marker = backlog.next()
        if marker is not None:
            drawn.append(marker.key)
        backlog.clock.time += 0.3  # it lists again

    assert sorted(drawn) == sorted(keys)


def test_a_drainer_that_helps_deletes_what_a_finished_pair_has_left(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    repeat = backlog.park("anna", waited=10)
    helping(backlog)
    assert backlog.next() == DueMarker(first)
    assert backlog.next() is None, "one of a pair at a time"

    backlog.due.done(first, finished=True)

    assert backlog.due.next() == DueMarker(repeat, is_obsolete=True)


def test_a_drainer_that_helps_draws_what_it_listed_last(backlog: Backlog) -> None:
    """Most of what an earlier listing showed was processed since."""
    keys = [backlog.park(f"pair-{number}", waited=20) for number in range(300)]
    helping(backlog)
    assert backlog.next() is not None

    del backlog.keys[:299]

    assert backlog.next() == DueMarker(keys[-1])
    assert backlog.due.next() is None


def all_ours(backlog: Backlog) -> None:
    """Let every pair be in the drainer's shard, one of several."""
    ctx: Any = backlog
    backlog.due = DueMarkers(ctx, WORKERS, lambda pair: True)


def test_a_drainer_leaves_a_pair_of_its_own_to_the_one_that_has_taken_it(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    repeat = backlog.park("anna", waited=19)
    all_ours(backlog)
    assert backlog.next() == DueMarker(first)
    backlog.keys.remove(first)
    backlog.due.done(first, finished=False, was_gone=True)
    requeued = backlog.park("anna", waited=-REDELIVERY_SECONDS)

    assert backlog.next() is None
    assert not backlog.due.look_again(), "it is not ours to finish"
    backlog.keys.remove(requeued)
    assert backlog.due.look_again()
    assert backlog.due.next() == DueMarker(repeat)


@pytest.mark.parametrize("waited", [-REDELIVERY_SECONDS, 30 - REDELIVERY_SECONDS, -60, -3600])
def test_a_pair_of_its_own_is_drawn_whatever_is_due_later(backlog: Backlog, waited: float) -> None:
    """A pause, or the marker that an instance requeued before it died."""
    own = backlog.park("anna", waited=20)
    backlog.park("anna", waited=waited)
    all_ours(backlog)

    assert backlog.next() == DueMarker(own)


def test_a_pair_that_another_drainer_has_taken_is_looked_for_again(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=15)
    repeat = backlog.park("anna", waited=14)
    assert backlog.next() == DueMarker(first)
    backlog.keys.remove(first)

    backlog.due.done(first, finished=False, was_gone=True)

    assert backlog.due.next() is None, "the other one is processing it"
    assert backlog.next() == DueMarker(repeat)


def test_later_uploads_of_a_pair_that_was_taken_are_processed_soon(backlog: Backlog) -> None:
    """The drainer that took it may have finished before they came."""
    first = backlog.park("anna", waited=50)
    later = backlog.park("anna", waited=40)
    for number in range(100):
        backlog.park(f"pair-{number}", waited=45)
    assert backlog.next() == DueMarker(first)
    backlog.keys.remove(first)

    backlog.due.done(first, finished=False, was_gone=True)

    assert DueMarker(later) in (backlog.due.next(), backlog.due.next())


def test_a_pair_that_ends_during_a_draw_keeps_its_other_markers(backlog: Backlog) -> None:
    """A worker may be done with it between any two steps of another one that draws."""
    first = backlog.park("anna", waited=20)
    helping(backlog)
    assert backlog.next() == DueMarker(first)
    repeats = [backlog.park("anna", waited=waited) for waited in (4, 3)]
    backlog.keys.remove(first)
    assert backlog.next() is None
    ended = False

    def end(pair: str) -> bool:
        nonlocal ended
        if not ended:
            ended = True
            backlog.due.done(first, finished=False)
        return False

    backlog.due._is_ours = end
    drawn = [marker for _ in range(4) if (marker := backlog.next())]
    for marker in drawn:
        backlog.due.done(marker.key, finished=False)

    assert [marker.key for marker in drawn] == repeats[:1]
    assert backlog.due.next() == DueMarker(repeats[1])


def test_what_is_obsolete_is_drawn_when_no_pair_may_be(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    repeat = backlog.park("anna", waited=15)
    other = backlog.park("bert", waited=10)
    assert backlog.next() == DueMarker(first)
    backlog.due.done(first, finished=True)

    assert backlog.due.next(only_obsolete=True) == DueMarker(repeat, is_obsolete=True)
    assert backlog.due.next(only_obsolete=True) is None
    assert backlog.due.next() == DueMarker(other)


def test_one_marker_of_a_pair_is_processed_at_a_time(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    backlog.park("anna", waited=10)

    assert backlog.next() == DueMarker(first)
    assert backlog.next() is None
    assert backlog.due.any_pending


def test_markers_listed_before_a_finished_walk_are_obsolete(backlog: Backlog) -> None:
    first = backlog.park("anna", waited=20)
    repeat = backlog.park("anna", waited=10)
    assert backlog.next() == DueMarker(first)

    backlog.due.done(first, finished=True)

    assert backlog.next() == DueMarker(repeat, is_obsolete=True)


def test_the_oldest_are_listed_on_after_many_obsolete_markers(backlog: Backlog) -> None:
    """Every pair was parked by the events of both its inputs, as usual."""
    pairs = 1500
    for number in range(pairs):
        for _ in range(2):
            backlog.park(f"pair-{number}", waited=5000 - number)

    drawn = [marker for _ in range(2 * pairs + 100) if (marker := backlog.due_next())]

    assert len({marker.key for marker in drawn if not marker.is_obsolete}) >= pairs
    assert len(drawn) == 2 * pairs
    assert backlog.keys == []


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

    backlog.keys.remove(first)
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
        backlog.keys.remove(marker.key)
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


def test_setbacks_get_every_sixth_draw_beside_fresh_ones(backlog: Backlog) -> None:
    for number in range(40):
        backlog.park(f"fresh-{number}", waited=100 - number)
        backlog.park(f"late-{number}", waited=5000 - number, has_setbacks=True)

    drawn = draw(backlog, 42)

    assert sum(key.endswith("-s") for key in drawn) == 7


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
