"""What happens to a pair next by itself, and what the operator can do about it. Pure.

The conditions are checked in the order in which the walk (liveness/walk.py) checks them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from liveness.history import History
from liveness.inspection import IncompletePair, InvalidPair
from liveness.verdicts import TOO_MANY_SUBMISSIONS, outcome_of_response

from ..text import format_duration, pluralize, redact
from .attempts import Attempt, LedgerView
from .snapshot import LedgerRecord, PairSnapshot

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
    """Check inputs, result, response, late responses, lease, limit, pause and breaker in order."""
    inspection, inputs = snapshot.inspection, snapshot.inspection.inputs
    if isinstance(inputs, IncompletePair):
        return _incomplete(snapshot, inputs.missing)
    name = shlex.quote(snapshot.pair_id)
    response = ledger.current_response
    if response is not None and response.response is None:
        return _damaged("response record")
    if isinstance(inputs, InvalidPair) and response is None:
        return _invalid(snapshot, inputs, inspection.result_is_current)
    if inspection.result_is_current and not _outdated(snapshot, ledger):
        return _finished(snapshot, ledger, name)
    if response is not None:
        return _unpublished(snapshot, ledger, name)
    if late := ledger.next_late_responses:
        return _answered_late(snapshot, late, name)
    return _callable(snapshot, ledger, name)


def _damaged(what: str) -> Outlook:
    return Outlook(
        "damaged",
        f"Every walk of this pair fails: its {what} is not as the function wrote it.",
        "Restore that record, or delete it if the pair may be paid for again.",
    )


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
            _calls_with_grant(ledger),
        )
    response = ledger.current_response.response if ledger.current_response else None
    if response is not None and response.refusal:
        return Outlook(
            status,
            f"Nothing happens: the content was refused ({response.refusal}), without a call.",
            _refusal_action(response.refusal, name),
            _calls_with_grant(ledger),
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
            _calls_with_grant(ledger),
        )
    return Outlook(
        "answered",
        f"The response is recorded; it is published {_next_walk(snapshot)}, without another call.",
        f"Publish it now, without a call: liveness retry {name}",
    )


def _answered_late(snapshot: PairSnapshot, late: Sequence[LedgerRecord], name: str) -> Outlook:
    """An answer came after its call was given up: it takes the place of another call."""
    responses = [record.response for record in late if record.response]
    if len(responses) < len(late):
        return _damaged("record of a late response")
    has_verdict = any(outcome_of_response(item).status != "failed" for item in responses)
    what = "A late response" if has_verdict else "A late response, which is a failure,"
    return Outlook(
        "answered",
        f"{what} is used and published {_next_walk(snapshot)}, without another call.",
        f"Publish it now, without a call: liveness retry {name}",
    )


def _callable(snapshot: PairSnapshot, ledger: LedgerView, name: str) -> Outlook:
    """No response is recorded: a call is running, can be made, or the attempts are used up."""
    if ledger.running is not None:
        return _running(snapshot, ledger, ledger.running)
    history, now = ledger.history, snapshot.now
    calls = ledger.calls_left(history)
    if not calls:
        return Outlook(
            "exhausted",
            f"{_what_is_used_up(history, ledger)}: the pair is given up and published as failed "
            f"{_end_of(snapshot, history)}.",
            f"After that, allow one more attempt, which may be billed: liveness retry {name}",
        )
    wait, breaker = history.wait(now), snapshot.breaker
    when = _next_walk(snapshot, now + wait, "its pause is over")
    description = f"The next call, which may be billed, is made {when}."
    if breaker is not None:
        description = (
            f"The breaker is open ({redact(breaker.cause)}): until a call is answered, one pair "
            "at a time is called for, as a probe. The next call, which may be billed, is made at "
            f"the earliest {when}."
        )
    if wait > 0:
        description = f"The pair pauses for another {format_duration(wait)}. {description}"
    # A retry knows of no marker: it waits for a lease even if its owner said that it is over, and
    # for that of an attempt that was answered before the grant.
    leases = [each.record.lease_left(now) for each in ledger.attempts if each.state != "released"]
    lease_left = max(leases, default=0.0)
    action = f"Make it now: liveness retry {name}"
    if lease_left > 0:
        action = (
            f"Make it as soon as the last call's lease expires, in {format_duration(lease_left)}: "
            f"liveness retry {name}"
        )
    return Outlook("ready", description, action, calls)


def _running(snapshot: PairSnapshot, ledger: LedgerView, attempt: Attempt) -> Outlook:
    history = ledger.history_after(attempt, snapshot.now)
    calls = ledger.calls_left(history)
    owner, left = attempt.record.owner.request_id or "unknown", format_duration(attempt.lease_left)
    if calls:
        not_before = snapshot.now + history.wait(snapshot.now)
        then = f"continues {_next_walk(snapshot, not_before, 'its pause is over')}"
    else:
        then = f"is given up {_end_of(snapshot, history)}"
    return Outlook(
        "running",
        f"Invocation {owner} is running, or crashed: its lease expires in {left}. If no response "
        f"is recorded by then, the pair {then}.",
        f"Wait {left}, then run this command again.",
        calls,
    )


def _what_is_used_up(history: History, ledger: LedgerView) -> str:
    if len(history.unanswered) >= ledger.attempts_allowed:
        return f"All {pluralize(len(history.unanswered), 'attempt')} that count are used up"
    return f"All {pluralize(history.setbacks, 'set-back')} that a content may have are used up"


def _end_of(snapshot: PairSnapshot, history: History) -> str:
    """Describe when the pair is given up: an answer may come until then."""
    not_before = snapshot.now + history.wait_to_give_up(snapshot.now)
    return _next_walk(snapshot, not_before, "the wait for a late answer is over")


def _calls_with_grant(ledger: LedgerView) -> int:
    """Count the calls left with one more grant; a late response is used instead of a call."""
    if ledger.has_usable_late_response:
        return 0
    return ledger.calls_left(ledger.history, extra_grants=1)


def _grant_action(ledger: LedgerView, name: str) -> str:
    if ledger.has_usable_late_response:
        return f"Use the response that came too late, without a call: liveness retry {name}"
    return f"Allow one more attempt, which may be billed: liveness retry {name}"


def _refusal_action(code: str, name: str) -> str:
    """Say how a refused content can be judged all the same; the setting is the function's."""
    if code == TOO_MANY_SUBMISSIONS:
        return (
            "Find out who tries so often. To have this content judged, which may be billed, raise "
            f"LIVENESS_MAX_SUBMISSIONS, then: liveness retry {name}"
        )
    return (
        "Compare the pairs that have this package. To have it judged again, which may be billed, "
        f"set LIVENESS_REUSED_PACKAGE=report, then: liveness retry {name}"
    )


def _outdated(snapshot: PairSnapshot, ledger: LedgerView) -> bool:
    """Judge a result with the current fingerprint as the walk does."""
    inspection, record = snapshot.inspection, ledger.current_response
    return inspection.invalid_result_is_outdated() or inspection.revisable_result_is_outdated(
        record.response if record else None, ledger.grants
    )


def _next_walk(snapshot: PairSnapshot, not_before: float = 0.0, condition: str = "") -> str:
    """Describe what starts the next walk that goes on, and when.

    A walk before `not_before`, when `condition` is fulfilled, only parks the pair again.
    """
    now, breaker = snapshot.now, snapshot.breaker
    due = min((marker.due for marker in snapshot.markers), default=None)
    is_early = not_before > now + 1
    if due is not None:
        # While the breaker is open a drain does nothing between its probes.
        next_probe = now + breaker.wait(now) if breaker else 0.0
        conditions = (
            (due, "its marker is due"),
            (not_before, condition),
            (next_probe, "the breaker's next probe is due"),
        )
        at, last = max(conditions, key=lambda item: item[0])
        if at > now + 1:
            return f"by the next drain after {last}, in {format_duration(at - now)}"
        if snapshot.slot is not None:
            request_id = snapshot.slot.owner.request_id
            return f"by invocation {request_id}, which is draining now: its marker is due"
        return "by the next drain, within a minute: its marker is due"
    if is_early:
        return (
            f"by the hourly reconcile, not before {condition}, in "
            f"{format_duration(not_before - now)}: the pair has no marker"
        )
    if any(now - item.last_modified < _EVENT_SECONDS for item in snapshot.inputs):
        return "by the upload's event or, if that is lost, by the hourly reconcile"
    return "by the hourly reconcile, not before: the pair has no marker"
