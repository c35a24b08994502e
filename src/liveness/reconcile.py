"""Reconcile: find pairs that no event finished, and park them.

The inputs are listed page by page; for the pairs of a page the results are listed beside it. Both
listings cost one request for about a thousand keys, whatever order pair ids and suffixes give them,
and only one page of either is held. Times and listings only choose whom to look at; what is true of
a pair is decided by its heads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from .backlog import Marker, park
from .errors import ConfigurationError, LedgerDamaged
from .keys import InputKey, read_input_key, result_key
from .logs import Log
from .services import Services
from .settings import MAX_KEY_BYTES
from .store import JSON, NO_RECORD, Listed

# Lifecycle rules keep claims this long. Older inputs without a result are left alone: the result
# was removed, and nothing in the ledger would keep the pair from being paid for again.
LEDGER_KEPT_SECONDS = 30 * 24 * 3600.0
# A pass looks back beyond the begin of the one before it: listings lag, and so do clocks.
_OVERLAP_SECONDS = 3600.0
_WORKERS = 8
# A page and its suspects must be finished before the invocation ends.
_PAGE_NEEDS_SECONDS = 20.0
_MAX_STATE_BYTES = 16 * 1024


class State(NamedTuple):
    """Between two runs: when the last finished pass began, and where an unfinished one is."""

    finished_pass_began: float = 0.0
    pass_began: float = 0.0
    cursor: str = ""


class Reconciled(NamedTuple):
    """What one run did; `finished` is False where a cursor was left."""

    finished: bool
    keys: int
    looked_at: int
    parked: int


# Whether a pair is complete and its published result is not the current one.
NeedsWork = Callable[[str], bool]


def reconcile(on: Services, log: Log, prefix: str, needs_work: NeedsWork) -> Reconciled:
    """Go through all inputs whose pair id begins with `prefix`, or on where the last run stopped.

    Raises StoreUnavailable, ConfigurationError.
    """
    state = _read_state(on) if not prefix else State()
    if not state.cursor:
        state = state._replace(pass_began=on.store.now())
    since = state.finished_pass_began - _OVERLAP_SECONDS
    under = on.settings.input_prefix + prefix
    cursor, keys, looked_at, parked = state.cursor or under, 0, 0, 0
    while True:
        if on.seconds_left() < _PAGE_NEEDS_SECONDS:
            return Reconciled(False, keys, looked_at, parked)
        page = on.store.list(on.settings.bucket, under, cursor)
        keys += len(page.items)
        pairs = _pairs_of(on, page.items)
        suspects = _suspects(on, pairs, _results_of(on, pairs), since)
        stale = _look_at(on, log, suspects, needs_work)
        for pair_id in stale:
            park(on.settings, on.store, on.chance, Marker(pair_id, "found by reconcile", 0), 0)
            log("reconcile.parked", pair_id=pair_id)
        looked_at, parked = looked_at + len(suspects), parked + len(stale)
        if page.next is None:
            break
        cursor = page.next
        if not prefix:
            _write_state(on, state._replace(cursor=cursor))  # a later page may fail
    if not prefix:
        _write_state(on, State(finished_pass_began=state.pass_began))
    return Reconciled(True, keys, looked_at, parked)


def _pairs_of(on: Services, items: Iterable[Listed]) -> dict[str, float]:
    """When each pair of a page was last written to; one that lies on two pages comes twice."""
    pairs: dict[str, float] = {}
    for item in items:
        read = read_input_key(on.settings, item.key)
        if isinstance(read, InputKey):
            pairs[read.pair_id] = max(pairs.get(read.pair_id, 0.0), item.last_modified)
    return pairs


def _results_of(on: Services, pairs: Iterable[str]) -> dict[str, float]:
    """When the result of each pair was written, for those that have one.

    Every listing begins at the first result not yet settled, and settles all up to where it ends.
    """
    wanted = sorted((result_key(on.settings, pair_id), pair_id) for pair_id in pairs)
    written: dict[str, float] = {}
    at, after = 0, ""
    while at < len(wanted):
        # The marker is exclusive, so it is the key less its last character; or further, where a
        # whole page lay before it.
        after = max(after, wanted[at][0][:-1])
        page = on.store.list(on.settings.result_bucket, on.settings.result_prefix, after)
        found = {item.key: item.last_modified for item in page.items}
        while at < len(wanted) and (page.next is None or wanted[at][0] <= page.items[-1].key):
            key, pair_id = wanted[at]
            if key in found:
                written[pair_id] = found[key]
            at += 1
        after = page.next or after
    return written


def _suspects(
    on: Services, pairs: dict[str, float], written: dict[str, float], since: float
) -> list[str]:
    """Whom to look at: no result though young enough, or something changed since the last pass."""
    oldest = on.store.now() - LEDGER_KEPT_SECONDS
    return [
        pair_id
        for pair_id, changed in pairs.items()
        if max(changed, written.get(pair_id, 0.0)) >= max(since, oldest)
        or (pair_id not in written and changed >= oldest)
    ]


def _look_at(on: Services, log: Log, suspects: list[str], needs_work: NeedsWork) -> list[str]:
    stale: list[str] = []

    def look(pair_id: str) -> None:
        try:
            if needs_work(pair_id):
                stale.append(pair_id)
        except (ConfigurationError, LedgerDamaged) as error:
            # This pair's own trouble must not keep the others from being found.
            log("reconcile.look-failed", pair_id=pair_id, why=str(error))

    on.concurrency.crew(_WORKERS, (partial(look, pair_id) for pair_id in suspects))
    return sorted(stale)


def _state_key(on: Services) -> str:
    return f"{on.settings.ledger_prefix}reconcile.json"


def _read_state(on: Services) -> State:
    """The state that lies there; what is not as we wrote it begins anew, which costs a pass."""
    stored = on.store.get(on.settings.ledger_bucket, _state_key(on), _MAX_STATE_BYTES)
    if stored is None:
        return State()
    try:
        fields = json.loads(stored.body)
        state = State(
            float(fields["finished_pass_began"]), float(fields["pass_began"]), str(fields["cursor"])
        )
        cursor_bytes = len(state.cursor.encode())
    except NO_RECORD:
        return State()
    # A time to come would hide what changes until then; false for NaN, too.
    latest = on.store.now() + _OVERLAP_SECONDS
    if not (0 <= state.finished_pass_began <= latest and 0 <= state.pass_began <= latest):
        return State()
    within = state.cursor.startswith(on.settings.input_prefix) and cursor_bytes <= MAX_KEY_BYTES
    return state if within else state._replace(cursor="")


def _write_state(on: Services, state: State) -> None:
    body = json.dumps(state._asdict(), ensure_ascii=False).encode()
    on.store.put(on.settings.ledger_bucket, _state_key(on), body, JSON, {})
