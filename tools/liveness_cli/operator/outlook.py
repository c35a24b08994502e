"""What happens to a pair next by itself, and what the operator can do about it. Pure.

The conditions are checked in the order in which the walk (liveness/walk.py) checks them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from liveness.breaker import CallOutcome
from liveness.history import History
from liveness.inspection import IncompletePair, InvalidPair
from liveness.keys import InputKey, read_input_key
from liveness.markers import ParkReason
from liveness.verdicts import TOO_MANY_SUBMISSIONS, outcome_of_response

from ..text import redact
from .attempts import Attempt, LedgerView
from .sentences import Count, Seconds, Sentence, say
from .snapshot import LedgerRecord, PairSnapshot

# How long after an upload its event may still be on its way.
_EVENT_SECONDS = 120


class Outlook(NamedTuple):
    """The state of a pair, and what comes next."""

    state: str
    description: Sequence[Sentence]
    """What happens by itself."""
    action: Sentence
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
        return _damaged("response-record")
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
        [say("damaged", what=say(what))],
        say("damaged-action"),
    )


def _incomplete(snapshot: PairSnapshot, missing: Sequence[str]) -> Outlook:
    if not snapshot.inputs and snapshot.result is None and not snapshot.records:
        action, found = say("unknown-action"), read_input_key(snapshot.settings, snapshot.pair_id)
        if isinstance(found, InputKey):
            action = say("key-action", name=shlex.quote(found.pair_id))
        return Outlook("unknown", _nothing("unknown"), action)
    if not snapshot.inputs:
        return Outlook(
            "gone",
            _nothing("gone"),
            say("gone-action"),
        )
    return Outlook(
        "waiting",
        [say("waiting", role=_roles(missing))],
        say("waiting-action"),
    )


def _invalid(snapshot: PairSnapshot, found: InvalidPair, is_published: bool) -> Outlook:
    if is_published:
        description = _nothing("invalid", reason=found.reason)
    else:
        when = _next_walk(snapshot)
        description = [say("invalid-unpublished", reason=found.reason, when=when)]
    return Outlook("invalid", description, say("invalid-action"))


def _finished(snapshot: PairSnapshot, ledger: LedgerView, name: str) -> Outlook:
    status = snapshot.inspection.result_status or "unknown"
    if status == "failed":
        return Outlook(
            "failed",
            _nothing("failed"),
            _grant_action(ledger, name),
            _calls_with_grant(ledger),
        )
    response = ledger.current_response.response if ledger.current_response else None
    if response is not None and response.refusal:
        return Outlook(
            status,
            _nothing("refused", code=response.refusal),
            _refusal_action(response.refusal, name),
            _calls_with_grant(ledger),
        )
    if snapshot.frame_exists is False:
        return Outlook(
            status,
            _nothing("frame-deleted"),
            say("frame-deleted-action"),
        )
    lacks_frame = snapshot.inspection.result_lacks_frame
    return Outlook(
        status,
        _nothing("final-without-frame" if lacks_frame else "final"),
        say("final-action"),
    )


def _unpublished(snapshot: PairSnapshot, ledger: LedgerView, name: str) -> Outlook:
    """A response is recorded, but the result does not show it yet."""
    record = ledger.current_response
    if record and record.response and outcome_of_response(record.response).status == "failed":
        return Outlook(
            "answered",
            [say("failure-unpublished", when=_next_walk(snapshot))],
            _grant_action(ledger, name),
            _calls_with_grant(ledger),
        )
    return Outlook(
        "answered",
        [say("unpublished", when=_next_walk(snapshot))],
        say("publish-action", name=name),
    )


def _answered_late(snapshot: PairSnapshot, late: Sequence[LedgerRecord], name: str) -> Outlook:
    """An answer came after its call was given up: it is used instead of another call."""
    responses = [record.response for record in late if record.response]
    if len(responses) < len(late):
        return _damaged("late-record")
    has_verdict = any(outcome_of_response(item).status != "failed" for item in responses)
    return Outlook(
        "answered",
        [say("late" if has_verdict else "late-failure", when=_next_walk(snapshot))],
        say("publish-action", name=name),
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
            [
                say(
                    "exhausted",
                    used=_what_is_used_up(history, ledger),
                    when=_end_of(snapshot, history),
                )
            ],
            say("exhausted-action", name=name),
        )
    wait, breaker = history.wait(now), snapshot.breaker
    when = _next_walk(snapshot, now + wait, say("pause-over"))
    description = [say("pausing", wait=Seconds(wait))] if wait > 0 else []
    if breaker is None:
        description.append(say("ready", when=when))
    else:
        description.append(say("ready-breaker", cause=redact(breaker.cause), when=when))
    # A retry reads no markers. It waits for a lease even if a marker says that the attempt is over,
    # and for the lease of an attempt that was answered before the grant.
    leases = [each.record.lease_left(now) for each in ledger.attempts if each.state != "released"]
    lease_left = max(leases, default=0.0)
    action = say("ready-action", name=name)
    if lease_left > 0:
        action = say("lease-action", left=Seconds(lease_left), name=name)
    elif _is_refused(snapshot):
        action = say("refused-action", name=name)
    return Outlook("ready", description, action, calls)


def _is_refused(snapshot: PairSnapshot) -> bool:
    """Whether an operator must act before any pair can be called for."""
    latest = max(snapshot.markers, key=lambda marker: marker.parked_at or marker.due, default=None)
    return (latest is not None and latest.reason is ParkReason.MISCONFIGURED) or (
        snapshot.breaker is not None and snapshot.breaker.cause == CallOutcome.REFUSED.value
    )


def _running(snapshot: PairSnapshot, ledger: LedgerView, attempt: Attempt) -> Outlook:
    history = ledger.history_after(attempt, snapshot.now)
    calls = ledger.calls_left(history)
    request_id, left = attempt.record.owner.request_id, Seconds(attempt.lease_left)
    if calls:
        not_before = snapshot.now + history.wait(snapshot.now)
        then = say("continues", when=_next_walk(snapshot, not_before, say("pause-over")))
    else:
        then = say("is-given-up", when=_end_of(snapshot, history))
    return Outlook(
        "running",
        [say("running", owner=request_id or say("no-invocation"), left=left, then=then)],
        say("running-action", left=left),
        calls,
    )


def _nothing(code: str, /, **values: str) -> list[Sentence]:
    return [say("nothing", why=say(code, **values))]


def _roles(missing: Sequence[str]) -> Sentence:
    one, *others = (say(f"role-{role}") for role in missing)
    return say("and", one=one, other=others[0]) if others else one


def _what_is_used_up(history: History, ledger: LedgerView) -> Sentence:
    if len(history.unanswered) >= ledger.attempts_allowed:
        return say("attempts-used", attempts=Count(len(history.unanswered), "attempt"))
    return say("setbacks-used", setbacks=Count(history.setbacks, "set-back"))


def _end_of(snapshot: PairSnapshot, history: History) -> Sentence:
    """Describe when the pair is given up: an answer may come until then."""
    not_before = snapshot.now + history.wait_to_give_up(snapshot.now)
    return _next_walk(snapshot, not_before, say("late-wait-over"))


def _calls_with_grant(ledger: LedgerView) -> int:
    """Count the calls left with one more grant; a late response is used instead of a call."""
    if ledger.has_usable_late_response:
        return 0
    return ledger.calls_left(ledger.history, extra_grants=1)


def _grant_action(ledger: LedgerView, name: str) -> Sentence:
    if ledger.has_usable_late_response:
        return say("late-action", name=name)
    return say("grant-action", name=name)


def _refusal_action(code: str, name: str) -> Sentence:
    """Say how a refused content can still be judged; the setting is the function's."""
    refused_for = "submissions" if code == TOO_MANY_SUBMISSIONS else "package"
    return say(f"{refused_for}-action", name=name)


def _outdated(snapshot: PairSnapshot, ledger: LedgerView) -> bool:
    """Judge a result with the current fingerprint as the walk does."""
    inspection, record = snapshot.inspection, ledger.current_response
    return inspection.invalid_result_is_outdated() or inspection.revisable_result_is_outdated(
        record.response if record else None, ledger.grants
    )


def _next_walk(
    snapshot: PairSnapshot, not_before: float = 0.0, condition: Sentence | None = None
) -> Sentence:
    """Describe what starts the next walk that makes progress, and when.

    A walk before `not_before`, when `condition` is fulfilled, only parks the pair again.
    """
    now, breaker = snapshot.now, snapshot.breaker
    condition = condition or say("pause-over")
    due = min((marker.due for marker in snapshot.markers), default=None)
    is_early = not_before > now + 1
    if due is not None:
        # While the breaker is open, a drain does nothing between its probes.
        next_probe = now + breaker.wait(now) if breaker else 0.0
        conditions = (
            (due, say("marker-due")),
            (not_before, condition),
            (next_probe, say("probe-due")),
        )
        at, last = max(conditions, key=lambda item: item[0])
        if at > now + 1:
            return say("by-drain-after", condition=last, wait=Seconds(at - now))
        if snapshot.slot is not None:
            return say("by-drainer", owner=snapshot.slot.owner.request_id)
        return say("by-drain")
    if is_early:
        return say("by-reconcile-after", condition=condition, wait=Seconds(not_before - now))
    if any(now - item.last_modified < _EVENT_SECONDS for item in snapshot.inputs):
        return say("by-event")
    return say("by-reconcile")
