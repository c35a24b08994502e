"""The backlog: durable notes that a pair is due. Parking one, and working them off.

A marker's name begins with the time it is due, so a listing has the oldest first. Its times are by
the store's clock: instances whose clocks are minutes apart agree on it.

Time is cut in slots. Who creates `drain/<slot>` drains in it, and creates the next one early to go
on; a drainer that dies simply does not, and nobody must clean up after it. This saves calls that
would be throttled. Safety never depends on it: claims do that.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from .errors import ConfigurationError, LivenessError, StoreUnavailable
from .keys import due_at, marker_key, marker_prefix, markers_due_at, pair_id_problem
from .logs import Log
from .pacing import TokenBucket
from .seams import Chance
from .services import Services
from .settings import Settings
from .store import CLOCK_GRAIN_SECONDS, JSON, NO_RECORD, PatientStore

SLOT_SECONDS = 10
# The next slot is taken this long before it begins.
_EARLY_SECONDS = 6.0
# No call starts so shortly before a slot ends that is not followed by one of ours: within a second
# of it the next drainer may call, and by its clock the slot may have ended a little earlier.
_LAST_CALL_SECONDS = 1.0 + CLOCK_GRAIN_SECONDS
# Platform timers fire at full minutes: a drainer that must end leaves the next full minute to them.
_TIMER_SECONDS = 60
# A marker that is worked on is due again after this long, should its instance die.
_VISIT_SECONDS = 150.0
MAX_VISITS = 10
# A walk that begins must be able to end: a call, and what is beside it.
_VISIT_NEEDS_SECONDS = 35.0
_WORKERS = 16
_MARKERS_HELD = 20_000
_REFRESH_SECONDS = 2.0
# So many refusals in a row stop the drain.
_REFUSALS = 5
# Markers are looked for again this far back: the listing is eventually consistent.
_LOOK_BACK_SECONDS = 20.0
_MAX_MARKER_BYTES = 16 * 1024
_SCHEMA = "liveness-marker/1"


class Marker(NamedTuple):
    """A note that a pair is due; `visits` counts the drainers that began and did not end."""

    pair_id: str
    reason: str
    visits: int


def park(
    settings: Settings,
    store: PatientStore,
    chance: Chance,
    marker: Marker,
    seconds: float,
) -> str:
    """Write a marker that is due after that many seconds; returns its key."""
    now = store.now()
    key = marker_key(settings, marker.pair_id, now + seconds, chance.nonce())
    body = {"schema": _SCHEMA, **marker._asdict(), "due": now + seconds, "parked_at": now}
    encoded = json.dumps(body, ensure_ascii=False).encode()
    store.put(settings.ledger_bucket, key, encoded, JSON, {})
    return key


def read_marker(body: bytes) -> Marker | None:
    """None for what is no marker of ours."""
    try:
        fields = json.loads(body)
        marker = Marker(fields["pair_id"], str(fields["reason"]), int(fields["visits"]))
    except NO_RECORD:
        return None
    # Giving up may fail and be tried again, but no marker of ours was visited that often.
    sound = isinstance(marker.pair_id, str) and 0 <= marker.visits < 10 * MAX_VISITS
    return marker if sound else None


def slot_key(settings: Settings, moment: float) -> str:
    """The object whose creator drains at that moment (seconds since 1970, the store's clock)."""
    return f"{settings.ledger_prefix}drain/{int(moment // SLOT_SECONDS)}"


class Drained(NamedTuple):
    """What a drain did: whether it had the slot at all, and how many walks ended how."""

    began: bool
    ended: dict[str, int]


# Walks a pair whose marker was visited that often; returns the state it ended in.
Visit = Callable[[Marker], str]


class Drainer:
    """Works markers off, as long as it holds the slot and its invocation has time."""

    def __init__(self, on: Services, bucket: TokenBucket, log: Log, visit: Visit) -> None:
        self._on = on
        self._bucket = bucket
        bucket.slot = self
        self._log = log
        self._visit = visit
        # More would wait for a turn that comes too late, park, and come again at once.
        self._workers = min(_WORKERS, math.ceil(on.settings.rate_limit * _VISIT_NEEDS_SECONDS))
        self._nonce = on.chance.nonce()
        self._slots: list[str] = []
        self._slot_ends = 0.0
        self._leaves_at = 0.0
        # Markers that are due, one a pair. Others of these pairs, and those whose turn has come.
        self._due: deque[str] = deque()
        self._repeats: dict[str, list[str]] = {}
        self._freed: deque[str] = deque()
        self._walked: deque[str] = deque()  # pairs whose repeats are still to be freed
        self._finished: set[str] = set()  # the pairs that we walked to their end
        self._known: set[str] = set()
        self._running: dict[str, str] = {}
        self._refreshed = 0.0
        self._seen_until = 0.0
        self._overdue = 0.0  # seconds that the oldest marker waited for a drainer
        self._draws = 0
        self._refused: ConfigurationError | None = None
        self._refusals = 0  # in a row
        self._stopped = False
        self._ended: dict[str, int] = {}

    def run(self) -> Drained:
        """Drain. Raises ConfigurationError when walks did; markers stay."""
        on = self._on
        if on.seconds_left() < _VISIT_NEEDS_SECONDS or not self._take_current():
            return Drained(False, {})
        self._leaves_at = self._time_to_leave()
        try:
            while True:
                on.concurrency.crew(self._workers, self._visits())
                if not self._may_go_on():
                    break
                # Who parked while the slot was ours relied on us: look once more without it.
                self._give_slots_back()
                self._refresh(whole=True)
                if not (self._due or self._freed) or not self._take_current():
                    break
        finally:
            with contextlib.suppress(StoreUnavailable):
                self._give_slots_back()
        self._log("drain.ended", overdue=round(self._overdue), **self._ended)
        if self._refused is not None and (self._stopped or set(self._ended) == {"refused"}):
            raise self._refused
        return Drained(True, dict(self._ended))

    def _time_to_leave(self) -> float:
        """By the store's clock: in time for our invocation, and if possible at a full minute."""
        now = self._on.store.now()
        latest = now + self._on.seconds_left() - _VISIT_NEEDS_SECONDS
        # Whoever waits for a turn then must have had it before the next drainer gives its first.
        boundary = latest // _TIMER_SECONDS * _TIMER_SECONDS
        boundary -= self._workers / self._on.settings.rate_limit
        return boundary if boundary > now else latest

    # ---- slots

    def _take_current(self) -> bool:
        """Hold the slot that it is now; the first answer may show that our clock was wrong."""
        for _ in range(2):
            moment = self._on.store.now()
            taken = self._take(moment)
            if slot_key(self._on.settings, self._on.store.now()) == slot_key(
                self._on.settings, moment
            ):
                return taken
            self._give_slots_back()
        return False

    def _take(self, moment: float) -> bool:
        """Hold the slot of that moment: ours already, or free."""
        on, key = self._on, slot_key(self._on.settings, moment)
        body = json.dumps({"nonce": self._nonce, "owner": on.origin._asdict()}).encode()
        created = on.store.create(on.settings.ledger_bucket, key, body)
        if not created.new:
            # A 409 may be our own first try whose reply was lost, or another worker of ours.
            stored = on.store.get(on.settings.ledger_bucket, key, _MAX_MARKER_BYTES)
            if stored is None or self._nonce.encode() not in stored.body:
                return False
        if key not in self._slots:  # workers may come to this at once
            self._slots.append(key)
        self._slot_ends = (moment // SLOT_SECONDS + 1) * SLOT_SECONDS
        return True

    def _may_go_on(self) -> bool:
        """Whether another walk may begin: in time, and in a slot of ours."""
        now = self._on.store.now()
        if now >= self._leaves_at or self._on.seconds_left() < _VISIT_NEEDS_SECONDS:
            return False
        return not self._stopped and self.renew()

    def renew(self) -> bool:
        """Whether a call may start, in a slot of ours; the next one is taken when it is time."""
        now, ends = self._on.store.now(), self._slot_ends  # which other workers move on
        if ends - _EARLY_SECONDS <= now < ends < self._leaves_at:
            self._take(ends)
        return self.lasts()

    def lasts(self) -> bool:
        """Whether a call may start, in a slot of ours that is not about to end."""
        return self._on.store.now() < self._slot_ends - _LAST_CALL_SECONDS

    def _give_slots_back(self) -> None:
        """The current one and, where it was taken early, the next: events would wait for us."""
        if self._slots:
            self._on.clock.sleep(self._bucket.quiet_in())
        for key in self._slots[-2:]:
            self._on.store.delete(self._on.settings.ledger_bucket, key)
        self._slots.clear()
        self._slot_ends = 0.0

    # ---- markers

    def _visits(self) -> Iterator[Callable[[], None]]:
        """One task a due marker, until there is none and nobody is at work who might leave one."""
        while self._may_go_on():
            key = self._next_due()
            if key is None:
                if self._running:
                    self._on.clock.sleep(0.5)
                elif not self._walked:
                    return
                continue
            self._running[key] = _pair_of(key)
            yield partial(self._work, key)

    def _next_due(self) -> str | None:
        """The next marker whose pair nobody is walking. Drawn by one worker at a time."""
        while self._walked:
            self._freed.extend(self._repeats.pop(self._walked.popleft(), ()))
        if self._on.clock.monotonic() - self._refreshed > _REFRESH_SECONDS:
            self._refresh(whole=not (self._due or self._freed))
        at_work = set(self._running.values())
        for _ in range(len(self._due) + len(self._freed)):
            key = self._draw()
            self._known.discard(key)
            if _pair_of(key) not in at_work:
                return key
            # Its pair is being walked; this marker is found again at a later refresh.
        return None

    def _draw(self) -> str:
        """Oldest and newest pair in turn: the backlog moves, and who comes now need not wait.

        In between a repeat, once its pair was walked: mostly it costs a look and no call. When
        leases end, hundreds fall due at once, and must not delay those who came meanwhile.
        """
        self._draws += 1
        if self._freed and (self._draws % 2 or not self._due):
            return self._freed.popleft()
        return self._due.pop() if self._draws % 4 < 2 else self._due.popleft()

    def _refresh(self, whole: bool) -> None:
        """List what is due; only the latest where the rest is known already."""
        on, settings = self._on, self._on.settings
        pending, now = marker_prefix(settings), on.store.now()
        seen = min(now, self._seen_until) - _LOOK_BACK_SECONDS
        start = pending if whole else markers_due_at(settings, seen)
        # Who parked a moment ago may have had a clock that is a moment ahead.
        end = markers_due_at(settings, now + CLOCK_GRAIN_SECONDS) + "~"
        found: list[str] = []
        while len(self._known) + len(found) < _MARKERS_HELD:
            page = on.store.list(settings.ledger_bucket, pending, start)
            keys = [item.key for item in page.items if item.key < end]
            found += [
                key
                for key in keys
                if _is_marker(key) and key not in self._known and key not in self._running
            ]
            if page.next is None or len(keys) < len(page.items):
                break
            start = page.next
        if found and not self._seen_until:
            self._overdue = max(0.0, now - (due_at(found[0]) or now))
        self._known.update(found)
        for key in found:
            pair = _pair_of(key)
            if pair in self._repeats:
                self._repeats[pair].append(key)
            elif pair in self._finished:
                self._freed.append(key)
            else:
                self._repeats[pair] = []
                self._due.append(key)
        self._refreshed, self._seen_until = on.clock.monotonic(), now

    def _work(self, key: str) -> None:
        try:
            state = self._visit_marker(key)
        except ConfigurationError as error:
            # One pair may be refused for itself; several in a row are not the pairs' fault.
            self._refused, state = error, "refused"
            self._refusals += 1
            self._stopped = self._refusals >= _REFUSALS
        except Exception as error:  # whatever it is, the other pairs go on; the marker stays
            # Our own errors speak for themselves; the text of any other may hold a secret.
            why = str(error) if isinstance(error, LivenessError) else None
            self._log("drain.visit-failed", error=type(error).__name__, why=why)
            state = "failed"
        finally:
            # In this order: who sees nobody at work must see what is left to do.
            self._walked.append(_pair_of(key))
            self._running.pop(key, None)
        if state != "refused":
            self._refusals = 0
        if state in ("published", "done"):
            self._finished.add(_pair_of(key))
        self._ended[state] = self._ended.get(state, 0) + 1

    def _visit_marker(self, key: str) -> str:
        """Rewrite the marker to the tail, walk its pair, and take the marker away at the end.

        One that kills its instance is thus behind all others, and counted.
        """
        on, bucket = self._on, self._on.settings.ledger_bucket
        stored = on.store.get(bucket, key, _MAX_MARKER_BYTES)
        if stored is None:
            return "gone"
        marker = read_marker(stored.body)
        if marker is None or pair_id_problem(on.settings, marker.pair_id):
            self._log("drain.marker-damaged", key=key)
            on.store.delete(bucket, key)
            return "damaged"
        again = marker._replace(visits=marker.visits + 1)
        tail = park(on.settings, on.store, on.chance, again, _VISIT_SECONDS)
        on.store.delete(bucket, key)
        try:
            state = self._visit(marker)
        except (ConfigurationError, StoreUnavailable) as error:
            # Not the pair's fault: the visit does not count against it.
            if not error.parked:
                park(on.settings, on.store, on.chance, marker, _TIMER_SECONDS)
            on.store.delete(bucket, tail)
            raise
        on.store.delete(bucket, tail)
        return state


def _is_marker(key: str) -> bool:
    """Whether it is named as markers are; anything else there is somebody's own."""
    return key.rpartition("/")[2].count("-") >= 2


def _pair_of(key: str) -> str:
    """The pair's hash in a marker's key."""
    return key.rpartition("/")[2].split("-")[1]
