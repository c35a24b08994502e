"""What `liveness status` says: from what was read of the bucket to one value. No I/O here."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from .facts import Bucketful, Marker
from .wording import moment, number

SCHEMA = "liveness-status/1"
_ERRORS_SHOWN = 10
# What a marker says whose pair is only waiting its turn, is no error.
_NO_ERRORS = (
    "another invocation holds the lease",
    "a drainer is at work, and the limit is its",
    "found by reconcile",
    "too little of ",
    "no turn ",
    "preparing took too much of the lease",
    "the drain ends before ",
)


class _Error(NamedTuple):
    at: float
    pair_id: str
    found_in: str
    why: str
    times: int = 1


def status_of(read: Bucketful) -> dict[str, Any]:
    """The value that `--json` prints; all times are by the store's clock."""
    return {
        "schema": SCHEMA,
        "at": moment(read.now),
        "bucket": read.settings.bucket,
        "backlog": _backlog(read),
        "drain": _drain(read),
        "reconcile": {"last_finished_pass_began": moment(read.reconciled_at)},
        "results": _results(read),
        "failed": [
            {
                "pair_id": result.pair_id,
                "code": result.code,
                "detail": result.detail,
                "possibly_billed_calls": result.calls,
                "published": moment(result.published_at),
            }
            for result in read.results
            if result.status == "failed"
        ],
        "possibly_billed_twice": _billed_twice(read),
        "last_errors": [
            {**error._asdict(), "at": moment(error.at)} for error in _errors(read)[:_ERRORS_SHOWN]
        ],
        "not_looked_at": list(_not_looked_at(read)),
    }


def _backlog(read: Bucketful) -> dict[str, Any]:
    """Markers by number, age and reason."""
    oldest = min(read.markers, key=lambda marker: marker.due, default=None)
    reasons: dict[str, list[Marker]] = defaultdict(list)
    for marker in read.markers:
        if marker.reason:
            reasons[marker.reason].append(marker)
    pairs = len({marker.pair_hash for marker in read.markers})
    return {
        "markers": len(read.markers),
        "pairs": pairs,
        "seconds_of_calls": math.ceil(pairs / read.settings.rate_limit),
        "due": sum(marker.due <= read.now for marker in read.markers),
        "oldest": None
        if oldest is None
        else {
            "due": moment(oldest.due),
            "overdue_seconds": max(0, round(read.now - oldest.due)),
            "pair_id": oldest.pair_id,
        },
        "damaged": sum(marker.read and marker.pair_id is None for marker in read.markers),
        "most_visits": max((marker.visits or 0 for marker in read.markers), default=0),
        "reasons": [
            {"reason": reason, "markers": len(group), "oldest_due": moment(group[0].due)}
            for reason, group in sorted(reasons.items(), key=lambda item: -len(item[1]))
        ],
    }


def _drain(read: Bucketful) -> dict[str, Any] | None:
    if read.slot is None:
        return None
    return {**read.slot.owner._asdict(), "slot_taken": moment(read.slot.taken_at)}


def _results(read: Bucketful) -> dict[str, Any]:
    times = [result.published_at for result in read.results]
    return {
        "listed": read.results_listed.listed,
        "read": len(read.results),
        "oldest_read": moment(min(times, default=None)),
        "newest_read": moment(max(times, default=None)),
        "by_status": dict(Counter(result.status for result in read.results).most_common()),
        "passed_without_frame": sum(
            result.status == "passed" and result.frame_key is None for result in read.results
        ),
    }


def _billed_twice(read: Bucketful) -> list[dict[str, Any]]:
    """By the ledger, which knows unfinished pairs, too; and by results that outlived theirs."""
    found = {item.fingerprint: item for item in read.repeated}
    entries = [
        {
            "pair_id": item.pair_id,
            "fingerprint": item.fingerprint,
            "calls": item.calls,
            "answered": item.answered,
        }
        for item in read.repeated
        if item.calls > 1
    ]
    entries += [
        {
            "pair_id": result.pair_id,
            "fingerprint": result.fingerprint,
            "calls": result.calls,
            "answered": result.code != "GivenUp",
        }
        for result in read.results
        if result.calls > 1 and result.fingerprint not in found
    ]
    return sorted(entries, key=lambda entry: (-entry["calls"], entry["pair_id"]))


def _errors(read: Bucketful) -> list[_Error]:
    """The latest of each kind, the latest first."""
    errors = [
        _Error(marker.parked_at or marker.due, marker.pair_id or "", "marker", marker.reason)
        for marker in read.markers
        if marker.reason and not marker.reason.startswith(_NO_ERRORS)
    ]
    errors += [
        _Error(
            result.published_at,
            result.pair_id,
            "result",
            ": ".join(filter(None, (result.code, result.detail))) or result.status,
        )
        for result in read.results
        if result.status in ("failed", "unreadable")
    ]
    latest: dict[tuple[str, str], _Error] = {}
    for error in sorted(errors, key=lambda error: -error.at):
        first = latest.get((error.found_in, error.why))
        known = first._replace(times=first.times + 1) if first else error
        latest[error.found_in, error.why] = known
    return list(latest.values())


def _not_looked_at(read: Bucketful) -> Iterable[str]:
    yield "inputs: pairs that wait for a partner, and pairs that no event ever reached"
    yield "the function's log: what failed before it could leave a marker"
    unread = sum(not marker.read for marker in read.markers)
    if unread:
        yield f"what {number(unread, 'of the later markers says', 'of the later markers say')}"
    older = read.results_listed.listed - len(read.results)
    if older > 0:
        yield number(older, "older result")
    for name, listed in (
        ("markers", read.markers_listed),
        ("results", read.results_listed),
        ("fingerprints in the ledger", read.ledger_listed),
    ):
        if not listed.complete:
            yield f"more than the first {listed.listed:,} {name}, in the order of their keys"
    if read.repeated_unread:
        yield f"{number(read.repeated_unread, 'more pair')} with several calls"
