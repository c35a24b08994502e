"""Erase one pair, even while invocations are processing it.

The inputs are deleted first: an invocation that inspects the pair from then on finds nothing to
do, and makes no call. An invocation that inspected it earlier may still write. So if anything was
written recently, the erasure waits until no invocation can still be running, and looks again,
until it finds nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from liveness.errors import ConfigurationError, ObjectUnreadableError
from liveness.inspection import may_read
from liveness.keys import candidate_keys, marker_prefix, pair_claims_prefix, pair_hash, result_key
from liveness.records import LEASE_SECONDS
from liveness.retry import DEFAULT_POLICY, PERSISTENT_POLICY
from liveness.store import ListedObject, RetryingStore

from ..console import ProgressCallback
from ..environment import CONCURRENT_REQUESTS, Target

# After its last write a walk may make its call, which ends within its lease, store the response,
# and publish frame and result.
QUIESCENCE_SECONDS = LEASE_SECONDS + PERSISTENT_POLICY.seconds + 3 * DEFAULT_POLICY.seconds
# Two are enough, unless something keeps writing.
_MAX_PASSES = 6
# The minimum time between deleting and listing again: listings lag.
_LISTING_SECONDS = 2.0


class PairObjects(NamedTuple):
    """The objects of one pair, by kind, in the order of deletion."""

    inputs: Sequence[ListedObject] = ()
    markers: Sequence[ListedObject] = ()
    results: Sequence[ListedObject] = ()
    ledger: Sequence[ListedObject] = ()

    @property
    def by_kind(self) -> Mapping[str, Sequence[ListedObject]]:
        return {
            "inputs": self.inputs,
            "markers": self.markers,
            "results": self.results,
            "ledger": self.ledger,
        }

    @property
    def all(self) -> list[ListedObject]:
        return [item for items in self.by_kind.values() for item in items]


class Erasure:
    """Finds and deletes one pair; `removed` has the keys by kind, in the order of deletion."""

    def __init__(
        self, target: Target, pair_id: str, progress: ProgressCallback, *, dry_run: bool
    ) -> None:
        self._settings = target.settings
        self._store: RetryingStore = target.context(dry_run=dry_run).store
        self._gather = target.concurrency.gather
        self._clock = target.clock
        self._pair_id = pair_id
        self._progress = progress
        self.removed: dict[str, list[str]] = {kind: [] for kind in PairObjects().by_kind}

    def find(self) -> PairObjects:
        """Find the pair's objects.

        Listings say where to look, HEADs what exists: a listed object may be gone already.
        """
        settings, hashed = self._settings, pair_hash(self._pair_id)
        folder = f"{settings.result_prefix}{self._pair_id}/"
        published, markers, ledger = self._gather(
            lambda: self._list(settings.result_bucket, folder),
            lambda: self._list(settings.ledger_bucket, marker_prefix(settings)),
            lambda: self._list(settings.ledger_bucket, pair_claims_prefix(settings, self._pair_id)),
        )
        # A pair id may contain slashes: a key in a deeper folder belongs to another pair.
        results = {key for key in published if "/" not in key[len(folder) :]}
        results.add(result_key(settings, self._pair_id))
        inputs = [each.key for each in candidate_keys(settings, self._pair_id)]
        return PairObjects(
            inputs=self._existing(settings.bucket, inputs),
            markers=self._existing(
                settings.ledger_bucket, [key for key in markers if f"-{hashed}-" in key]
            ),
            results=self._existing(settings.result_bucket, sorted(results)),
            ledger=self._existing(settings.ledger_bucket, ledger),
        )

    def run(self, objects: PairObjects) -> bool:
        """Delete the objects; returns False if new ones kept appearing."""
        settings = self._settings
        known: set[ListedObject] = set()
        for _ in range(_MAX_PASSES):
            if not objects.all:
                return True
            self._remove("inputs", settings.bucket, objects.inputs)
            self._remove("markers", settings.ledger_bucket, objects.markers)
            self._remove("results", settings.result_bucket, objects.results)
            self._remove("ledger", settings.ledger_bucket, objects.ledger)
            first_seen = set(objects.all) - known
            known |= first_seen
            wait = max((self._seconds_until_quiescent(item) for item in first_seen), default=0.0)
            self._wait(max(wait, _LISTING_SECONDS))
            objects = self.find()
        return not objects.all

    def _seconds_until_quiescent(self, item: ListedObject) -> float:
        """Return for how long the invocation that wrote this, or that it triggered, may write."""
        return item.last_modified + QUIESCENCE_SECONDS - self._store.now()

    def _wait(self, seconds: float) -> None:
        total = math.ceil(seconds)
        for second in range(total):
            self._progress("waiting", second, total)
            self._clock.sleep(1)

    def _remove(self, kind: str, bucket: str, items: Iterable[ListedObject]) -> None:
        for batch in _batches([item.key for item in items]):
            self._gather(*(partial(self._store.delete, bucket, key) for key in batch))
            self.removed[kind] += [key for key in batch if key not in self.removed[kind]]
            self._progress(f"removing {kind}", len(self.removed[kind]), None)

    def _existing(self, bucket: str, keys: Sequence[str]) -> list[ListedObject]:
        existing: list[ListedObject] = []
        for batch in _batches(keys):
            found = self._gather(*(partial(self._existing_object, bucket, key) for key in batch))
            existing += [item for item in found if item]
        return existing

    def _existing_object(self, bucket: str, key: str) -> ListedObject | None:
        """HEAD an object; one that COS refuses to describe exists, and may be new."""
        try:
            head = self._store.head(bucket, key)
        except ObjectUnreadableError:
            return ListedObject(key, self._store.now())
        except ConfigurationError:
            if not may_read(self._settings, self._store):
                raise
            return ListedObject(key, self._store.now())
        return ListedObject(head.key, head.last_modified) if head else None

    def _list(self, bucket: str, prefix: str) -> list[str]:
        keys: list[str] = []
        after = ""
        while True:
            page = self._store.list(bucket, prefix, after)
            keys += [item.key for item in page.items]
            if page.next_marker is None:
                return keys
            after = page.next_marker


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split the keys into batches of one concurrent request per key."""
    size = CONCURRENT_REQUESTS
    return (keys[offset : offset + size] for offset in range(0, len(keys), size))
