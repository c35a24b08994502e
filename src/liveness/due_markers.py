"""Lists the markers that are due, and chooses the next one that a drainer processes.

Markers are drawn oldest first, so that near the limit of the rate they wait as in a queue. Once
some have waited for long, every third draw is the newest, and every second one once the backlog is
old: a person who arrives now need not wait for all of it. Among the newest, those that were delayed
get only every fourth of these draws: when leases end, hundreds fall due at once. Markers of pairs
with set-backs come after the others: while others wait they get every sixth draw, since each may
take two calls.

A backlog may be long, and listing it slow, so it is listed a page at a time, beside the walks: the
oldest markers while few are held, and once a second those that fell due lately.

Only one marker of a pair is processed at a time. If that finished the pair, or parked it anew, the
pair's other markers listed before are obsolete: whatever they announced was in the bucket already.
If it did neither, they are drawn between the others, and so are those that were found later: when
leases end, hundreds fall due at once, and must not delay the markers that arrived meanwhile.

Where several drainers share the rate, each draws the markers of its own shard. Once it has none
left, it helps the others with any of theirs. A pair that another drainer is processing may have
further markers; a listing of the requeued markers shows which pairs to leave alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .context import Context
from .keys import MarkerKey, marker_prefix, markers_due_at, read_marker_key
from .markers import REDELIVERY_SECONDS
from .store import CLOCK_RESOLUTION_SECONDS

# The listing of the oldest markers goes on while fewer than this are held.
_MIN_MARKERS_HELD = 500
# At most this many pages of the latest markers are listed at a time, and only one while more than
# _MAX_MARKERS_HELD are held: a crowd may fall due within seconds.
_MAX_LATEST_PAGES = 20
_MAX_MARKERS_HELD = 20_000
_REFRESH_SECONDS = 1.0
# The same while helping others: what they have begun is looked at more often.
_HELPER_REFRESH_SECONDS = 0.25
# How far back the latest markers are listed again: listings are eventually consistent.
_LOOK_BACK_SECONDS = 20.0
# A marker is fresh up to the first of these ages; with one beyond the second, the backlog is old.
_FRESH_SECONDS = 8.0
_OLD_SECONDS = 60.0
# The marker of a pair that another drainer is processing was requeued within this time, and falls
# due REDELIVERY_SECONDS after it was written, give or take this much.
_MAX_PROCESSING_SECONDS = 60.0
_REDELIVERY_TOLERANCE_SECONDS = 5.0
# Markers of a pair that fell due this close to each other are about the same uploads.
_SAME_UPLOAD_SECONDS = 2.0


class DueMarker(NamedTuple):
    """A marker to be processed, or an obsolete one to be deleted."""

    key: str
    is_obsolete: bool = False


class _Listed(NamedTuple):
    """A marker's key, parsed once: there may be thousands, and each is looked at many times."""

    key: str
    parts: MarkerKey
    written: float  # seconds since 1970

    def age(self, now: float) -> float:
        """Return the seconds since it fell due; 0 if its key does not say when that was."""
        return now - self.parts.due if self.parts.due is not None else 0.0

    @property
    def delay(self) -> float:
        """The seconds from its writing until it fell due; 0 if its key does not say when."""
        return self.parts.due - self.written if self.parts.due is not None else 0.0

    @property
    def was_delayed(self) -> bool:
        """Whether it fell due long after it was written; most such waited for a lease to end."""
        return self.delay > _FRESH_SECONDS

    @property
    def was_requeued(self) -> bool:
        """Whether a drainer wrote it before it began to process the pair."""
        return abs(self.delay - REDELIVERY_SECONDS) <= _REDELIVERY_TOLERANCE_SECONDS


class _Look(NamedTuple):
    """What a listing showed, to be sorted at the next draw."""

    markers: list[_Listed]
    elsewhere: set[str] | None  # hashes of pairs that others process; None if not listed


class _Running(NamedTuple):
    marker: _Listed
    known_repeats: tuple[_Listed, ...]  # the pair's others, listed before it was drawn


class _Done(NamedTuple):
    pair: str
    finished: bool
    has_new_marker: bool
    was_gone: bool


class DueMarkers:
    """Lists the markers that are due, and hands them out.

    One worker at a time calls `next`; any worker may call `done` or list a page meanwhile.
    """

    def __init__(
        self, ctx: Context, workers: int, is_ours: Callable[[str], bool] | None = None
    ) -> None:
        """`is_ours` says whether a pair's hash is this shard's; None if there is a single shard."""
        self._ctx = ctx
        self._workers = workers
        self._is_ours = is_ours
        # One marker per pair: those that have waited, those that fell due lately, at once or after
        # a delay, and those with set-backs.
        self._waited: deque[_Listed] = deque()
        self._fresh: deque[_Listed] = deque()
        self._delayed: deque[_Listed] = deque()
        self._set_back: deque[_Listed] = deque()
        self._repeats: dict[str, list[_Listed]] = {}  # by pair: its other markers
        self._ready_repeats: deque[_Listed] = deque()
        self._obsolete: deque[_Listed] = deque()
        # By pair: the markers of other shards, while this drainer helps.
        self._others: dict[str, list[_Listed]] | None = None
        self._running: dict[str, _Running] = {}  # by pair
        self._done: deque[_Done] = deque()
        self._finished: set[str] = set()  # pairs
        self._taken: set[str] = set()  # pairs that another drainer has taken
        self._held: set[str] = set()  # keys
        self._looks: deque[_Look] = deque()
        self._drawn: set[str] = set()  # keys that the current listing may still show
        self._is_listing = False
        self._after: str | None = marker_prefix(ctx.settings)  # where to continue; None at the end
        self._refreshed = ctx.clock.monotonic()
        self._seen_until = ctx.store.now()
        self._draws = self._draws_of_both = 0
        self.oldest_overdue_seconds: float | None = None
        """How long the oldest marker had waited when this drainer began; None if there was none."""

    @property
    def waiting(self) -> int:
        """How many markers are held of pairs not processed yet and without set-backs."""
        return len(self._waited) + len(self._fresh) + len(self._delayed)

    @property
    def left(self) -> int:
        """How many markers are held of this shard's pairs that are not being processed."""
        return self.waiting + len(self._set_back)

    @property
    def any_due(self) -> bool:
        return bool(self.waiting or self._set_back or self._ready_repeats or self._others)

    @property
    def any_pending(self) -> bool:
        """Whether there may be more to draw once a walk or a listing has ended."""
        is_listing = self._is_listing or self._after is not None
        return bool(self._running or is_listing or self._done or self._looks)

    # ---- draws

    def next(self, only_obsolete: bool = False) -> DueMarker | None:
        """Draw the next marker whose pair is not being processed; None if there is none now."""
        self._sort()
        if self._obsolete:
            return DueMarker(self._take(self._obsolete.popleft()), is_obsolete=True)
        while not only_obsolete and (marker := self._pop_next()) is not None:
            pair = marker.parts.pair_hash
            if pair not in self._running:
                self._running[pair] = _Running(marker, tuple(self._repeats.get(pair, ())))
                return DueMarker(self._take(marker))
            self._held.discard(marker.key)  # a later listing finds this marker again
        return None

    def done(
        self, key: str, finished: bool, has_new_marker: bool = False, was_gone: bool = False
    ) -> None:
        """Record that a marker was processed, and whether that finished its pair or parked it.

        If the marker was gone, another drainer has taken the pair.
        """
        parts = read_marker_key(key)
        assert parts is not None, key
        self._done.append(_Done(parts.pair_hash, finished, has_new_marker, was_gone))

    def _take(self, marker: _Listed) -> str:
        """Stop holding a marker that is handed out; return its key."""
        self._held.discard(marker.key)
        self._drawn.add(marker.key)
        return marker.key

    def _sort(self) -> None:
        """Sort what was processed and what was listed since the last draw."""
        while self._done:
            self._end(self._done.popleft())
        while self._looks:
            self._add(self._looks.popleft())

    def _end(self, done: _Done) -> None:
        first, known_repeats = self._running.pop(done.pair)
        covered = done.finished or done.has_new_marker
        # As a set: an earlier walk that ended late may have taken the known ones from the list.
        obsolete = set(known_repeats) if covered else set()
        if done.finished:
            self._finished.add(done.pair)
        if done.was_gone:
            self._taken.add(done.pair)
        for marker in self._repeats.pop(done.pair, []):
            if done.was_gone and abs(first.age(0.0) - marker.age(0.0)) <= _SAME_UPLOAD_SECONDS:
                self._held.discard(marker.key)  # a later listing finds it if it still exists
            else:
                (self._obsolete if marker in obsolete else self._ready_repeats).append(marker)

    def _pop_next(self) -> _Listed | None:
        self._draws += 1
        now = self._ctx.store.now()
        for queue in (self._fresh, self._delayed):
            while queue and queue[0].age(now) > _FRESH_SECONDS:
                self._waited.append(queue.popleft())
        if self._ready_repeats and (self._draws % 2 or not (self.waiting or self._set_back)):
            return self._ready_repeats.popleft()
        if self._set_back and (self._draws % 6 == 0 or not self.waiting):
            running = sum(item.marker.parts.has_setbacks for item in self._running.values())
            if running < max(1, self._workers // 4 if self.waiting else 3 * self._workers // 4):
                return self._set_back.popleft()
        lately_due = [queue for queue in (self._fresh, self._delayed) if queue]
        if self._waited and lately_due:
            self._draws_of_both += 1
            share = 2 if self._waited[0].age(now) > _OLD_SECONDS else 3
            if self._draws_of_both % share != 1:
                return self._waited.popleft()
            is_for_delayed = self._draws_of_both // share % 4 == 3
            return lately_due[-1 if is_for_delayed else 0].pop()
        if self.waiting:
            queues = [self._waited] if self._waited else lately_due
            return max(queues, key=lambda queue: queue[0].age(now)).popleft()
        return None if self._set_back else self._pop_other()

    def _pop_other(self) -> _Listed | None:
        if not self._others:
            return None
        # A random one, because several drainers may help at once.
        pair = list(self._others)[int(self._ctx.rng.uniform(len(self._others)))]
        marker, *repeats = self._others.pop(pair)
        self._repeats[pair] = repeats
        self._held.update(repeat.key for repeat in repeats)
        return marker

    # ---- listings

    def begin_listing(self) -> bool:
        """Return whether to list a page now; if so, `list_page` must be called once."""
        if self._is_listing:
            return False
        self._sort()
        lists_on = self._after is not None and len(self._held) < _MIN_MARKERS_HELD
        begins_to_help = self._helps and self._others is None
        helps = bool(self._others) and not self._set_back
        seconds = _HELPER_REFRESH_SECONDS if helps else _REFRESH_SECONDS
        is_fresh = self._ctx.clock.monotonic() - self._refreshed <= seconds
        if is_fresh and not lists_on and not begins_to_help:
            return False
        if self._after is None and not self.any_due:
            self._list_from_the_oldest()
        self._is_listing = True
        self._drawn = {running.marker.key for running in self._running.values()}
        return True

    def look_again(self) -> bool:
        """List from the oldest marker on, at once; return whether any is due."""
        self._list_from_the_oldest()
        while self._after is not None and not self.any_due:
            self.list_page()
            self._sort()
        return self.any_due

    def _list_from_the_oldest(self) -> None:
        self._after = marker_prefix(self._ctx.settings)
        self._others = None

    @property
    def _helps(self) -> bool:
        return self._is_ours is not None and not self.waiting

    def list_page(self) -> None:
        """List the next page of the oldest markers or, if enough are held, the latest ones."""
        try:
            if self._helps:
                self._look_for_others()
            else:
                self._looks.extend(_Look(page, None) for page in self._pages())
        finally:
            self._is_listing = False

    def _look_for_others(self) -> None:
        """List the oldest markers of any shard as well, and then the pairs that are under way."""
        oldest = marker_prefix(self._ctx.settings)
        pages = [self._list(oldest, self._ctx.store.now())[0]] if self._after != oldest else []
        listed = {marker.key: marker for page in (*pages, *self._pages()) for marker in page}
        # Listed after the due markers: a pair that was taken from those meanwhile is in here.
        self._looks.append(_Look(list(listed.values()), self._processed_elsewhere()))

    def _pages(self) -> Iterator[list[_Listed]]:
        settings, now = self._ctx.settings, self._ctx.store.now()
        if self._after is not None and len(self._held) < _MIN_MARKERS_HELD:
            page, self._after = self._list(self._after, now)
            yield page
            return
        seen_until = min(now, self._seen_until) - _LOOK_BACK_SECONDS
        after: str | None = markers_due_at(settings, seen_until)
        for _ in range(_MAX_LATEST_PAGES if len(self._held) < _MAX_MARKERS_HELD else 1):
            if after is not None:
                page, after = self._list(after, now)
                yield page
        if after is None:
            self._seen_until = now
        self._refreshed = self._ctx.clock.monotonic()

    def _processed_elsewhere(self) -> set[str]:
        """List the markers that drainers have requeued lately; return their pairs' hashes."""
        settings = self._ctx.settings
        latest = self._ctx.store.now() + REDELIVERY_SECONDS
        after: str | None = markers_due_at(settings, latest - _MAX_PROCESSING_SECONDS)
        end = markers_due_at(settings, latest + CLOCK_RESOLUTION_SECONDS) + "~"
        hashes: set[str] = set()
        while after is not None:
            page, after = self._list_until(end, after)
            hashes |= {marker.parts.pair_hash for marker in page if marker.was_requeued}
        return hashes

    def _list(self, after: str, now: float) -> tuple[list[_Listed], str | None]:
        """List a page of due markers; return it, and where to continue, None at the end."""
        # The clock of an instance that has just parked a pair may be slightly ahead.
        end = markers_due_at(self._ctx.settings, now + CLOCK_RESOLUTION_SECONDS) + "~"
        found, next_after = self._list_until(end, after)
        if self.oldest_overdue_seconds is None and found:
            self.oldest_overdue_seconds = max(0.0, found[0].age(now))
        if next_after is None:
            self._refreshed = self._ctx.clock.monotonic()
        return found, next_after

    def _list_until(self, end: str, after: str) -> tuple[list[_Listed], str | None]:
        """List a page of the markers before `end`; return it, and where to continue."""
        settings = self._ctx.settings
        page = self._ctx.store.list(settings.ledger_bucket, marker_prefix(settings), after)
        items = [item for item in page.items if item.key < end]
        found = [
            _Listed(item.key, parts, item.last_modified)
            for item in items
            if (parts := read_marker_key(item.key))
        ]
        return found, page.next_marker if len(items) == len(page.items) else None

    def _add(self, look: _Look) -> None:
        now = self._ctx.store.now()
        others: dict[str, list[_Listed]] | None = None if look.elsewhere is None else {}
        self._others = others
        for marker in look.markers:
            pair = marker.parts.pair_hash
            if marker.key in self._held or marker.key in self._drawn:
                continue
            is_elsewhere = pair in (look.elsewhere or ())
            if self._is_ours is not None and not self._is_ours(pair):
                if others is not None and pair not in self._repeats and not is_elsewhere:
                    others.setdefault(pair, []).append(marker)
                continue
            if is_elsewhere and pair in self._taken:
                continue
            self._held.add(marker.key)
            if pair in self._repeats:
                self._repeats[pair].append(marker)
            elif pair in self._finished:
                self._ready_repeats.append(marker)
            else:
                self._repeats[pair] = []
                self._queue_of(marker, now).append(marker)

    def _queue_of(self, marker: _Listed, now: float) -> deque[_Listed]:
        if marker.parts.has_setbacks:
            return self._set_back
        if marker.age(now) > _FRESH_SECONDS:
            return self._waited
        return self._delayed if marker.was_delayed else self._fresh
