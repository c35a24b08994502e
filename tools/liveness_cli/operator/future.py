"""What happens next to a pair by itself, and what the operator can do. No I/O here.

Concluded in the order in which the walk (liveness/pair.py) looks at things.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from liveness.call import CALL_SECONDS
from liveness.decision import outcome_of_response
from liveness.look import Unusable, Waiting

from .attempts import LedgerView
from .facts import Pair
from .wording import duration, number

# The upload's own event may still be on its way for so long.
_EVENT_SECONDS = 120


class Next(NamedTuple):
    """The state a pair is in, what happens next by itself, and what the operator can do."""

    state: str
    happens: str
    you_can: str
    most_calls: int = 0  # that one more walk, with a grant where one is possible, may make


def next_of(read: Pair, ledger: LedgerView) -> Next:
    """In the order of the walk: inputs, result, response, lease, limit, call."""
    found = read.look.found
    if isinstance(found, Waiting):
        return _incomplete(read, found.missing)
    work = found.work if isinstance(found, Unusable) else found
    name = shlex.quote(read.pair_id)
    current = read.look.published == work.fingerprint
    standing = ledger.standing
    if standing is not None and standing.response is None:
        return Next(
            "damaged",
            "Every walk of this pair fails: its response record is not as the function wrote it.",
            "Restore that record, or delete it if the pair may be paid for again.",
        )
    if isinstance(found, Unusable) and standing is None:
        return _unusable(read, found, current)
    if current and not _outdated(read, ledger):
        return _done(read, ledger, name)
    if standing is not None:
        return _unpublished(read, ledger, name)
    if ledger.late and ledger.grants:
        return Next(
            "answered",
            f"An answer that came late is used and published {_woken(read)}, without another call.",
            f"Publish it now, without a call: liveness retry {name}",
        )
    return _callable(read, ledger, name)


def _incomplete(read: Pair, missing: Sequence[str]) -> Next:
    if not read.inputs and read.result is None and not read.records:
        return Next(
            "unknown",
            "Nothing happens: there is no input, no result and no ledger entry of this pair id.",
            "Check the pair id, LIVENESS_INPUT_PREFIX and the suffixes.",
        )
    if not read.inputs:
        return Next(
            "gone",
            "Nothing happens: both inputs are gone; a result that was published stays.",
            "Nothing is left to do.",
        )
    return Next(
        "waiting",
        f"The function waits for the {' and '.join(missing)} input; its upload wakes it.",
        "Have the missing input uploaded; a walk before that costs nothing and does nothing.",
    )


def _unusable(read: Pair, found: Unusable, current: bool) -> Next:
    if current:
        happens = f"Nothing: the result says {found.reason}."
    else:
        happens = f"A result that says {found.reason} is published {_woken(read)}, without a call."
    return Next("unusable", happens, "Have the person try again under a new pair id.")


def _done(read: Pair, ledger: LedgerView, name: str) -> Next:
    status = read.look.published_status or "unknown"
    if status == "failed":
        return Next(
            "failed",
            "Nothing: a pair that ended failed is left to an operator.",
            _allow(ledger, name),
            _calls_granted(read, ledger),
        )
    if read.frame_there is False:
        return Next(
            status,
            "Nothing: the result stands, but the best frame that it names is no longer there.",
            "Find out who removed the frame; the function does not copy it again.",
        )
    frameless = read.look.published_frameless
    return Next(
        status,
        "Nothing: the result stands"
        + (", without its best frame, which could not be copied." if frameless else "."),
        "A new try of the person gets a new pair id.",
    )


def _unpublished(read: Pair, ledger: LedgerView, name: str) -> Next:
    """A response stands, and the result does not show it yet."""
    standing = ledger.standing
    if standing and standing.response and outcome_of_response(standing.response).status == "failed":
        return Next(
            "answered",
            f"That the pair failed is written down; it is published {_woken(read)}.",
            _allow(ledger, name),
            _calls_granted(read, ledger),
        )
    return Next(
        "answered",
        f"The answer is kept; it is published {_woken(read)}, without another call.",
        f"Publish it now, without a call: liveness retry {name}",
    )


def _callable(read: Pair, ledger: LedgerView, name: str) -> Next:
    """No response stands: a call runs, or one may be made, or all were made."""
    running = [attempt for attempt in ledger.attempts if attempt.state == "running"]
    left = max((attempt.lease_left for attempt in running), default=0.0)
    calls = _calls_left(read, ledger)
    if running:
        owner = running[-1].record.owner.request_id or "unknown"
        return Next(
            "running",
            f"Invocation {owner} is at work, or died: its lease runs {duration(left)} more. If no "
            f"answer is there then, the pair {'goes on' if calls else 'is given up'} "
            f"{_woken(read)}.",
            f"Wait {duration(left)}, then ask again.",
            calls,
        )
    if not calls:
        counted = [a.record for a in ledger.attempts if a.state != "released"]
        last = max((record.lease_left(read.now) for record in counted), default=0.0)
        wait = CALL_SECONDS + last
        unmarked = wait > 0 and not read.markers
        when = f"in {duration(wait)} at the earliest" if unmarked else _woken(read)
        return Next(
            "exhausted",
            f"All {number(ledger.spent, 'attempt')} that count are used up: the pair is given up "
            f"and published as failed {when}.",
            f"Afterwards allow one more attempt, which may be billed: liveness retry {name}",
        )
    return Next(
        "ready",
        f"The next call, which may be billed, is made {_woken(read)}.",
        f"Make it now: liveness retry {name}",
        calls,
    )


def _calls_left(read: Pair, ledger: LedgerView, granted: int = 0) -> int:
    return max(0, read.settings.max_attempts + ledger.grants + granted - ledger.spent)


def _calls_granted(read: Pair, ledger: LedgerView) -> int:
    """With one more grant; an answer that came late is then used instead of a call."""
    return 0 if ledger.late else _calls_left(read, ledger, granted=1)


def _allow(ledger: LedgerView, name: str) -> str:
    if ledger.late:
        return f"Use the answer that came too late, without a call: liveness retry {name}"
    return f"Allow one more attempt, which may be billed: liveness retry {name}"


def _outdated(read: Pair, ledger: LedgerView) -> bool:
    """As the walk judges a result that carries the current fingerprint."""
    if read.look.published_unusable:
        return not isinstance(read.look.found, Unusable)
    if read.look.published_status != "failed":
        return False
    standing = ledger.standing
    if standing is None or standing.response is None:
        return ledger.grants > 0
    return outcome_of_response(standing.response).status != "failed"


def _woken(read: Pair) -> str:
    """When and by whom the next walk begins."""
    due = min((marker.due for marker in read.markers), default=None)
    if due is not None and due > read.now + 1:
        return f"by the next drain after its marker is due, in {duration(due - read.now)}"
    if due is not None and read.slot is not None:
        return f"by invocation {read.slot.owner.request_id}, which drains now: its marker is due"
    if due is not None:
        return "by the next drain, within a minute: its marker is due"
    if any(read.now - item.last_modified < _EVENT_SECONDS for item in read.inputs):
        return "by the upload's event or, if that is lost, by the hourly reconcile"
    return "by the hourly reconcile, and not before: there is no marker"
