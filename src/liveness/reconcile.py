"""Reconcile: finds pairs that no event finished, and parks them.

The inputs are listed page by page, and pairs that changed since the last pass are checked. Their
inputs as listed are compared with the metadata of `result.json`, which takes one HEAD; unless the
two agree, the pair is inspected in full. Once a day a full pass lists the results as well, and
finds those that are missing or were written late. A listing costs one request for about a thousand
keys, in whatever order pair ids and suffixes put them, and only one page of each is held.

Times and listings only choose which pairs to check. Listings are eventually consistent (436/30614):
what one does not show yet is recent, so the next pass checks it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from .context import Context
from .errors import LivenessError, StoreUnavailableError
from .inspection import IncompletePair, Input, Inspection, classify, may_read
from .keys import (
    InputKey,
    marker_prefix,
    pair_hash,
    read_input_key,
    read_marker_key,
    reconcile_state_key,
    result_key,
)
from .logs import Log
from .markers import Marker, ParkReason, park
from .records import encode
from .settings import MAX_KEY_BYTES
from .store import JSON, UNPARSABLE, ListedObject

STATE_SCHEMA = "liveness-reconcile/1"
# Lifecycle rules keep claims this long. Older inputs without a result are left alone: the result
# was removed, and nothing in the ledger would keep the pair from being paid for again.
LEDGER_KEPT_SECONDS = 30 * 24 * 3600.0
# A pass looks back beyond the start of the one before it: listings lag, and so do clocks.
_OVERLAP_SECONDS = 3600.0
# By how much a listing may lag, and instances' clocks may differ.
_LISTING_SECONDS = 600.0
# The minimum time from the start of one full pass to the start of the next.
_FULL_PASS_SECONDS = 23.5 * 3600.0
_WORKERS = 8
# One pair may fail for a reason of its own; after this many in a row the store itself is tested.
_MAX_FAILURES = 8
# Pages of a thousand markers; a pair whose marker is beyond them may be parked once more.
_MAX_MARKER_PAGES = 50
# A page and its candidates must be finished before the invocation ends.
_MIN_PAGE_SECONDS = 20.0
# At most this many pages are listed again if an invocation crashes.
_PAGES_PER_STATE = 100
_MAX_STATE_BYTES = 16 * 1024


class State(NamedTuple):
    """State kept between runs: when the last finished passes began, and where to go on, if any."""

    finished_pass_began: float = 0.0  # seconds since 1970
    pass_began: float = 0.0
    cursor: str = ""
    full_pass_began: float = 0.0  # the last finished one that listed the results, too

    @property
    def is_full(self) -> bool:
        """Whether the pass that is under way lists the results, too."""
        return self.pass_began - self.full_pass_began >= _FULL_PASS_SECONDS

    def finished(self) -> State:
        """Return the state after the pass that is under way."""
        full_pass_began = self.pass_began if self.is_full else self.full_pass_began
        return State(finished_pass_began=self.pass_began, full_pass_began=full_pass_began)


class Reconciled(NamedTuple):
    """What one run did; `complete` is False if it left a cursor for the next run."""

    complete: bool
    keys: int
    checked: int
    parked: int

    def to_summary(self) -> dict[str, object]:
        return {
            "complete": self.complete,
            "keys": self.keys,
            "checked": self.checked,
            "parked": self.parked,
        }


# Whether a pair is complete and its published result is not the current one.
NeedsWork = Callable[[str], bool]


def reconcile(ctx: Context, log: Log, prefix: str, needs_work: NeedsWork) -> Reconciled:
    """Go through all inputs whose pair id begins with `prefix`, from where the last run stopped.

    Raises StoreUnavailableError, ConfigurationError.
    """
    state = read_state(ctx) if not prefix else State()
    if not state.cursor:
        state = state._replace(pass_began=ctx.store.now())
    parked_already = _pairs_with_markers(ctx)
    input_prefix = ctx.settings.input_prefix + prefix
    after = cursor = state.cursor or input_prefix
    tail: tuple[ListedObject, ...] = ()
    pages = keys = checked = parked = 0
    while True:
        is_late = ctx.seconds_for_calls() < _MIN_PAGE_SECONDS
        if not prefix and pages and (is_late or pages % _PAGES_PER_STATE == 0):
            write_state(ctx, state._replace(cursor=cursor))
        if is_late:
            return Reconciled(False, keys, checked, parked)
        page = ctx.store.list(ctx.settings.bucket, input_prefix, after)
        pages, keys = pages + 1, keys + len(page.items)
        items = tail + page.items
        tail = _unfinished_tail(ctx, items) if page.next_marker else ()
        items = items[: len(items) - len(tail)]
        listed = _pairs_on(ctx, items)
        candidates = [
            listed[pair_id]
            for pair_id in _candidates(ctx, listed, state)
            if pair_hash(pair_id) not in parked_already
        ]
        outdated = _check(ctx, log, candidates, needs_work)
        for pair_id in outdated:
            park(ctx, Marker(pair_id, ParkReason.RECONCILE), 0)
            log("reconcile.parked", pair_id=pair_id)
        checked, parked = checked + len(candidates), parked + len(outdated)
        if page.next_marker is None:
            break
        after, cursor = page.next_marker, items[-1].key
    if not prefix:
        write_state(ctx, state.finished())
    return Reconciled(True, keys, checked, parked)


class _Listed(NamedTuple):
    """What one page shows of a pair; the rest of it may be on another page."""

    pair_id: str
    inputs: tuple[Input, ...] = ()

    @property
    def last_change(self) -> float:
        return max(item.last_modified for item in self.inputs)


def _pairs_on(ctx: Context, items: Iterable[ListedObject]) -> dict[str, _Listed]:
    """Return the pairs of a page."""
    pairs: dict[str, _Listed] = {}
    for item in items:
        key = read_input_key(ctx.settings, item.key)
        if isinstance(key, InputKey):
            found = Input(key.role, key.key, item.etag, item.size, item.last_modified, None)
            known = pairs.get(key.pair_id) or _Listed(key.pair_id)
            pairs[key.pair_id] = known._replace(inputs=(*known.inputs, found))
    return pairs


def _unfinished_tail(ctx: Context, items: tuple[ListedObject, ...]) -> tuple[ListedObject, ...]:
    """Return the last keys if the next page may show the rest of their pair."""
    if not items or not isinstance(last := read_input_key(ctx.settings, items[-1].key), InputKey):
        return ()
    roles, start = set(), len(items)
    while start and isinstance(key := read_input_key(ctx.settings, items[start - 1].key), InputKey):
        if key.pair_id != last.pair_id:
            break
        roles.add(key.role)
        start -= 1
    return items[start:] if start and len(roles) == 1 else ()


def _results_of(ctx: Context, pairs: Iterable[str]) -> dict[str, float]:
    """Return when the result of each pair was written, for those that have one.

    Each listing starts at the first result not yet settled, and settles all up to its last key.
    """
    expected = sorted((result_key(ctx.settings, pair_id), pair_id) for pair_id in pairs)
    written: dict[str, float] = {}
    position, after = 0, ""
    while position < len(expected):
        # A listing starts after its marker, so the marker is the key less its last character; or
        # further on, if a whole page came before the key.
        after = max(after, expected[position][0][:-1])
        page = ctx.store.list(ctx.settings.result_bucket, ctx.settings.result_prefix, after)
        found = {item.key: item.last_modified for item in page.items}
        while position < len(expected) and (
            page.next_marker is None or expected[position][0] <= page.items[-1].key
        ):
            key, pair_id = expected[position]
            if key in found:
                written[pair_id] = found[key]
            position += 1
        after = page.next_marker or after
    return written


def _candidates(ctx: Context, listed: dict[str, _Listed], state: State) -> list[str]:
    """Choose the pairs to check.

    These are pairs whose inputs changed since the last pass began; in a full pass also those that
    have no result, or one that was written so late that no pass has seen it since.
    """
    oldest = ctx.store.now() - LEDGER_KEPT_SECONDS
    changed_since = max(oldest, state.finished_pass_began - _OVERLAP_SECONDS)
    recent = [name for name, pair in listed.items() if pair.last_change >= changed_since]
    if not state.is_full:
        return recent
    written_since = max(oldest, state.full_pass_began - _OVERLAP_SECONDS)
    written = _results_of(ctx, listed)
    known = set(recent)
    return [
        pair_id
        for pair_id, pair in listed.items()
        if pair_id in known
        or (pair_id not in written and pair.last_change >= oldest)
        # Each pair is checked at least once an overlap after its last change.
        or written.get(pair_id, 0.0)
        >= max(written_since, pair.last_change + _OVERLAP_SECONDS - _LISTING_SECONDS)
    ]


def _pairs_with_markers(ctx: Context) -> set[str]:
    """Return the hashes of the pairs that have a marker already."""
    pairs: set[str] = set()
    after = ""
    for _ in range(_MAX_MARKER_PAGES):
        page = ctx.store.list(ctx.settings.ledger_bucket, marker_prefix(ctx.settings), after)
        markers = [read_marker_key(item.key) for item in page.items]
        pairs.update(marker.pair_hash for marker in markers if marker)
        if page.next_marker is None:
            break
        after = page.next_marker
    return pairs


def _check(ctx: Context, log: Log, candidates: list[_Listed], needs_work: NeedsWork) -> list[str]:
    """Return the candidates whose published result is not the current one, or may not be.

    Raises StoreUnavailableError if several in a row fail, and so does reading another object.
    """
    outdated: list[str] = []
    failures: list[LivenessError] = []  # in a row

    def check(pair: _Listed) -> None:
        pair_id = pair.pair_id
        try:
            if not _is_finished(ctx, pair) and needs_work(pair_id):
                outdated.append(pair_id)
        except LivenessError as error:
            # This pair's own trouble must not keep the others from being found.
            log("reconcile.pair-failed", pair_id=pair_id, reason=str(error))
            failures.append(error)
            if isinstance(error, StoreUnavailableError):
                if len(failures) >= _MAX_FAILURES:
                    # Raises if the store is at fault. What uploaders can cause must not keep all
                    # other pairs from being found, in this pass and every later one.
                    may_read(ctx.settings, ctx.store)
                    failures.clear()
                outdated.append(pair_id)  # no later pass checks it
        else:
            failures.clear()

    tasks = (partial(check, pair) for pair in candidates)
    ctx.concurrency.run_pool(tasks, workers=_WORKERS)
    return sorted(outdated)


def _is_finished(ctx: Context, pair: _Listed) -> bool:
    """Whether the result is clearly the last word on what the listing shows. One HEAD at most."""
    classified = classify(ctx.settings, pair.pair_id, pair.inputs)
    if isinstance(classified, IncompletePair):
        return False
    key = result_key(ctx.settings, pair.pair_id)
    result = ctx.store.head(ctx.settings.result_bucket, key)
    return Inspection(classified, result).result_is_final


def read_state(ctx: Context) -> State:
    """Read the stored state; if it is not as we wrote it, start over, which costs one pass."""
    bucket, key = ctx.settings.ledger_bucket, reconcile_state_key(ctx.settings)
    stored = ctx.store.get(bucket, key, _MAX_STATE_BYTES)
    if stored is None:
        return State()
    try:
        record = json.loads(stored.body)
        state = State(
            float(record["finished_pass_began"]),
            float(record["pass_began"]),
            str(record["cursor"]),
            float(record.get("full_pass_began", 0)),
        )
        cursor_bytes = len(state.cursor.encode())
    except UNPARSABLE:
        return State()
    # A time in the future would hide what changes until then; false for NaN, too.
    latest = ctx.store.now() + _OVERLAP_SECONDS
    times = (state.finished_pass_began, state.pass_began, state.full_pass_began)
    if not all(0 <= time <= latest for time in times):
        return State()
    is_ours = state.cursor.startswith(ctx.settings.input_prefix) and cursor_bytes <= MAX_KEY_BYTES
    return state if is_ours else state._replace(cursor="")


def write_state(ctx: Context, state: State) -> None:
    record = {
        "schema": STATE_SCHEMA,
        "finished_pass_began": state.finished_pass_began,
        "pass_began": state.pass_began,
        "cursor": state.cursor,
        "full_pass_began": state.full_pass_began,
    }
    body = encode(record)
    ctx.store.put(ctx.settings.ledger_bucket, reconcile_state_key(ctx.settings), body, JSON, {})
