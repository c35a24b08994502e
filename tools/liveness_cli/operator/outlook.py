"""What happens to a pair next by itself, and what the operator can do about it. Pure.

The conditions are checked in the order in which the walk (liveness/walk.py) checks them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from liveness.call import CALL_SECONDS
from liveness.inspection import IncompletePair, InvalidPair
from liveness.verdicts import outcome_of_response

from ..text import format_duration, pluralize
from .attempts import LedgerView
from .snapshot import PairSnapshot

# For how long after an upload its event may still be on its way.
_EVENT_SECONDS = 120


class Outlook(NamedTuple):
    """The state of a pair, and what comes next."""

    state: str
    description: str
    """What happens by itself."""
    action: str
    """What the operator can do."""
    max_calls: int = 0
    """How many calls one more walk can make, with a grant if one is possible."""


def outlook_of(snapshot: PairSnapshot, ledger: LedgerView) -> Outlook:
    """Check inputs, result, response, lease, limit and call, in the order of the walk."""
    inspection, inputs = snapshot.inspection, snapshot.inspection.inputs
    if isinstance(inputs, IncompletePair):
        return _incomplete(snapshot, inputs.missing)
    name = shlex.quote(snapshot.pair_id)
    response = ledger.current_response
    if response is not None and response.response is None:
        return Outlook(
            "damaged",
            "Every walk of this pair fails: its response record is not as the function wrote it.",
            "Restore that record, or delete it if the pair may be paid for again.",
        )
    if isinstance(inputs, InvalidPair) and response is None:
        return _invalid(snapshot, inputs, inspection.result_is_current)
    if inspection.result_is_current and not _outdated(snapshot, ledger):
        return _finished(snapshot, ledger, name)
    if response is not None:
        return _unpublished(snapshot, ledger, name)
    if ledger.has_usable_late_response and ledger.grants:
        return Outlook(
            "answered",
            f"A late response is used and published {_next_walk(snapshot)}, without another call.",
            f"Publish it now, without a call: liveness retry {name}",
        )
    return _callable(snapshot, ledger, name)


def _incomplete(snapshot: PairSnapshot, missing: Sequence[str]) -> Outlook:
    if not snapshot.inputs and snapshot.result is None and not snapshot.records:
        return Outlook(
            "unknown",
            "Nothing happens: this pair id has no input, no result and no ledger entry.",
            "Check the pair id, LIVENESS_INPUT_PREFIX and the suffixes.",
        )
    if not snapshot.inputs:
        return Outlook(
            "gone",
            "Nothing happens: both inputs were deleted; a published result stays.",
            "There is nothing left to do.",
        )
    return Outlook(
        "waiting",
        f"The function waits for the {' and '.join(missing)} input; its upload triggers it.",
        "Have the missing input uploaded; a walk before that costs nothing and does nothing.",
    )


def _invalid(snapshot: PairSnapshot, found: InvalidPair, is_published: bool) -> Outlook:
    if is_published:
        description = f"Nothing happens: the result says {found.reason}."
    else:
        when = _next_walk(snapshot)
        description = f"A result that says {found.reason} is published {when}, without a call."
    return Outlook("invalid", description, "Have the person try again under a new pair id.")


def _finished(snapshot: PairSnapshot, ledger: LedgerView, name: str) -> Outlook:
    status = snapshot.inspection.result_status or "unknown"
    if status == "failed":
        return Outlook(
            "failed",
            "Nothing happens: a failed pair is left to an operator.",
            _grant_action(ledger, name),
            _calls_with_grant(snapshot, ledger),
        )
    if snapshot.frame_exists is False:
        return Outlook(
            status,
            "Nothing happens: the result is final, but the best frame that it names was deleted.",
            "Find out what deleted the frame; the function does not copy it again.",
        )
    lacks_frame = snapshot.inspection.result_lacks_frame
    return Outlook(
        status,
        "Nothing happens: the result is final"
        + (", without its best frame, which could not be copied." if lacks_frame else "."),
        "If the person tries again, use a new pair id.",
    )


def _unpublished(snapshot: PairSnapshot, ledger: LedgerView, name: str) -> Outlook:
    """A response is recorded, but the result does not show it yet."""
    record = ledger.current_response
    if record and record.response and outcome_of_response(record.response).status == "failed":
        return Outlook(
            "answered",
            f"The failure of the pair is recorded; it is published {_next_walk(snapshot)}.",
            _grant_action(ledger, name),
            _calls_with_grant(snapshot, ledger),
        )
    return Outlook(
        "answered",
        f"The response is recorded; it is published {_next_walk(snapshot)}, without another call.",
        f"Publish it now, without a call: liveness retry {name}",
    )


def _callable(snapshot: PairSnapshot, ledger: LedgerView, name: str) -> Outlook:
    """No response is recorded: a call is running, can be made, or the attempts are used up."""
    running = [attempt for attempt in ledger.attempts if attempt.state == "running"]
    lease_left = max((attempt.lease_left for attempt in running), default=0.0)
    calls = _calls_left(snapshot, ledger)
    if running:
        owner = running[-1].record.owner.request_id or "unknown"
        return Outlook(
            "running",
            f"Invocation {owner} is running, or crashed: its lease expires in "
            f"{format_duration(lease_left)}. If no response is recorded by then, the pair "
            f"{'continues' if calls else 'is given up'} {_next_walk(snapshot)}.",
            f"Wait {format_duration(lease_left)}, then run this command again.",
            calls,
        )
    if not calls:
        counted = [a.record for a in ledger.attempts if a.state != "released"]
        last = max((record.lease_left(snapshot.now) for record in counted), default=0.0)
        wait = CALL_SECONDS + last
        is_unparked = wait > 0 and not snapshot.markers
        when = (
            f"in {format_duration(wait)} at the earliest" if is_unparked else _next_walk(snapshot)
        )
        return Outlook(
            "exhausted",
            f"All {pluralize(ledger.counted_attempts, 'attempt')} that count are used up: the pair "
            f"is given up and published as failed {when}.",
            f"After that, allow one more attempt, which may be billed: liveness retry {name}",
        )
    return Outlook(
        "ready",
        f"The next call, which may be billed, is made {_next_walk(snapshot)}.",
        f"Make it now: liveness retry {name}",
        calls,
    )


def _calls_left(snapshot: PairSnapshot, ledger: LedgerView, extra_grants: int = 0) -> int:
    allowed = snapshot.settings.max_attempts + ledger.grants + extra_grants
    return max(0, allowed - ledger.counted_attempts)


def _calls_with_grant(snapshot: PairSnapshot, ledger: LedgerView) -> int:
    """Count the calls left with one more grant; a late response is used instead of a call."""
    return 0 if ledger.has_usable_late_response else _calls_left(snapshot, ledger, extra_grants=1)


def _grant_action(ledger: LedgerView, name: str) -> str:
    if ledger.has_usable_late_response:
        return f"Use the response that came too late, without a call: liveness retry {name}"
    return f"Allow one more attempt, which may be billed: liveness retry {name}"


def _outdated(snapshot: PairSnapshot, ledger: LedgerView) -> bool:
    """Judge a result with the current fingerprint as the walk does."""
    inspection, record = snapshot.inspection, ledger.current_response
    return inspection.invalid_result_is_outdated() or inspection.failed_result_is_outdated(
        record.response if record else None, ledger.grants
    )


def _next_walk(snapshot: PairSnapshot) -> str:
    """Describe what starts the next walk, and when."""
    due = min((marker.due for marker in snapshot.markers), default=None)
    if due is not None and due > snapshot.now + 1:
        return (
            f"by the next drain after its marker is due, in {format_duration(due - snapshot.now)}"
        )
    if due is not None and snapshot.slot is not None:
        request_id = snapshot.slot.owner.request_id
        return f"by invocation {request_id}, which is draining now: its marker is due"
    if due is not None:
        return "by the next drain, within a minute: its marker is due"
    if any(snapshot.now - item.last_modified < _EVENT_SECONDS for item in snapshot.inputs):
        return "by the upload's event or, if that is lost, by the hourly reconcile"
    return "by the hourly reconcile, not before: the pair has no marker"
