"""Regression schedules: each broke an invariant once, or is the only one known to detect a mutation
within a few thousand seeds. Requests are named as every run names them."""

from __future__ import annotations

from collections.abc import Mapping

from .choices import Profile
from .conditions import ARREARS, NEVER_JUDGED, Condition
from .faults import CRASH_AFTER, GONE, LATE, PAUSE_BEFORE, SLOW, THROTTLED, Fault
from .shrink import Script
from .workload import INVOKE, UPLOAD, Action, Workload

_LIVE = Action(0.0, UPLOAD, "anna/live.bin", b"pass anna 1")
_IMAGE = Action(1.0, UPLOAD, "anna/reference.jpg", b"anna 1")
_CHANGED = Action(0.0, UPLOAD, "anna/live.bin", b"unlike anna 2", after="put result")
_RESULT = "put results/anna/result.json 1"
_RESPONSE = "create ledger/claims/55579b55/0612be0a/response 1"


def _script(
    *actions: Action,
    faults: Mapping[str, Fault],
    attempts: int = 3,
    until: float = 300.0,
    conditions: tuple[Condition, ...] = (),
) -> Script:
    """Make a script in which only the named requests meet a fault, besides what lasts."""
    settings = {"LIVENESS_MAX_ATTEMPTS": str(attempts)}
    workload = Workload(0, actions, Profile({}, 0.0, until), settings, 900.0, conditions=conditions)
    return Script(workload, tuple(faults.items()))


SCHEDULES: Mapping[str, Script] = {
    "a result lands late over a newer one": _script(
        _LIVE,
        _IMAGE,
        _CHANGED,
        faults={f"event-1#1 {_RESULT}": Fault(LATE, long=45.0)},
    ),
    # Two invocations publish one response: one cannot fetch the frame; the other stores it and
    # crashes.
    "a stored frame is named by no result": _script(
        _LIVE,
        _IMAGE,
        Action(0.006, INVOKE, "anna/", event={"pairs": ["anna"]}, after="response"),
        faults={
            "direct-2#1 fetch frame 1": Fault(GONE),
            "event-1#1 put results/anna/best-frame.jpg 1": Fault(CRASH_AFTER, before=2.0),
        },
    ),
    # Set-backs of more than an hour came before the only attempt that may be billed. Its owner
    # pauses with the answer, and another invocation must not give the pair up meanwhile.
    "an answer is in hand more than an hour after the first set-back": _script(
        _LIVE,
        _IMAGE,
        Action(8640.0, INVOKE, "anna/", event={"pairs": ["anna"]}),
        faults={f"drain@30000142#1 {_RESPONSE}": Fault(PAUSE_BEFORE, long=140.0)},
        attempts=1,
        until=9000.0,
        conditions=(Condition(NEVER_JUDGED, 0.0, 5000.0, "anna"),),
    ),
    # An owner pauses with its answer while another invocation calls and records: both are kept.
    "an answer comes second": _script(
        _LIVE,
        _IMAGE,
        Action(75.0, INVOKE, "anna/", event={"pairs": ["anna"]}),
        faults={f"event-1#1 {_RESPONSE}": Fault(PAUSE_BEFORE, long=140.0)},
    ),
    # A code that nobody documented ends a pair, and so it does when it comes late.
    "a late answer has an undocumented code": _script(
        _LIVE._replace(body=b"odd anna 1"),
        _IMAGE,
        faults={"event-1#1 detect anna 1": Fault(SLOW, long=2.0)},
    ),
    # An account that is refused all day costs no content anything.
    "the account is refused for ten hours": _script(
        _LIVE,
        _IMAGE,
        faults={},
        conditions=(Condition(ARREARS, 0.0, 36_000.0),),
    ),
    # The first try of an attempt is answered without a verdict, the second one is throttled.
    "a set-back is followed by a throttled try": _script(
        _LIVE,
        _IMAGE,
        faults={"event-1#1 detect anna 2": Fault(THROTTLED)},
        conditions=(Condition(NEVER_JUDGED, 0.0, 36_000.0, "anna"),),
    ),
}
