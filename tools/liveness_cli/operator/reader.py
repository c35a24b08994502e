"""Read the bucket: listings page by page, objects several at a time. Writes nothing.

Listings of COS are eventually consistent, so an object that was just written may be missing in
them. The inputs, the result and the first ledger objects of a pair are therefore read by key.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from liveness.backlog import slot_key
from liveness.keys import candidate_keys, due_at, marker_prefix, pair_hash, result_key
from liveness.ledger import read_response
from liveness.look import FINGERPRINT_META, Input, Look, judge
from liveness.store import Listed, StoredObject

from ..console import ProgressCallback
from ..environment import CONCURRENT_REQUESTS, Target
from ..text import redact
from .snapshot import (
    BucketSnapshot,
    LedgerRecord,
    Listing,
    Marker,
    Owner,
    PairSnapshot,
    RepeatedCalls,
    Result,
    Slot,
)

T = TypeVar("T")

_RESULT_NAME = "/result.json"
_MAX_BYTES = 64 * 1024
_UNREADABLE = "unreadable"
# Of a thousand keys each; `status` reads more only on request.
_MAX_PAGES = 100
_FIRST_NAMES = ("1.claim", "1.released", "response")
# In the body of a marker: how often a drain has processed it.
_DELIVERIES = "visits"


class _ListedObjects(NamedTuple):
    items: list[Listed]
    complete: bool


class Reader:
    """Reads what one command needs, and reports its progress."""

    def __init__(self, target: Target, progress: ProgressCallback) -> None:
        self._settings = target.settings
        self._store = target.read_only_store
        self._gather = target.concurrency.together
        self._progress = progress

    # ---- all pairs

    def read_bucket(self, limit: int | None) -> BucketSnapshot:
        """Read what `status` needs, with the bodies of `limit` markers and results, or of all."""
        settings = self._settings
        ledger, pages = settings.ledger_prefix, None if limit is None else _MAX_PAGES
        # The first reply sets our clock by the store's, which the slot's key depends on.
        reconciled_at = self._reconciled_at()
        listing = partial(self._list, pages=pages)
        markers, results, claims, slot = self._gather(
            lambda: listing("markers", settings.ledger_bucket, marker_prefix(settings)),
            lambda: listing("results", settings.result_bucket, settings.result_prefix),
            lambda: listing("ledger", settings.ledger_bucket, f"{ledger}claims/"),
            self._slot,
        )
        published = [item for item in results.items if item.key.endswith(_RESULT_NAME)]
        published.sort(key=lambda item: item.last_modified, reverse=True)
        names = _names_by_fingerprint(claims.items, f"{ledger}claims/")
        repeated = [entry for entry in names.items() if len(_called_attempts(entry[1])) > 1]
        return BucketSnapshot(
            settings=settings,
            markers=self._markers(markers.items, limit),
            markers_listed=Listing(len(markers.items), markers.complete),
            slot=slot,
            reconciled_at=reconciled_at,
            results=self._read_all("results", self._listed_result, published[:limit]),
            results_listed=Listing(len(published), results.complete),
            fingerprints_listed=Listing(len(names), claims.complete),
            repeated_calls=self._read_all("calls", self._repeated_calls, repeated[:limit]),
            repeated_calls_unread=len(repeated) - len(repeated[:limit]),
            now=self._store.now(),
        )

    def _reconciled_at(self) -> float | None:
        stored = self._read(f"{self._settings.ledger_prefix}reconcile.json")
        began = _fields(stored).get("finished_pass_began")
        return _finite(began) or None  # 0 if no pass has finished yet

    def _slot(self) -> Slot | None:
        stored = self._read(slot_key(self._settings, self._store.now()))
        return Slot(_owner(_fields(stored)), stored.head.last_modified) if stored else None

    def _listed_result(self, item: Listed) -> Result | None:
        pair_id = item.key[len(self._settings.result_prefix) : -len(_RESULT_NAME)]
        return self._result(pair_id)

    def _repeated_calls(self, entry: tuple[tuple[str, str], set[str]]) -> RepeatedCalls:
        (hashed, fingerprint), names = entry
        folder = f"{self._settings.ledger_prefix}claims/{hashed}/{fingerprint}/"
        attempts = _called_attempts(names)
        grants = sum(name.startswith("grant-") for name in names)
        current = f"response-{grants}" if grants else "response"
        claim = _fields(self._read(f"{folder}{min(attempts)}.claim"))
        stored = self._read(folder + current) if current in names else None
        response = read_response(stored.body, fingerprint) if stored else None
        return RepeatedCalls(
            pair_id=_text(claim.get("pair_id")),
            fingerprint=fingerprint,
            calls=response.possibly_billed if response else len(attempts),
            answered=response is not None and response.answer is not None,
        )

    # ---- one pair

    def read_pair(self, pair_id: str) -> PairSnapshot:
        """Read what `explain` needs."""
        settings, hashed = self._settings, pair_hash(pair_id)
        inspection, inputs = self._look(pair_id)
        folder = f"{settings.ledger_prefix}claims/{hashed}/"
        pending = marker_prefix(settings)
        result, claims, markers = self._gather(
            lambda: self._result(pair_id),
            lambda: self._list("ledger", settings.ledger_bucket, folder, None),
            lambda: self._list("markers", settings.ledger_bucket, pending, None),
        )
        frame_key = result.frame_key if result else None
        frame = self._store.head(settings.result_bucket, frame_key) if frame_key else None
        keys = {item.key for item in claims.items}
        if (work := inspection.work) is not None:
            keys |= {f"{folder}{work.fingerprint}/{name}" for name in _FIRST_NAMES}
        pair_markers = [item for item in markers.items if _pair_hash_of(item.key) == hashed]
        return PairSnapshot(
            settings=settings,
            pair_id=pair_id,
            inspection=inspection,
            inputs=inputs,
            records=self._read_all("ledger", partial(self._record, folder), sorted(keys)),
            markers=self._markers(pair_markers, None),
            result=result,
            frame_exists=frame is not None if frame_key else None,
            slot=self._slot(),
            now=self._store.now(),
        )

    def _look(self, pair_id: str) -> tuple[Look, list[Input]]:
        """Inspect the pair as the first step of the walk does."""
        settings, store = self._settings, self._store
        keys = candidate_keys(settings, pair_id)
        *heads, result = self._gather(
            *(partial(store.head, settings.bucket, key.key) for key in keys),
            partial(store.head, settings.result_bucket, result_key(settings, pair_id)),
        )
        if keys and not any(heads):
            # The 404 of a HEAD is the same for a missing key and a missing bucket. A GET raises
            # an error for the bucket.
            store.get(settings.bucket, keys[0].key, max_bytes=0)
        objects = list(zip(keys, heads, strict=True))
        inputs = [
            Input(key.role, key.key, head.etag, head.size, head.last_modified, head.md5)
            for key, head in objects
            if head is not None
        ]
        return judge(settings, pair_id, objects, result), inputs

    def _record(self, folder: str, key: str) -> LedgerRecord | None:
        stored = self._read(key)
        if stored is None:
            return None
        fingerprint, _, name = key[len(folder) :].partition("/")
        fields = _fields(stored)
        nonce = fields.get("nonce")
        record = LedgerRecord(
            fingerprint=fingerprint,
            name=name,
            written_at=stored.head.last_modified,
            owner=_owner(fields),
            nonce=nonce if isinstance(nonce, str) else None,
        )
        if record.kind in ("response", "late"):
            record = record._replace(response=read_response(stored.body, fingerprint))
        return record

    # ---- objects that both need

    def _markers(self, items: Sequence[Listed], limit: int | None) -> list[Marker]:
        """Read the bodies of the first `limit` markers; the others are known by name only."""
        first, others = items[:limit], items[len(items[:limit]) :]
        markers: list[Marker] = self._read_all("markers", self._marker, first)
        return markers + [_unread_marker(item) for item in others]

    def _marker(self, item: Listed) -> Marker | None:
        """Read a marker; None if it was deleted after the listing."""
        stored = self._read(item.key)
        if stored is None:
            return None
        fields = _fields(stored)
        deliveries, parked_at = fields.get(_DELIVERIES), fields.get("parked_at")
        return _unread_marker(item)._replace(
            pair_id=_text(fields.get("pair_id")) or None,
            reason=redact(fields.get("reason")) or None,
            deliveries=deliveries if isinstance(deliveries, int) else None,
            parked_at=_finite(parked_at),
            is_read=True,
        )

    def _result(self, pair_id: str) -> Result | None:
        settings = self._settings
        stored = self._store.get(settings.result_bucket, result_key(settings, pair_id), _MAX_BYTES)
        if stored is None:
            return None
        fields = _fields(stored)
        try:
            frame, similarity = fields["best_frame"], fields["similarity"]
            return Result(
                pair_id=pair_id,
                published_at=stored.head.last_modified,
                status=redact(fields["status"]) or _UNREADABLE,
                code=redact(fields["reason"]["code"]),
                detail=redact(fields["reason"]["detail"]),
                calls=int(fields["possibly_billed_calls"]),
                attempts=int(fields["attempts"]),
                # The function uses the metadata; the document repeats it.
                fingerprint=stored.head.metadata.get(FINGERPRINT_META, ""),
                similarity=None if similarity is None else float(similarity),
                frame_key=_text(frame["key"]) or None,
                frame_missing_because=redact(frame["missing_because"]) or None,
            )
        except (KeyError, TypeError, ValueError):
            return Result(pair_id, stored.head.last_modified, _UNREADABLE)

    def _read(self, key: str) -> StoredObject | None:
        return self._store.get(self._settings.ledger_bucket, key, _MAX_BYTES)

    def _list(self, name: str, bucket: str, prefix: str, pages: int | None) -> _ListedObjects:
        items: list[Listed] = []
        after, pages_read = "", 0
        while True:
            page = self._store.list(bucket, prefix, after)
            items += page.items
            pages_read += 1
            self._progress(f"listing {name}", len(items), None)
            if page.next is None:
                return _ListedObjects(items, complete=True)
            if pages_read == pages:
                return _ListedObjects(items, complete=False)
            after = page.next

    def _read_all(
        self, name: str, read_one: Callable[[Any], T | None], items: Iterable[Any]
    ) -> list[T]:
        """Read all items, several at a time; objects that are gone by then are left out."""
        pending, objects = list(items), []
        for offset in range(0, len(pending), CONCURRENT_REQUESTS):
            batch = pending[offset : offset + CONCURRENT_REQUESTS]
            objects += self._gather(*(partial(read_one, item) for item in batch))
            self._progress(f"reading {name}", offset + len(batch), len(pending))
        return [item for item in objects if item is not None]


def _names_by_fingerprint(items: Iterable[Listed], prefix: str) -> dict[tuple[str, str], set[str]]:
    """Group the names of ledger objects by pair hash and fingerprint."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in items:
        hashed, _, rest = item.key[len(prefix) :].partition("/")
        fingerprint, _, name = rest.partition("/")
        names[hashed, fingerprint].add(name)
    return names


def _called_attempts(names: Iterable[str]) -> set[int]:
    """Return the attempts that were not released, from the names of the ledger's objects."""
    numbers: dict[str, set[int]] = {"claim": set(), "released": set()}
    for name in names:
        number, _, kind = name.partition(".")
        if kind in numbers and number.isdecimal():
            numbers[kind].add(int(number))
    return numbers["claim"] - numbers["released"]


def _unread_marker(item: Listed) -> Marker:
    """Make a marker from its name, `<due>-<pair hash>-<nonce>`."""
    return Marker(_pair_hash_of(item.key), due_at(item.key) or item.last_modified)


def _pair_hash_of(key: str) -> str:
    """Return the pair hash in a marker's name; empty if the key is not a marker's."""
    return key.rpartition("/")[2].partition("-")[2].partition("-")[0]


def _fields(stored: StoredObject | None) -> dict[str, Any]:
    """Return the fields of a JSON object; empty if the stored object is missing or damaged."""
    try:
        fields = json.loads(stored.body) if stored else {}
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _owner(fields: dict[str, Any]) -> Owner:
    owner = fields.get("owner")
    owner = owner if isinstance(owner, dict) else {}
    return Owner(*(redact(owner.get(name)) for name in ("name", "version", "request_id")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
