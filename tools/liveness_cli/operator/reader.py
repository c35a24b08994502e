"""Read the bucket: listings page by page, objects several at a time. Writes nothing.

Listings of COS are eventually consistent, so an object that was just written may be missing in
them. The inputs, the result and the first ledger objects of a pair are therefore read by key.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from liveness.breaker import BreakerState, read_state
from liveness.history import History, read_history
from liveness.inspection import Inspection, inspect
from liveness.keys import (
    CLAIM,
    FINGERPRINT_META,
    GRANT,
    LATE,
    LIVE,
    RELEASED,
    RESPONSE,
    LedgerKey,
    breaker_key,
    claim_name,
    claims_prefix,
    content_prefix,
    drain_slot_key,
    inputs_prefix,
    marker_prefix,
    package_uses_prefix,
    pair_claims_prefix,
    pair_hash,
    pair_of_result,
    pair_submissions_prefix,
    read_ledger_key,
    read_marker_key,
    reconcile_state_key,
    released_name,
    response_name,
    result_key,
)
from liveness.markers import read_marker
from liveness.records import read_nonce, read_response
from liveness.store import UNPARSABLE, ListedObject, StoredObject

from ..console import ProgressCallback
from ..environment import CONCURRENT_REQUESTS, Target
from ..listing import list_pages
from ..text import redact
from .listed_inputs import ListedInputs, classify_inputs, strays_of
from .packages import md5s_of_result, md5s_of_submission, valid_md5s
from .snapshot import (
    Backlog,
    BucketSnapshot,
    LedgerRecord,
    Listing,
    Marker,
    Owner,
    PackageUse,
    PairCalls,
    PairSnapshot,
    RepeatedCalls,
    Result,
    Slot,
    Submission,
)

T = TypeVar("T")

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_MAX_BYTES = 64 * 1024
_UNREADABLE = "unreadable"
# Pages of a thousand keys; `status` reads more only on request.
_MAX_PAGES = 100
# The first objects of a content, read by key because a listing may not have them yet.
_FIRST_NAMES = (claim_name(1), released_name(1), response_name(0))


class _ListedObjects(NamedTuple):
    items: list[ListedObject]
    complete: bool


class Reader:
    """Reads what one command needs, and reports its progress."""

    def __init__(self, target: Target, progress: ProgressCallback) -> None:
        self._settings = target.settings
        self._store = target.read_only_store
        self._concurrency = target.concurrency
        self._gather = target.concurrency.gather
        self._progress = progress

    # ---- all pairs

    def read_bucket(self, limit: int | None, with_waiting: bool = False) -> BucketSnapshot:
        """Read what `status` needs, with the bodies of `limit` markers and results, or of all.

        `with_waiting` also lists the inputs, and then all results: a pair that has one does not
        wait.
        """
        settings = self._settings
        pages = None if limit is None or with_waiting else _MAX_PAGES
        # The first reply sets our clock by the store's, on which the slot's key depends.
        reconciled_at = self._reconciled_at()
        listing = partial(self._list, pages=pages)
        markers, results, claims, slot, breaker = self._gather(
            lambda: listing("markers", settings.ledger_bucket, marker_prefix(settings)),
            lambda: listing("results", settings.result_bucket, settings.result_prefix),
            lambda: listing("ledger", settings.ledger_bucket, claims_prefix(settings)),
            self._slot,
            self._breaker,
        )
        published = [item for item in results.items if pair_of_result(settings, item.key)]
        published.sort(key=lambda item: item.last_modified, reverse=True)
        contents = self._by_content(claims.items)
        called = {name: keys for name, keys in contents.items() if _called_attempts(keys)}
        repeated = [keys for keys in called.values() if len(_called_attempts(keys)) > 1]
        several = [group for group in _by_pair(called).values() if len(group) > 1]
        return BucketSnapshot(
            settings=settings,
            markers=self._markers(markers.items, limit),
            markers_listed=Listing(len(markers.items), markers.complete),
            slot=slot,
            breaker=breaker,
            reconciled_at=reconciled_at,
            results=self._read_all("results", self._listed_result, published[:limit]),
            results_listed=Listing(len(published), results.complete),
            fingerprints_listed=Listing(len(contents), claims.complete),
            repeated_calls=self._read_all("calls", self._repeated_calls, repeated[:limit]),
            several_contents=self._read_all("calls", self._pair_calls, several[:limit]),
            repeated_calls_unread=len(repeated[limit:] if limit is not None else ())
            + len(several[limit:] if limit is not None else ()),
            waiting=self._waiting(results.items) if with_waiting else None,
            now=self._store.now(),
        )

    def _waiting(self, results: Iterable[ListedObject]) -> ListedInputs:
        """Find the pairs that have no result; the function may still be working on some."""
        settings = self._settings
        listed = self._list("inputs", settings.bucket, settings.input_prefix, None)
        inputs = classify_inputs(settings, listed.items)
        finished = {pair_of_result(settings, item.key) for item in results}
        pairs = {name: pair for name, pair in inputs.pairs.items() if name not in finished}
        return inputs._replace(pairs=pairs)

    def _reconciled_at(self) -> float | None:
        stored = self._read(reconcile_state_key(self._settings))
        began = _fields(stored).get("finished_pass_began")
        return _finite(began) or None  # 0 if no pass has finished yet

    def _slot(self) -> Slot | None:
        stored = self._read(drain_slot_key(self._settings, self._store.now()))
        return Slot(_owner(_fields(stored)), stored.head.last_modified) if stored else None

    def _breaker(self) -> BreakerState | None:
        stored = self._read(breaker_key(self._settings))
        return read_state(stored.body) if stored else None

    def _listed_result(self, item: ListedObject) -> Result | None:
        pair_id = pair_of_result(self._settings, item.key)
        return self._result(pair_id) if pair_id else None

    def _by_content(self, items: Iterable[ListedObject]) -> dict[str, dict[LedgerKey, str]]:
        """Group the keys of the ledger's objects by the folder that they are in."""
        contents: dict[str, dict[LedgerKey, str]] = defaultdict(dict)
        for item in items:
            if ledger_key := read_ledger_key(self._settings, item.key):
                contents[item.key.rpartition("/")[0]][ledger_key] = item.key
        return contents

    def _repeated_calls(self, keys: dict[LedgerKey, str]) -> RepeatedCalls:
        fingerprint = next(iter(keys)).fingerprint
        attempts = _called_attempts(keys)
        grants = sum(item.kind == GRANT for item in keys)
        by_name = {(item.kind, item.number): key for item, key in keys.items()}
        claim = _fields(self._read(by_name[CLAIM, min(attempts)]))
        current = by_name.get((RESPONSE, grants))
        stored = self._read(current) if current else None
        response = read_response(stored.body, fingerprint) if stored else None
        return RepeatedCalls(
            pair_id=_text(claim.get("pair_id")),
            fingerprint=fingerprint,
            calls=response.possibly_billed if response else len(attempts),
            answered=response is not None and response.answer is not None,
        )

    def read_backlog(self) -> Backlog:
        """Read which markers wait and which invocation drains, without the markers' bodies."""
        settings = self._settings
        self._reconciled_at()  # sets our clock by the store's, on which the slot's key depends
        listed, slot, breaker = self._gather(
            lambda: self._list("markers", settings.ledger_bucket, marker_prefix(settings), None),
            self._slot,
            self._breaker,
        )
        markers = [_unread_marker(item) for item in listed.items]
        return Backlog(markers, slot, breaker, self._store.now())

    def _pair_calls(self, contents: Sequence[dict[LedgerKey, str]]) -> PairCalls:
        calls = [self._repeated_calls(keys) for keys in contents]
        pair_id = next((each.pair_id for each in calls if each.pair_id), "")
        return PairCalls(pair_id, len(calls), sum(each.calls for each in calls))

    # ---- one pair

    def read_pair(self, pair_id: str) -> PairSnapshot:
        """Read what `explain` needs."""
        settings, hashed = self._settings, pair_hash(pair_id)
        inspection = inspect(settings, self._store, self._concurrency, pair_id)
        folder = pair_claims_prefix(settings, pair_id)
        pending = marker_prefix(settings)
        result, breaker, claims, markers, submissions, inputs = self._gather(
            lambda: self._result(pair_id),
            self._breaker,
            lambda: self._list("ledger", settings.ledger_bucket, folder, None),
            lambda: self._list("markers", settings.ledger_bucket, pending, None),
            lambda: self._numbered(pair_submissions_prefix(settings, pair_id)),
            lambda: self._list("inputs", settings.bucket, inputs_prefix(settings, pair_id), None),
        )
        frame_key = result.frame_key if result else None
        frame = self._store.head(settings.result_bucket, frame_key) if frame_key else None
        keys = {item.key for item in claims.items}
        if (pair := inspection.pair) is not None:
            content = content_prefix(settings, pair_id, pair.fingerprint)
            keys |= {content + name for name in _FIRST_NAMES}
        pair_markers = [item for item in markers.items if _pair_hash_of(item.key) == hashed]
        submitted: list[Submission] = self._read_all("submissions", self._submission, submissions)
        md5 = _package_md5(inspection, result, submitted)
        return PairSnapshot(
            settings=settings,
            pair_id=pair_id,
            inspection=inspection,
            records=self._read_all("ledger", self._record, sorted(keys)),
            submissions=submitted,
            package_md5=md5,
            package_uses=self._package_uses(md5) if md5 else (),
            markers=self._markers(pair_markers, None),
            result=result,
            frame_exists=frame is not None if frame_key else None,
            strays=strays_of(settings, pair_id, inputs.items),
            slot=self._slot(),
            breaker=breaker,
            now=self._store.now(),
        )

    def _numbered(self, prefix: str) -> list[str]:
        """Return the keys of numbered objects and the next key: a listing may lack the latest."""
        listed = self._list("ledger", self._settings.ledger_bucket, prefix, None).items
        known = {number for item in listed if (number := _number_of(item.key)) is not None}
        return [f"{prefix}{number}" for number in sorted(known | {max(known, default=0) + 1})]

    def _submission(self, key: str) -> Submission | None:
        stored = self._read(key)
        if stored is None:
            return None
        fields = _fields(stored)
        return Submission(
            number=_number_of(key) or 0,
            fingerprint=_text(fields.get("fingerprint")),
            written_at=stored.head.last_modified,
            package_md5=next(iter(md5s_of_submission(fields)), None),
        )

    def _package_uses(self, md5: str) -> list[PackageUse]:
        keys = self._numbered(package_uses_prefix(self._settings, md5))
        return self._read_all("package uses", self._package_use, keys)

    def _package_use(self, key: str) -> PackageUse | None:
        stored = self._read(key)
        if stored is None:
            return None
        fields = _fields(stored)
        return PackageUse(
            _number_of(key) or 0,
            _text(fields.get("pair_id")),
            _text(fields.get("fingerprint")),
            stored.head.last_modified,
        )

    def _record(self, key: str) -> LedgerRecord | None:
        stored = self._read(key)
        if stored is None:
            return None
        *_, fingerprint, name = key.split("/")
        ledger_key = read_ledger_key(self._settings, key)
        kind, number = (ledger_key.kind, ledger_key.number) if ledger_key else ("unknown", 0)
        response, fields = None, _fields(stored)
        if kind in (RESPONSE, LATE):
            response = read_response(stored.body, fingerprint)
        return LedgerRecord(
            fingerprint=fingerprint,
            kind=kind,
            number=number,
            name=name,
            written_at=stored.head.last_modified,
            owner=_owner(fields),
            nonce=read_nonce(stored),
            response=response,
            history=_history(fields) if kind == RELEASED else None,
        )

    # ---- objects that both need

    def _markers(self, items: Sequence[ListedObject], limit: int | None) -> list[Marker]:
        """Read the bodies of the first `limit` markers; the others are known by name only."""
        first, others = items[:limit], items[len(items[:limit]) :]
        markers: list[Marker] = self._read_all("markers", self._marker, first)
        return markers + [_unread_marker(item) for item in others]

    def _marker(self, item: ListedObject) -> Marker | None:
        """Read a marker; None if it was deleted after the listing."""
        stored = self._read(item.key)
        if stored is None:
            return None
        marker = read_marker(stored.body)
        if marker is None:
            return _unread_marker(item)._replace(is_read=True)
        return _unread_marker(item)._replace(
            pair_id=marker.pair_id,
            reason=marker.reason,
            detail=redact(marker.detail),
            deliveries=marker.deliveries,
            parked_at=_finite(_fields(stored).get("parked_at")),
            is_read=True,
            fingerprint=marker.fingerprint,
            history=marker.history,
        )

    def _result(self, pair_id: str) -> Result | None:
        settings = self._settings
        stored = self._store.get(settings.result_bucket, result_key(settings, pair_id), _MAX_BYTES)
        if stored is None:
            return None
        fields = _fields(stored)
        try:
            frame, similarity = fields["best_frame"], fields["similarity"]
            submission = fields.get("submission") or {}
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
                contents=int(submission.get("count", 0)),
                pair_calls=int(submission.get("possibly_billed_calls", 0)),
                package_md5=next(iter(md5s_of_result(fields)), None),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return Result(pair_id, stored.head.last_modified, _UNREADABLE)

    def _read(self, key: str) -> StoredObject | None:
        return self._store.get(self._settings.ledger_bucket, key, _MAX_BYTES)

    def _list(self, name: str, bucket: str, prefix: str, pages: int | None) -> _ListedObjects:
        items: list[ListedObject] = []
        for page in islice(list_pages(self._store, bucket, prefix), pages):
            items += page.items
            self._progress(f"listing {name}", len(items), None)
        return _ListedObjects(items, complete=page.next_marker is None)

    def _read_all(
        self, name: str, read_one: Callable[[Any], T | None], items: Iterable[Any]
    ) -> list[T]:
        """Read all items, several at a time, and leave out objects that no longer exist."""
        pending, objects = list(items), []
        for offset in range(0, len(pending), CONCURRENT_REQUESTS):
            batch = pending[offset : offset + CONCURRENT_REQUESTS]
            objects += self._gather(*(partial(read_one, item) for item in batch))
            self._progress(f"reading {name}", offset + len(batch), len(pending))
        return [item for item in objects if item is not None]


def _by_pair(
    contents: Mapping[str, dict[LedgerKey, str]],
) -> dict[str, list[dict[LedgerKey, str]]]:
    """Group contents by the prefix that all contents of a pair share."""
    pairs: dict[str, list[dict[LedgerKey, str]]] = defaultdict(list)
    for name, keys in contents.items():
        pairs[name.rpartition("/")[0]].append(keys)
    return pairs


def _package_md5(
    inspection: Inspection, result: Result | None, submissions: Iterable[Submission]
) -> str | None:
    """Return the MD5 of the current package; for a multipart upload only records have it."""
    found = valid_md5s(item.md5 for item in inspection.objects if item.role == LIVE)
    if (pair := inspection.pair) is not None:
        current = (item for item in submissions if item.fingerprint == pair.fingerprint)
        found |= {item.package_md5 for item in current if item.package_md5}
    if not found and result and result.package_md5 and inspection.result_is_current:
        return result.package_md5
    return min(found, default=None)


def _number_of(key: str) -> int | None:
    """Return the number, from 1, at the end of a key; None if there is none."""
    name = key.rpartition("/")[2]
    return int(name) if _NUMBER.fullmatch(name) else None


def _called_attempts(keys: Iterable[LedgerKey]) -> set[int]:
    """Return the attempts that were not released."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for key in keys:
        numbers[key.kind].add(key.number)
    return numbers[CLAIM] - numbers[RELEASED]


def _unread_marker(item: ListedObject) -> Marker:
    """Make a marker from its name alone."""
    key = read_marker_key(item.key)
    due = key.due if key else None
    return Marker(_pair_hash_of(item.key), due or item.last_modified)


def _pair_hash_of(key: str) -> str:
    """Return the pair hash in a marker's name; empty if the key is not a marker's."""
    marker = read_marker_key(key)
    return marker.pair_hash if marker else ""


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


def _history(fields: dict[str, Any]) -> History | None:
    """Return the history that a marker or a release carries; None if it is damaged."""
    try:
        return read_history(fields["history"])
    except UNPARSABLE:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
