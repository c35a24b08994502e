"""COS that shows its past for a while: lists, HEADs, and whether a key is taken.

The vendor documents GET Bucket as eventually consistent [436/30614] and says nothing of the rest.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from ..clock import Clock
from ..cos.store import Bucket, ConsistencyModel, StoredObject
from .active import ActiveFault, Faults


class Change(NamedTuple):
    at: datetime
    before: StoredObject | None
    """None: there was nothing."""


class StaleViews(ConsistencyModel):
    """Answers as the faults in force want it, from changes that were made since they are.

    Only a request that would notice counts as one of so many times.
    """

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self._changes: dict[tuple[str, str], list[Change]] = defaultdict(list)

    def on_change(self, bucket: Bucket, key: str, before: StoredObject | None) -> None:
        longest = self._longest_lag()
        if not longest:
            self._changes.clear()
            return
        now = self._clock.now()
        changes = self._changes[bucket.name, key]
        changes[:] = [change for change in changes if now - change.at <= longest]
        changes.append(Change(now, before))

    def listing_view(self, bucket: Bucket) -> Bucket:
        past: dict[str, StoredObject | None] = {}
        for active in self._faults.stale("stale_list"):
            seen = {
                key: self._at(bucket, key, _lag(active))
                for name, key in list(self._changes)
                if name == bucket.name and active.fault.match.matches_object(name, key)
            }
            hidden = {key: was for key, was in seen.items() if was is not bucket.get(key)}
            if hidden and active.should_fire():
                past.update(hidden)
        return bucket.with_objects(past) if past else bucket

    def head(self, bucket: Bucket, key: str) -> StoredObject | None:
        return self._seen("head_lag", bucket, key)

    def existing_for_create(self, bucket: Bucket, key: str) -> StoredObject | None:
        return self._seen("racing_puts", bucket, key)

    def _seen(self, kind: str, bucket: Bucket, key: str) -> StoredObject | None:
        now = bucket.get(key)
        for active in self._faults.stale(kind):
            if active.fault.match.matches_object(bucket.name, key):
                past = self._at(bucket, key, _lag(active))
                if past is not now and active.should_fire():
                    return past
        return now

    def _at(self, bucket: Bucket, key: str, lag: timedelta) -> StoredObject | None:
        moment = self._clock.now() - lag
        for change in tuple(self._changes.get((bucket.name, key), ())):
            if change.at > moment:
                return change.before
        return bucket.get(key)

    def _longest_lag(self) -> timedelta:
        stale = [active for active in self._faults.snapshot() if active.fault.action.stale_kind]
        return max(map(_lag, stale), default=timedelta())


def _lag(active: ActiveFault) -> timedelta:
    do = active.fault.action
    return timedelta(seconds=do.stale_list or do.head_lag or do.racing_puts or 0)
