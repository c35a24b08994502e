"""The markers that are due, as one drainer sees them: at most one of each pair at a time.

Markers are drawn from the oldest and the newest end in turn: the backlog moves, and a person who
arrives now need not wait for all of it. Those of pairs with set-backs stand behind: while fresh
ones wait they get every fourth draw and a quarter of the workers, else three quarters of them.

Further markers of a pair come after it was processed. If that finished the pair, or parked it anew,
those that were listed before are obsolete: whatever they announced was in the bucket already. If it
did neither, they are drawn between the others, and so are those that were found later: when leases
end, hundreds fall due at once, and must not delay the markers that arrived meanwhile.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .context import Context
from .keys import marker_prefix, markers_due_at, read_marker_key
from .store import CLOCK_RESOLUTION_SECONDS

_MAX_MARKERS_HELD = 20_000
_REFRESH_SECONDS = 2.0
# Markers are looked for again this far back: the listing is eventually consistent.
_LOOK_BACK_SECONDS = 20.0


class DueMarker(NamedTuple):
    """A marker to be processed, or an obsolete one to be deleted."""

    key: str
    is_obsolete: bool = False


class _Running(NamedTuple):
    key: str
    known_repeats: tuple[str, ...]  # those that were listed before it was drawn


class _Done(NamedTuple):
    pair: str
    finished: bool
    has_new_marker: bool
    known_repeats: tuple[str, ...]


class DueMarkers:
    """Lists the markers that are due, and hands them out.

    One worker at a time calls `next`; any worker may call `done` meanwhile.
    """

    def __init__(self, ctx: Context, workers: int) -> None:
        self._ctx = ctx
        self._workers = workers
        self._due: deque[str] = deque()  # one of each pair
        self._repeats: dict[str, list[str]] = {}  # by pair: its other markers
        self._set_back: deque[str] = deque()  # of pairs with set-backs; one of each pair
        self._ready_repeats: deque[str] = deque()
        self._obsolete: deque[str] = deque()
        self._running: dict[str, _Running] = {}  # by pair
        self._done: deque[_Done] = deque()
        self._finished: set[str] = set()  # pairs
        self._seen_keys: set[str] = set()
        self._refreshed = 0.0
        self._seen_until = 0.0
        self._draws = 0
        self.oldest_overdue_seconds = 0.0
        """How long the oldest marker had waited when this drainer began."""

    @property
    def any_due(self) -> bool:
        return bool(self._due or self._set_back or self._ready_repeats)

    @property
    def any_running(self) -> bool:
        return bool(self._running)

    @property
    def any_done(self) -> bool:
        """Whether a marker was processed since the last draw, so that others may be ready."""
        return bool(self._done)

    def next(self) -> DueMarker | None:
        """Draw the next marker whose pair is not being processed; None if there is none now."""
        self._settle_done()
        if self._ctx.clock.monotonic() - self._refreshed > _REFRESH_SECONDS:
            self.refresh(whole=not self.any_due)
        if self._obsolete:
            return DueMarker(self._obsolete.popleft(), is_obsolete=True)
        for _ in range(len(self._due) + len(self._set_back) + len(self._ready_repeats)):
            key = self._pop_next()
            if key is None:
                return None
            self._seen_keys.discard(key)
            pair = _pair_of(key)
            if pair not in self._running:
                self._running[pair] = _Running(key, tuple(self._repeats.get(pair, ())))
                return DueMarker(key)
            # A later refresh finds this marker again.
        return None

    def done(self, key: str, finished: bool, has_new_marker: bool = False) -> None:
        """Take note that a marker was processed: whether that finished its pair, or parked it."""
        pair = _pair_of(key)
        # In this order: a worker that sees none running must see what is ready.
        known_repeats = self._running[pair].known_repeats
        self._done.append(_Done(pair, finished, has_new_marker, known_repeats))
        del self._running[pair]

    def refresh(self, whole: bool) -> None:
        """List what is due; only the latest markers if the others are known already."""
        settings, now = self._ctx.settings, self._ctx.store.now()
        prefix = marker_prefix(settings)
        seen_until = min(now, self._seen_until) - _LOOK_BACK_SECONDS
        after = prefix if whole else markers_due_at(settings, seen_until)
        # The clock of an instance that parked a moment ago may be a moment ahead.
        end = markers_due_at(settings, now + CLOCK_RESOLUTION_SECONDS) + "~"
        known = self._seen_keys | {running.key for running in list(self._running.values())}
        found: list[str] = []
        while len(self._seen_keys) + len(found) < _MAX_MARKERS_HELD:
            page = self._ctx.store.list(settings.ledger_bucket, prefix, after)
            keys = [item.key for item in page.items if item.key < end]
            found += [key for key in keys if read_marker_key(key) and key not in known]
            if page.next_marker is None or len(keys) < len(page.items):
                break
            after = page.next_marker
        if found and not self._seen_until:
            self.oldest_overdue_seconds = max(0.0, now - (_due_time(found[0]) or now))
        self._add(found)
        self._refreshed, self._seen_until = self._ctx.clock.monotonic(), now

    def _add(self, keys: list[str]) -> None:
        self._seen_keys.update(keys)
        for key in keys:
            pair = _pair_of(key)
            if pair in self._repeats:
                self._repeats[pair].append(key)
            elif pair in self._finished:
                self._ready_repeats.append(key)
            else:
                self._repeats[pair] = []
                (self._set_back if _has_setbacks(key) else self._due).append(key)

    def _settle_done(self) -> None:
        """Sort the repeats of the pairs that were processed since the last draw."""
        while self._done:
            done = self._done.popleft()
            # By key: an earlier walk that ended late may have taken the known ones from the list.
            covered = done.finished or done.has_new_marker
            obsolete = set(done.known_repeats) if covered else set()
            for key in self._repeats.pop(done.pair, []):
                (self._obsolete if key in obsolete else self._ready_repeats).append(key)
            if done.finished:
                self._finished.add(done.pair)

    def _pop_next(self) -> str | None:
        """Pop a repeat every other time, a set-back every fourth, else the newest and oldest."""
        self._draws += 1
        if self._ready_repeats and (self._draws % 2 or not self.any_due_first):
            return self._ready_repeats.popleft()
        if self._set_back and (self._draws % 4 == 0 or not self._due):
            running = sum(_has_setbacks(item.key) for item in list(self._running.values()))
            if running < max(1, self._workers // 4 if self._due else 3 * self._workers // 4):
                return self._set_back.popleft()
        if not self._due:
            return None
        return self._due.pop() if self._draws % 4 < 2 else self._due.popleft()

    @property
    def any_due_first(self) -> bool:
        """Whether there is a marker of a pair that was not processed yet."""
        return bool(self._due or self._set_back)


def _has_setbacks(key: str) -> bool:
    marker = read_marker_key(key)
    return marker is not None and marker.has_setbacks


def _pair_of(key: str) -> str:
    """Return the pair's hash in a marker's key."""
    marker = read_marker_key(key)
    assert marker is not None, key
    return marker.pair_hash


def _due_time(key: str) -> float | None:
    marker = read_marker_key(key)
    return marker.due if marker else None
