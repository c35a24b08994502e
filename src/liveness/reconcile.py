"""Reconcile: find pairs that no event finished, and park them.

The inputs are listed page by page; for the pairs of a page the results are listed as well. Both
listings cost one request for about a thousand keys, whatever order pair ids and suffixes give them,
and only one page of either is held. Times and listings only choose which pairs to inspect; what is
true of a pair is decided by HEADs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from .context import Context
from .errors import LivenessError, StoreUnavailableError
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
from .settings import MAX_KEY_BYTES
from .store import JSON, UNPARSABLE, ListedObject

STATE_SCHEMA = "liveness-reconcile/1"
# Lifecycle rules keep claims this long. Older inputs without a result are left alone: the result
# was removed, and nothing in the ledger would keep the pair from being paid for again.
LEDGER_KEPT_SECONDS = 30 * 24 * 3600.0
# A pass looks back beyond the start of the one before it: listings lag, and so do clocks.
_OVERLAP_SECONDS = 3600.0
_WORKERS = 8
# One pair may fail for a reason of its own; this many in a row, with no success, are the store's.
_MAX_FAILURES = 8
# Of markers, a thousand a page; beyond them a pair may be parked though it has a marker.
_MAX_MARKER_PAGES = 50
# A page and its candidates must be finished before the invocation ends.
_MIN_PAGE_SECONDS = 20.0
_MAX_STATE_BYTES = 16 * 1024


class State(NamedTuple):
    """Between two runs: when the last finished pass began, and where an unfinished one is."""

    finished_pass_began: float = 0.0  # seconds since 1970
    pass_began: float = 0.0
    cursor: str = ""


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
    since = state.finished_pass_began - _OVERLAP_SECONDS
    parked_already = _pairs_with_markers(ctx)
    input_prefix = ctx.settings.input_prefix + prefix
    cursor, keys, checked, parked = state.cursor or input_prefix, 0, 0, 0
    while True:
        if ctx.seconds_for_calls() < _MIN_PAGE_SECONDS:
            return Reconciled(False, keys, checked, parked)
        page = ctx.store.list(ctx.settings.bucket, input_prefix, cursor)
        keys += len(page.items)
        changed = _pairs_on(ctx, page.items)
        candidates = [
            pair_id
            for pair_id in _candidates(ctx, changed, _results_of(ctx, changed), since)
            if pair_hash(pair_id) not in parked_already
        ]
        outdated = _check(ctx, log, candidates, needs_work)
        for pair_id in outdated:
            park(ctx, Marker(pair_id, ParkReason.RECONCILE), 0)
            log("reconcile.parked", pair_id=pair_id)
        checked, parked = checked + len(candidates), parked + len(outdated)
        if page.next_marker is None:
            break
        cursor = page.next_marker
        if not prefix:
            write_state(ctx, state._replace(cursor=cursor))  # a later page may fail
    if not prefix:
        write_state(ctx, State(finished_pass_began=state.pass_began))
    return Reconciled(True, keys, checked, parked)


def _pairs_on(ctx: Context, items: Iterable[ListedObject]) -> dict[str, float]:
    """Return when each pair of a page was last written to; one may be on two pages."""
    pairs: dict[str, float] = {}
    for item in items:
        key = read_input_key(ctx.settings, item.key)
        if isinstance(key, InputKey):
            pairs[key.pair_id] = max(pairs.get(key.pair_id, 0.0), item.last_modified)
    return pairs


def _results_of(ctx: Context, pairs: Iterable[str]) -> dict[str, float]:
    """Return when the result of each pair was written, for those that have one.

    Every listing starts at the first result not yet settled, and settles all up to where it ends.
    """
    expected = sorted((result_key(ctx.settings, pair_id), pair_id) for pair_id in pairs)
    written: dict[str, float] = {}
    position, after = 0, ""
    while position < len(expected):
        # The marker is exclusive, so it is the key less its last character; or further, if a whole
        # page came before it.
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


def _candidates(
    ctx: Context, changed: dict[str, float], written: dict[str, float], since: float
) -> list[str]:
    """Choose the pairs to check: recent ones without a result, and those changed since `since`."""
    oldest = ctx.store.now() - LEDGER_KEPT_SECONDS
    return [
        pair_id
        for pair_id, last_change in changed.items()
        if max(last_change, written.get(pair_id, 0.0)) >= max(since, oldest)
        or (pair_id not in written and last_change >= oldest)
    ]


def _pairs_with_markers(ctx: Context) -> set[str]:
    """Return the hashes of the pairs that the drain knows of already."""
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


def _check(ctx: Context, log: Log, candidates: list[str], needs_work: NeedsWork) -> list[str]:
    """Return the candidates whose published result is not the current one.

    Raises StoreUnavailableError if that can be found out of none of them.
    """
    outdated: list[str] = []
    failures: list[LivenessError] = []  # in a row

    def check(pair_id: str) -> None:
        try:
            if needs_work(pair_id):
                outdated.append(pair_id)
        except LivenessError as error:
            # This pair's own trouble must not keep the others from being found.
            log("reconcile.pair-failed", pair_id=pair_id, reason=str(error))
            failures.append(error)
            if isinstance(error, StoreUnavailableError) and len(failures) >= _MAX_FAILURES:
                raise
        else:
            failures.clear()

    tasks = (partial(check, pair_id) for pair_id in candidates)
    ctx.concurrency.run_pool(tasks, workers=_WORKERS)
    return sorted(outdated)


def read_state(ctx: Context) -> State:
    """Read the stored state; if it is not as we wrote it, begin anew, which costs one pass."""
    bucket, key = ctx.settings.ledger_bucket, reconcile_state_key(ctx.settings)
    stored = ctx.store.get(bucket, key, _MAX_STATE_BYTES)
    if stored is None:
        return State()
    try:
        record = json.loads(stored.body)
        state = State(
            float(record["finished_pass_began"]), float(record["pass_began"]), str(record["cursor"])
        )
        cursor_bytes = len(state.cursor.encode())
    except UNPARSABLE:
        return State()
    # A time in the future would hide what changes until then; false for NaN, too.
    latest = ctx.store.now() + _OVERLAP_SECONDS
    if not (0 <= state.finished_pass_began <= latest and 0 <= state.pass_began <= latest):
        return State()
    is_ours = state.cursor.startswith(ctx.settings.input_prefix) and cursor_bytes <= MAX_KEY_BYTES
    return state if is_ours else state._replace(cursor="")


def write_state(ctx: Context, state: State) -> None:
    record = {
        "schema": STATE_SCHEMA,
        "finished_pass_began": state.finished_pass_began,
        "pass_began": state.pass_began,
        "cursor": state.cursor,
    }
    body = json.dumps(record, ensure_ascii=False).encode()
    ctx.store.put(ctx.settings.ledger_bucket, reconcile_state_key(ctx.settings), body, JSON, {})
