"""Reads the bucket: listings page by page, objects several at once. Writes nothing.

Listings of COS are eventually consistent: what was written a moment ago may be missing here. The
inputs, the result and the first names in the ledger of a pair are therefore asked for by key.
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

from .facts import (
    Bucketful,
    Counted,
    Marker,
    Owner,
    Pair,
    Record,
    Repeated,
    Result,
    Slot,
)
from .reach import WIDTH, Reach
from .wording import harmless

T = TypeVar("T")
# Told after every step: what is being read, how much of it is read, and of how many.
Tell = Callable[[str, int, int | None], None]

_RESULT_NAME = "/result.json"
_MAX_BYTES = 64 * 1024
_UNREADABLE = "unreadable"
# Of a thousand keys each: more is read only when asked for.
_PAGES = 100
_FIRST_NAMES = ("1.claim", "1.released", "response")


class _Listing(NamedTuple):
    items: list[Listed]
    complete: bool


class Reader:
    """Reads what one command needs, and tells how far it is."""

    def __init__(self, reach: Reach, tell: Tell) -> None:
        self._settings = reach.settings
        self._store = reach.reading
        self._together = reach.concurrency.together
        self._tell = tell

    # ---- all pairs

    def bucketful(self, limit: int | None) -> Bucketful:
        """What `status` needs; of markers and results the bodies of `limit` each, or all."""
        settings = self._settings
        ledger, pages = settings.ledger_prefix, None if limit is None else _PAGES
        reconciled_at = self._reconciled_at()  # the first reply: it sets our clock by the store's
        listing = partial(self._list, pages=pages)
        markers, results, claims, slot = self._together(
            lambda: listing("markers", settings.ledger_bucket, marker_prefix(settings)),
            lambda: listing("results", settings.result_bucket, settings.result_prefix),
            lambda: listing("ledger", settings.ledger_bucket, f"{ledger}claims/"),
            self._slot,
        )
        published = [item for item in results.items if item.key.endswith(_RESULT_NAME)]
        published.sort(key=lambda item: item.last_modified, reverse=True)
        pieces = _by_fingerprint(claims.items, f"{ledger}claims/")
        repeated = [names for names in pieces.items() if len(_calls(names[1])) > 1]
        return Bucketful(
            settings=settings,
            markers=self._markers(markers.items, limit),
            markers_listed=Counted(len(markers.items), markers.complete),
            slot=slot,
            reconciled_at=reconciled_at,
            results=self._several("results", self._listed_result, published[:limit]),
            results_listed=Counted(len(published), results.complete),
            ledger_listed=Counted(len(pieces), claims.complete),
            repeated=self._several("calls", self._repeated, repeated[:limit]),
            repeated_unread=len(repeated) - len(repeated[:limit]),
            now=self._store.now(),
        )

    def _reconciled_at(self) -> float | None:
        stored = self._read(f"{self._settings.ledger_prefix}reconcile.json")
        began = _fields(stored).get("finished_pass_began")
        return _finite(began) or None  # 0 where no pass has finished

    def _slot(self) -> Slot | None:
        stored = self._read(slot_key(self._settings, self._store.now()))
        return Slot(_owner(_fields(stored)), stored.head.last_modified) if stored else None

    def _listed_result(self, item: Listed) -> Result | None:
        pair_id = item.key[len(self._settings.result_prefix) : -len(_RESULT_NAME)]
        return self._result(pair_id)

    def _repeated(self, found: tuple[tuple[str, str], set[str]]) -> Repeated:
        (hashed, fingerprint), names = found
        folder = f"{self._settings.ledger_prefix}claims/{hashed}/{fingerprint}/"
        calls = _calls(names)
        grants = sum(name.startswith("grant-") for name in names)
        standing = f"response-{grants}" if grants else "response"
        claim = _fields(self._read(f"{folder}{min(calls)}.claim"))
        stored = self._read(folder + standing) if standing in names else None
        response = read_response(stored.body, fingerprint) if stored else None
        return Repeated(
            pair_id=_text(claim.get("pair_id")),
            fingerprint=fingerprint,
            calls=response.possibly_billed if response else len(calls),
            answered=response is not None and response.answer is not None,
        )

    # ---- one pair

    def pair(self, pair_id: str) -> Pair:
        """What `explain` needs."""
        settings, hashed = self._settings, pair_hash(pair_id)
        look, inputs = self._look(pair_id)
        folder = f"{settings.ledger_prefix}claims/{hashed}/"
        pending = marker_prefix(settings)
        result, claims, markers = self._together(
            lambda: self._result(pair_id),
            lambda: self._list("ledger", settings.ledger_bucket, folder, None),
            lambda: self._list("markers", settings.ledger_bucket, pending, None),
        )
        frame_key = result.frame_key if result else None
        frame = self._store.head(settings.result_bucket, frame_key) if frame_key else None
        keys = {item.key for item in claims.items}
        if (work := look.work) is not None:
            keys |= {f"{folder}{work.fingerprint}/{name}" for name in _FIRST_NAMES}
        own = [item for item in markers.items if _hash_of(item.key) == hashed]
        return Pair(
            settings=settings,
            pair_id=pair_id,
            look=look,
            inputs=inputs,
            records=self._several("ledger", partial(self._record, folder), sorted(keys)),
            markers=self._markers(own, None),
            result=result,
            frame_there=frame is not None if frame_key else None,
            slot=self._slot(),
            now=self._store.now(),
        )

    def _look(self, pair_id: str) -> tuple[Look, list[Input]]:
        """As the walk's first step does."""
        settings, store = self._settings, self._store
        keys = candidate_keys(settings, pair_id)
        *heads, result = self._together(
            *(partial(store.head, settings.bucket, key.key) for key in keys),
            partial(store.head, settings.result_bucket, result_key(settings, pair_id)),
        )
        if keys and not any(heads):
            # A HEAD's 404 does not tell whether key or bucket is missing; a GET's does, by raising.
            store.get(settings.bucket, keys[0].key, max_bytes=0)
        found = list(zip(keys, heads, strict=True))
        inputs = [
            Input(key.role, key.key, head.etag, head.size, head.last_modified, head.md5)
            for key, head in found
            if head is not None
        ]
        return judge(settings, pair_id, found, result), inputs

    def _record(self, folder: str, key: str) -> Record | None:
        stored = self._read(key)
        if stored is None:
            return None
        fingerprint, _, name = key[len(folder) :].partition("/")
        fields = _fields(stored)
        nonce = fields.get("nonce")
        record = Record(
            fingerprint=fingerprint,
            name=name,
            written_at=stored.head.last_modified,
            owner=_owner(fields),
            nonce=nonce if isinstance(nonce, str) else None,
        )
        if record.kind in ("response", "late"):
            record = record._replace(response=read_response(stored.body, fingerprint))
        return record

    # ---- objects of either

    def _markers(self, items: Sequence[Listed], limit: int | None) -> list[Marker]:
        """All of them by name; those that are due first by their bodies, too."""
        whole, rest = items[:limit], items[len(items[:limit]) :]
        read: list[Marker] = self._several("markers", self._marker, whole)
        return read + [_named_marker(item) for item in rest]

    def _marker(self, item: Listed) -> Marker | None:
        """None where it was worked off since it was listed."""
        stored = self._read(item.key)
        if stored is None:
            return None
        fields, named = _fields(stored), _named_marker(item)
        visits, parked_at = fields.get("visits"), fields.get("parked_at")
        return named._replace(
            pair_id=_text(fields.get("pair_id")) or None,
            reason=harmless(fields.get("reason")) or None,
            visits=visits if isinstance(visits, int) else None,
            parked_at=_finite(parked_at),
            read=True,
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
                status=harmless(fields["status"]) or _UNREADABLE,
                code=harmless(fields["reason"]["code"]),
                detail=harmless(fields["reason"]["detail"]),
                calls=int(fields["possibly_billed_calls"]),
                attempts=int(fields["attempts"]),
                # What the function goes by; the document says the same.
                fingerprint=stored.head.metadata.get(FINGERPRINT_META, ""),
                similarity=None if similarity is None else float(similarity),
                frame_key=_text(frame["key"]) or None,
                frame_missing_because=harmless(frame["missing_because"]) or None,
            )
        except (KeyError, TypeError, ValueError):
            return Result(pair_id, stored.head.last_modified, _UNREADABLE)

    def _read(self, key: str) -> StoredObject | None:
        return self._store.get(self._settings.ledger_bucket, key, _MAX_BYTES)

    def _list(self, what: str, bucket: str, prefix: str, pages: int | None) -> _Listing:
        items: list[Listed] = []
        after, read = "", 0
        while True:
            page = self._store.list(bucket, prefix, after)
            items += page.items
            read += 1
            self._tell(f"listing {what}", len(items), None)
            if page.next is None:
                return _Listing(items, complete=True)
            if read == pages:
                return _Listing(items, complete=False)
            after = page.next

    def _several(self, what: str, read: Callable[[Any], T | None], items: Iterable[Any]) -> list[T]:
        """Read all items, some at once; those that have gone meanwhile are left out."""
        wanted, found = list(items), []
        for begin in range(0, len(wanted), WIDTH):
            part = wanted[begin : begin + WIDTH]
            found += self._together(*(partial(read, item) for item in part))
            self._tell(f"reading {what}", begin + len(part), len(wanted))
        return [item for item in found if item is not None]


def _by_fingerprint(items: Iterable[Listed], prefix: str) -> dict[tuple[str, str], set[str]]:
    """The ledger's names by pair hash and fingerprint."""
    pieces: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in items:
        hashed, _, rest = item.key[len(prefix) :].partition("/")
        fingerprint, _, name = rest.partition("/")
        pieces[hashed, fingerprint].add(name)
    return pieces


def _calls(names: Iterable[str]) -> set[int]:
    """The attempts that were not given back, by the names of what is in the ledger."""
    numbered: dict[str, set[int]] = {"claim": set(), "released": set()}
    for name in names:
        number, _, kind = name.partition(".")
        if kind in numbered and number.isdecimal():
            numbered[kind].add(int(number))
    return numbered["claim"] - numbered["released"]


def _named_marker(item: Listed) -> Marker:
    """What the name tells: `<due>-<pair hash>-<nonce>`."""
    return Marker(_hash_of(item.key), due_at(item.key) or item.last_modified)


def _hash_of(key: str) -> str:
    """Empty in a name that is no marker's."""
    return key.rpartition("/")[2].partition("-")[2].partition("-")[0]


def _fields(stored: StoredObject | None) -> dict[str, Any]:
    """Anything may be in it, and it may be nothing."""
    try:
        fields = json.loads(stored.body) if stored else {}
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _owner(fields: dict[str, Any]) -> Owner:
    owner = fields.get("owner")
    owner = owner if isinstance(owner, dict) else {}
    return Owner(*(harmless(owner.get(name)) for name in ("name", "version", "request_id")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
