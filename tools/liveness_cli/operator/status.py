"""The value of `liveness status`, made from a snapshot of the bucket. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from liveness.markers import ParkReason

from ..text import format_time, pluralize, redact
from .listed_inputs import reason_of
from .sentences import render
from .snapshot import BucketSnapshot, Marker

SCHEMA = "liveness-status/5"
_MAX_ERRORS = 10


class _Error(NamedTuple):
    at: float
    pair_id: str
    found_in: str
    reason: str
    times: int = 1

    def to_json(self) -> dict[str, Any]:
        return {
            "at": format_time(self.at),
            "pair_id": self.pair_id,
            "found_in": self.found_in,
            "reason": self.reason,
            "times": self.times,
        }


def status_of(snapshot: BucketSnapshot, waiting_minutes: int = 0) -> dict[str, Any]:
    """Make the value that `--json` prints; all times are by the store's clock.

    Of the pairs that wait, it contains those that have waited for at least `waiting_minutes`.
    """
    return {
        "schema": SCHEMA,
        "at": format_time(snapshot.now),
        "bucket": snapshot.settings.bucket,
        "backlog": _backlog(snapshot),
        "drain": _drain(snapshot),
        "breaker": _breaker(snapshot),
        "reconcile": {"last_finished_pass_began": format_time(snapshot.reconciled_at)},
        "results": _results(snapshot),
        "failed": [
            {
                "pair_id": result.pair_id,
                "code": result.code,
                "detail": result.detail,
                "possibly_billed_calls": result.calls,
                "published": format_time(result.published_at),
            }
            for result in snapshot.results
            if result.status == "failed"
        ],
        "possible_double_billing": _possible_double_billing(snapshot),
        "several_contents": _several_contents(snapshot),
        "waiting": _waiting(snapshot, waiting_minutes),
        "last_errors": [error.to_json() for error in _errors(snapshot)[:_MAX_ERRORS]],
        "not_checked": list(_not_checked(snapshot)),
    }


def _backlog(snapshot: BucketSnapshot) -> dict[str, Any]:
    """Summarize the markers by number, age and reason."""
    markers = snapshot.markers
    oldest = min(markers, key=lambda marker: marker.due, default=None)
    reasons: dict[ParkReason, list[Marker]] = defaultdict(list)
    for marker in markers:
        if marker.reason:
            reasons[marker.reason].append(marker)
    pairs = len({marker.pair_hash for marker in markers})
    return {
        "markers": len(markers),
        "pairs": pairs,
        "seconds_of_calls": math.ceil(pairs / snapshot.settings.rate_limit),
        "due": sum(marker.due <= snapshot.now for marker in markers),
        "oldest": None
        if oldest is None
        else {
            "due": format_time(oldest.due),
            "overdue_seconds": max(0, round(snapshot.now - oldest.due)),
            "pair_id": oldest.pair_id,
        },
        "damaged": sum(marker.is_read and marker.pair_id is None for marker in markers),
        "max_deliveries": max((marker.deliveries or 0 for marker in markers), default=0),
        "reasons": [
            {
                "reason": reason.code,
                "text": reason.text,
                "markers": len(group),
                "oldest_due": format_time(group[0].due),
                "next_due": format_time(_next_due(group, snapshot.now)),
            }
            for reason, group in sorted(reasons.items(), key=lambda item: -len(item[1]))
        ],
    }


def _next_due(markers: Iterable[Marker], now: float) -> float | None:
    """Return when the next of the markers that are not due yet will be."""
    return min((marker.due for marker in markers if marker.due > now), default=None)


def _breaker(snapshot: BucketSnapshot) -> dict[str, Any] | None:
    """Describe an open breaker, which allows only probes; None while it is closed."""
    state = snapshot.breaker
    if state is None:
        return None
    return {
        "cause": redact(state.cause),
        "open_since": format_time(state.since),
        "failed_probes": state.probes,
        "next_probe": format_time(snapshot.now + state.wait(snapshot.now)),
    }


def _drain(snapshot: BucketSnapshot) -> dict[str, Any] | None:
    if snapshot.slot is None:
        return None
    return {
        **snapshot.slot.owner.to_json(),
        "slot_taken": format_time(snapshot.slot.taken_at),
    }


def _results(snapshot: BucketSnapshot) -> dict[str, Any]:
    results = snapshot.results
    times = [result.published_at for result in results]
    return {
        "listed": snapshot.results_listed.listed,
        "read": len(results),
        "oldest_read": format_time(min(times, default=None)),
        "newest_read": format_time(max(times, default=None)),
        "by_status": dict(Counter(result.status for result in results).most_common()),
        "passed_without_frame": sum(
            result.status == "passed" and result.frame_key is None for result in results
        ),
    }


def _possible_double_billing(snapshot: BucketSnapshot) -> list[dict[str, Any]]:
    """Collect repeated calls from the ledger, and from results that outlived their ledger.

    The ledger also knows the pairs that are not finished.
    """
    in_ledger = {item.fingerprint for item in snapshot.repeated_calls}
    entries = [
        {
            "pair_id": item.pair_id,
            "fingerprint": item.fingerprint,
            "calls": item.calls,
            "answered": item.answered,
        }
        for item in snapshot.repeated_calls
        if item.calls > 1
    ]
    entries += [
        {
            "pair_id": result.pair_id,
            "fingerprint": result.fingerprint,
            "calls": result.calls,
            "answered": result.code != "GivenUp",
        }
        for result in snapshot.results
        if result.calls > 1 and result.fingerprint not in in_ledger
    ]
    return sorted(entries, key=lambda entry: (-entry["calls"], entry["pair_id"]))


def _several_contents(snapshot: BucketSnapshot) -> list[dict[str, Any]]:
    """Collect pairs with calls for several contents, as when a person keeps trying.

    The sources are the ledger, and results that outlived their ledger.
    """
    in_ledger = {item.pair_id for item in snapshot.several_contents}
    entries = [
        {"pair_id": item.pair_id, "contents": item.contents, "calls": item.calls}
        for item in snapshot.several_contents
    ]
    entries += [
        {"pair_id": result.pair_id, "contents": result.contents, "calls": result.pair_calls}
        for result in snapshot.results
        if result.contents > 1 and result.pair_id not in in_ledger
    ]
    return sorted(entries, key=lambda entry: (-entry["contents"], entry["pair_id"]))


def _waiting(snapshot: BucketSnapshot, minutes: int) -> dict[str, Any] | None:
    """List the pairs without a result, the longest wait first, and keys that belong to no pair."""
    if snapshot.waiting is None:
        return None
    latest = snapshot.now - minutes * 60
    pairs = [pair for pair in snapshot.waiting.pairs.values() if pair.since <= latest]
    return {
        "minutes": minutes,
        "pairs": [
            {
                "pair_id": pair.pair_id,
                "missing": list(pair.missing),
                "since": format_time(pair.since),
                "seconds": round(snapshot.now - pair.since),
            }
            for pair in sorted(pairs, key=lambda pair: (pair.since, pair.pair_id))
        ],
        "stray_count": snapshot.waiting.stray_count,
        "strays": [
            {
                "key": stray.key,
                "reason": render(reason_of(snapshot.settings, stray)),
                "written": format_time(stray.written_at),
            }
            for stray in snapshot.waiting.strays
        ],
    }


def _errors(snapshot: BucketSnapshot) -> list[_Error]:
    """Return the latest error of each kind, the latest first."""
    errors = [
        _Error(marker.parked_at or marker.due, marker.pair_id or "", "marker", marker.text)
        for marker in snapshot.markers
        if marker.reason and marker.reason.is_error
    ]
    errors += [
        _Error(
            result.published_at,
            result.pair_id,
            "result",
            ": ".join(filter(None, (result.code, result.detail))) or result.status,
        )
        for result in snapshot.results
        if result.status in ("failed", "unreadable")
    ]
    by_kind: dict[tuple[str, str], _Error] = {}
    for error in sorted(errors, key=lambda error: -error.at):
        kind = (error.found_in, error.reason)
        latest = by_kind.get(kind)
        by_kind[kind] = latest._replace(times=latest.times + 1) if latest else error
    return list(by_kind.values())


def _not_checked(snapshot: BucketSnapshot) -> Iterable[str]:
    if snapshot.waiting is None:
        yield "inputs: pairs that wait, and keys that belong to no pair; --waiting lists them"
    yield "the function's log: failures that left no marker"
    unread = sum(not marker.is_read for marker in snapshot.markers)
    if unread:
        yield f"the content of {pluralize(unread, 'later marker')}"
    older = snapshot.results_listed.listed - len(snapshot.results)
    if older > 0:
        yield pluralize(older, "older result")
    for name, listing in (
        ("markers", snapshot.markers_listed),
        ("results", snapshot.results_listed),
        ("fingerprints in the ledger", snapshot.fingerprints_listed),
    ):
        if not listing.complete:
            yield f"more than the first {listing.listed:,} {name}, in the order of their keys"
    if snapshot.repeated_calls_unread:
        yield f"{pluralize(snapshot.repeated_calls_unread, 'more pair')} with several calls"
