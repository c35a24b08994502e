"""Erase one pair, even while invocations are processing it.

The inputs are deleted first: an invocation that inspects the pair from then on finds nothing to
do, and makes no call. An invocation that inspected it earlier may still write. So if anything was
written recently, the erasure waits until no invocation can still be running, and searches again,
until it finds nothing.

The uses of a liveness package are stored under its MD5, which the pair's records contain. These
records are deleted last, so that an interrupted erasure can be repeated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from liveness.errors import (
    ConfigurationError,
    ObjectUnreadableError,
    UnreadableReplyError,
)
from liveness.inspection import may_read
from liveness.keys import (
    LATE,
    LIVE,
    RESPONSE,
    InputKey,
    best_frames_prefix,
    candidate_keys,
    inputs_prefix,
    marker_prefix,
    package_uses_prefix,
    pair_claims_prefix,
    pair_frame_urls_prefix,
    pair_hash,
    pair_submissions_prefix,
    read_input_key,
    read_ledger_key,
    result_key,
)
from liveness.records import LEASE_SECONDS
from liveness.retry import DEFAULT_POLICY, PERSISTENT_POLICY
from liveness.store import UNPARSABLE, ListedObject, ObjectHead, RetryingStore

from ..console import ProgressCallback
from ..environment import CONCURRENT_REQUESTS, Target
from ..listing import list_objects
from .listed_inputs import strays_of
from .packages import md5s_of_response, md5s_of_result, md5s_of_submission, valid_md5s

# After its last write a walk may make its call, which ends within its lease, store the response,
# and publish frame and result.
QUIESCENCE_SECONDS = LEASE_SECONDS + PERSISTENT_POLICY.seconds + 3 * DEFAULT_POLICY.seconds
# Two are enough, unless something keeps writing.
_MAX_PASSES = 6
# The minimum time between deleting and listing again: listings lag.
_LISTING_SECONDS = 2.0
_MAX_BYTES = 64 * 1024


class PairObjects(NamedTuple):
    """The objects of one pair, by kind, in the order of deletion."""

    inputs: Sequence[ListedObject] = ()
    markers: Sequence[ListedObject] = ()
    frame_urls: Sequence[ListedObject] = ()
    packages: Sequence[ListedObject] = ()
    frames: Sequence[ListedObject] = ()
    results: Sequence[ListedObject] = ()
    submissions: Sequence[ListedObject] = ()
    ledger: Sequence[ListedObject] = ()

    @property
    def by_kind(self) -> Mapping[str, Sequence[ListedObject]]:
        return self._asdict()

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
        self._md5s: set[str] = set()  # of the pair's packages
        self.strays: list[str] = []
        """Keys that may have been meant for this pair, but are not an input's: they stay."""
        self.removed: dict[str, list[str]] = {kind: [] for kind in PairObjects().by_kind}

    def find(self) -> PairObjects:
        """Find the pair's objects.

        Listings say where to look, HEADs what exists: a listed object may be gone already.
        """
        settings, hashed = self._settings, pair_hash(self._pair_id)
        bucket = settings.ledger_bucket
        own_inputs, results, frames, markers, ledger, submissions, frame_urls = self._gather(
            self._input_keys,
            lambda: self._list_folder(f"{settings.result_prefix}{self._pair_id}/"),
            lambda: self._list_folder(best_frames_prefix(settings, self._pair_id)),
            lambda: self._list(bucket, marker_prefix(settings)),
            lambda: self._list(bucket, pair_claims_prefix(settings, self._pair_id)),
            lambda: self._list(bucket, pair_submissions_prefix(settings, self._pair_id)),
            lambda: self._list(bucket, pair_frame_urls_prefix(settings, self._pair_id)),
        )
        inputs = self._existing(settings.bucket, own_inputs)
        self._learn_packages(ledger, submissions)
        return PairObjects(
            inputs=inputs,
            markers=self._existing(bucket, [key for key in markers if f"-{hashed}-" in key]),
            frame_urls=self._existing(bucket, frame_urls),
            packages=self._existing(bucket, self._package_uses()),
            frames=self._existing(settings.result_bucket, frames),
            results=self._existing(
                settings.result_bucket, sorted({*results, result_key(settings, self._pair_id)})
            ),
            submissions=self._existing(bucket, submissions),
            ledger=self._existing(bucket, ledger),
        )

    def _input_keys(self) -> list[str]:
        """Return every key that an input has or may have, and note strays with the same prefix."""
        settings = self._settings
        prefix = inputs_prefix(settings, self._pair_id)
        listed = list(list_objects(self._store, settings.bucket, prefix))
        self.strays = [stray.key for stray in strays_of(settings, self._pair_id, listed)]
        keys = [each.key for each in candidate_keys(settings, self._pair_id)]
        for item in listed:
            key = read_input_key(settings, item.key)
            if isinstance(key, InputKey) and key.pair_id == self._pair_id:
                keys.append(key.key)
        return list(dict.fromkeys(keys))

    def _learn_packages(self, ledger: Sequence[str], submissions: Sequence[str]) -> None:
        """Add the MD5s of the pair's packages that its records name."""
        settings = self._settings
        result = self._read(settings.result_bucket, result_key(settings, self._pair_id))
        self._md5s |= md5s_of_result(result)
        responses = [key for key in ledger if self._is_response(key)]
        for batch in _batches([*submissions, *responses]):
            reads = (partial(self._read, settings.ledger_bucket, key) for key in batch)
            for record in self._gather(*reads):
                self._md5s |= md5s_of_submission(record) | md5s_of_response(record)

    def _is_response(self, key: str) -> bool:
        ledger_key = read_ledger_key(self._settings, key)
        return ledger_key is not None and ledger_key.kind in (RESPONSE, LATE)

    def _package_uses(self) -> list[str]:
        """Return the keys of this pair's uses of its packages; other pairs may use them, too."""
        settings = self._settings
        keys = [
            key
            for md5 in sorted(self._md5s)
            for key in self._list(settings.ledger_bucket, package_uses_prefix(settings, md5))
        ]
        own: list[str] = []
        for batch in _batches(keys):
            records = self._gather(
                *(partial(self._read, settings.ledger_bucket, key) for key in batch)
            )
            own += [
                key
                for key, record in zip(batch, records, strict=True)
                if record.get("pair_id") == self._pair_id
            ]
        return own

    def _read(self, bucket: str, key: str) -> dict[str, Any]:
        """Return the fields of a JSON object; empty if it is missing or damaged."""
        stored = self._store.get(bucket, key, _MAX_BYTES)
        try:
            fields = json.loads(stored.body) if stored else {}
        except UNPARSABLE:
            return {}
        return fields if isinstance(fields, dict) else {}

    def run(self, objects: PairObjects) -> bool:
        """Delete the objects; returns False if new ones kept appearing."""
        settings = self._settings
        buckets = {
            "inputs": settings.bucket,
            "frames": settings.result_bucket,
            "results": settings.result_bucket,
        }
        known: set[ListedObject] = set()
        for _ in range(_MAX_PASSES):
            if not objects.all:
                return True
            for kind, items in objects.by_kind.items():
                self._remove(kind, buckets.get(kind, settings.ledger_bucket), items)
            first_seen = set(objects.all) - known
            known |= first_seen
            wait = max((self._seconds_until_quiescent(item) for item in first_seen), default=0.0)
            self._wait(max(wait, _LISTING_SECONDS))
            objects = self.find()
        return not objects.all

    def _seconds_until_quiescent(self, item: ListedObject) -> float:
        """Return how long the invocation that wrote this, or that it triggered, may still write."""
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
        """HEAD an object. One that COS refuses to describe exists, and may be new."""
        try:
            head = self._store.head(bucket, key)
            if head and bucket == self._settings.bucket:
                self._learn_package(head)
        except ObjectUnreadableError:
            return ListedObject(key, self._store.now())
        except (ConfigurationError, UnreadableReplyError):
            if not may_read(self._settings, self._store):
                raise
            return ListedObject(key, self._store.now())
        return ListedObject(head.key, head.last_modified) if head else None

    def _learn_package(self, head: ObjectHead) -> None:
        """Add the MD5 of a package that still exists: its call may not have been answered."""
        key = read_input_key(self._settings, head.key)
        if isinstance(key, InputKey) and key.role == LIVE:
            self._md5s |= valid_md5s([head.md5])

    def _list_folder(self, folder: str) -> list[str]:
        """List a folder of results or frames; a key in a deeper one belongs to another pair."""
        keys = self._list(self._settings.result_bucket, folder)
        return [key for key in keys if "/" not in key[len(folder) :]]

    def _list(self, bucket: str, prefix: str) -> list[str]:
        return [item.key for item in list_objects(self._store, bucket, prefix)]


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split the keys into batches that are requested concurrently."""
    size = CONCURRENT_REQUESTS
    return (keys[offset : offset + size] for offset in range(0, len(keys), size))
