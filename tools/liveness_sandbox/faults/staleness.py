"""COS that shows an earlier state for a while: in listings, to HEAD, and to create-only requests.

The vendor documents GET Bucket as eventually consistent [436/30614], and does not mention the rest.
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
    """None if there was no object."""


class StaleViews(ConsistencyModel):
    """Show the earlier states that the active faults ask for.

    They are derived from the changes made while such a fault was active. A request counts as a hit
    only if it sees a difference.
    """

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self._changes: dict[tuple[str, str], list[Change]] = defaultdict(list)

    def on_change(self, bucket: Bucket, key: str, before: StoredObject | None) -> None:
        max_lag = self._max_lag()
        if not max_lag:
            self._changes.clear()
            return
        now = self._clock.now()
        changes = self._changes[bucket.name, key]
        changes[:] = [change for change in changes if now - change.at <= max_lag]
        changes.append(Change(now, before))

    def listing_view(self, bucket: Bucket) -> Bucket:
        overrides: dict[str, StoredObject | None] = {}
        for active in self._faults.stale("stale_list"):
            views = {
                key: self._at(bucket, key, _lag(active))
                for name, key in list(self._changes)
                if name == bucket.name and _is_listed(active, name, key)
            }
            differences = {key: past for key, past in views.items() if past is not bucket.get(key)}
            if differences and active.should_fire():
                overrides.update(differences)
        return bucket.with_objects(overrides) if overrides else bucket

    def head(self, bucket: Bucket, key: str) -> StoredObject | None:
        return self._view("head_lag", bucket, key)

    def existing_for_create(self, bucket: Bucket, key: str) -> StoredObject | None:
        return self._view("racing_puts", bucket, key)

    def _view(self, kind: str, bucket: Bucket, key: str) -> StoredObject | None:
        current = bucket.get(key)
        for active in self._faults.stale(kind):
            if active.fault.match.matches_object(bucket.name, key):
                past = self._at(bucket, key, _lag(active))
                if past is not current and active.should_fire():
                    return past
        return current

    def _at(self, bucket: Bucket, key: str, lag: timedelta) -> StoredObject | None:
        moment = self._clock.now() - lag
        for change in tuple(self._changes.get((bucket.name, key), ())):
            if change.at > moment:
                return change.before
        return bucket.get(key)

    def _max_lag(self) -> timedelta:
        stale = [active for active in self._faults.snapshot() if active.fault.action.stale_kind]
        return max(map(_lag, stale), default=timedelta())


def _is_listed(active: ActiveFault, bucket: str, key: str) -> bool:
    """Return whether a fault changes how a listing shows this key.

    As with other faults an empty `key` stands for requests on the whole bucket: for all keys.
    """
    match = active.fault.match
    return match.matches_object(bucket, key if match.key else "")


def _lag(active: ActiveFault) -> timedelta:
    action = active.fault.action
    seconds = action.stale_list or action.head_lag or action.racing_puts or 0
    return timedelta(seconds=seconds)
