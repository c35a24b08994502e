"""Erasing one pair, though invocations may be at work on it.

Inputs go first: who looks from then on finds nothing to do, and makes no call. Who looked before
may still write. So where anything was written lately, it is waited until nobody can be at work any
more, and looked again, until nothing is found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from liveness.keys import candidate_keys, marker_prefix, pair_hash, result_key
from liveness.ledger import LEASE_SECONDS
from liveness.retry import KEEP, STORE
from liveness.store import Listed, PatientStore

from .reach import WIDTH, Reach
from .reading import Tell

# After it wrote something a walk may make its call, which ends in its lease, keep the answer, and
# publish frame and result.
AT_WORK_SECONDS = LEASE_SECONDS + KEEP.seconds + 3 * STORE.seconds
# Two are the rule; many are needed only when somebody goes on writing.
_PASSES = 6
# At least so long between removing and looking again: listings lag.
_LISTING_SECONDS = 2.0


class Found(NamedTuple):
    """What there is of one pair, by kind, in the order in which it goes."""

    inputs: Sequence[Listed] = ()
    markers: Sequence[Listed] = ()
    results: Sequence[Listed] = ()
    ledger: Sequence[Listed] = ()

    @property
    def everything(self) -> list[Listed]:
        return [item for kind in self for item in kind]


class Erasure:
    """Finds and removes one pair; `removed` has the keys by kind, in the order of removal."""

    def __init__(self, at: Reach, pair_id: str, tell: Tell, *, dry_run: bool) -> None:
        self._settings = at.settings
        self._store: PatientStore = at.services(dry_run=dry_run).store
        self._together = at.concurrency.together
        self._clock = at.clock
        self._pair_id = pair_id
        self._tell = tell
        self.removed: dict[str, list[str]] = {kind: [] for kind in Found._fields}

    def find(self) -> Found:
        """Listings say where to look, heads what is there: what is listed may be gone already."""
        settings, hashed = self._settings, pair_hash(self._pair_id)
        folder = f"{settings.result_prefix}{self._pair_id}/"
        published, markers, ledger = self._together(
            lambda: self._list(settings.result_bucket, folder),
            lambda: self._list(settings.ledger_bucket, marker_prefix(settings)),
            lambda: self._list(settings.ledger_bucket, f"{settings.ledger_prefix}claims/{hashed}/"),
        )
        # A pair id may hold slashes: what lies deeper is another pair's.
        results = {key for key in published if "/" not in key[len(folder) :]}
        results.add(result_key(settings, self._pair_id))
        inputs = [each.key for each in candidate_keys(settings, self._pair_id)]
        return Found(
            inputs=self._there(settings.bucket, inputs),
            markers=self._there(
                settings.ledger_bucket, [key for key in markers if f"-{hashed}-" in key]
            ),
            results=self._there(settings.result_bucket, sorted(results)),
            ledger=self._there(settings.ledger_bucket, ledger),
        )

    def run(self, found: Found) -> bool:
        """Remove it; False where something was written again and again."""
        settings = self._settings
        known: set[Listed] = set()
        for _ in range(_PASSES):
            if not found.everything:
                return True
            self._remove("inputs", settings.bucket, found.inputs)
            self._remove("markers", settings.ledger_bucket, found.markers)
            self._remove("results", settings.result_bucket, found.results)
            self._remove("ledger", settings.ledger_bucket, found.ledger)
            fresh = set(found.everything) - known
            known |= fresh
            wait = max((self._at_work_for(item) for item in fresh), default=0.0)
            self._wait(max(wait, _LISTING_SECONDS))
            found = self.find()
        return not found.everything

    def _at_work_for(self, item: Listed) -> float:
        """Seconds for which whoever wrote this, or was woken by it, may still write."""
        return item.last_modified + AT_WORK_SECONDS - self._store.now()

    def _wait(self, seconds: float) -> None:
        total = math.ceil(seconds)
        for second in range(total):
            self._tell("waiting", second, total)
            self._clock.sleep(1)

    def _remove(self, kind: str, bucket: str, items: Iterable[Listed]) -> None:
        keys = [item.key for item in items]
        for part in _parts(keys):
            self._together(*(partial(self._store.delete, bucket, key) for key in part))
            self.removed[kind] += [key for key in part if key not in self.removed[kind]]
            self._tell(f"removing {kind}", len(self.removed[kind]), None)

    def _there(self, bucket: str, keys: Sequence[str]) -> list[Listed]:
        found: list[Listed] = []
        for part in _parts(keys):
            heads = self._together(*(partial(self._store.head, bucket, key) for key in part))
            found += [Listed(head.key, head.last_modified) for head in heads if head]
        return found

    def _list(self, bucket: str, prefix: str) -> list[str]:
        keys: list[str] = []
        after = ""
        while True:
            page = self._store.list(bucket, prefix, after)
            keys += [item.key for item in page.items]
            if page.next is None:
                return keys
            after = page.next


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many as there are requests at once."""
    return (keys[begin : begin + WIDTH] for begin in range(0, len(keys), WIDTH))
