"""Regression schedules: each broke an invariant once, or is the only one known to detect a mutation
within a few thousand seeds. Requests are named as every run names them."""

from __future__ import annotations

from collections.abc import Mapping

from .choices import Profile
from .conditions import ARREARS, COS_5XX, NEVER_JUDGED, Condition
from .faults import CRASH_AFTER, GONE, LATE, OK, PAUSE_BEFORE, SLOW, THROTTLED, TROUBLE, Fault
from .handovers import HANDOVERS
from .shrink import Script
from .workload import INVOKE, UPLOAD, Action, Workload

_LIVE = Action(0.0, UPLOAD, "anna/live.bin", b"pass anna 1")
_IMAGE = Action(1.0, UPLOAD, "anna/reference.jpg", b"anna 1")
_CHANGED = Action(0.0, UPLOAD, "anna/live.bin", b"unlike anna 2", after="put result")
_RESULT = "put results/anna/result.json 1"
_RESPONSE = "create ledger/claims/55579b55/0612be0a/response 1"
_CLAIM = "create ledger/claims/55579b55/0612be0a/1.claim 1"
_SECOND_USE = "create ledger/packages/2593889f1ed652347c11f7ae91b6db26/2 1"
_SET_BACK = {f"event-1#1 detect anna {number}": Fault(TROUBLE) for number in (1, 2)}


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


def _replay(pair_id: str, at: float) -> tuple[Action, Action]:
    """Upload anna's package for another pair, whose event comes at this moment."""
    package = Action(at - 0.5, UPLOAD, f"{pair_id}/live.bin", _LIVE.body)
    return package, Action(at, UPLOAD, f"{pair_id}/reference.jpg", f"{pair_id} 1".encode())


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
            "event-1#1 put frames/anna/best-frame.jpg 1": Fault(CRASH_AFTER, before=2.0),
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
    "a package is sent again once it was judged": _script(
        _LIVE, _IMAGE, *_replay("ben", 62.0), faults={}
    ),
    "a package is sent again while a call with it is under way": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 3.0),
        faults={"event-1#1 detect anna 1": Fault(OK, before=10.0)},
    ),
    # It waits, and is parked only at the second try, when the store is back.
    "a package is in use, and the store fails when its pair is parked": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 3.0),
        faults={"event-1#1 detect anna 1": Fault(OK, before=10.0)},
        conditions=(Condition(COS_5XX, 3.074, 3.65),),
    ),
    # The package's number is there before the claim beside which it is created.
    "a package has a number before its pair has a claim": _script(
        _LIVE, _IMAGE, *_replay("ben", 1.2), faults={f"event-1#1 {_CLAIM}": Fault(OK, before=3.0)}
    ),
    # Between two attempts of the package's first pair a second one found nothing under way.
    "a package's first pair comes back while the second one calls": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 62.0),
        Action(64.0, INVOKE, "anna/", event={"pairs": ["anna"]}),
        faults={**_SET_BACK, "event-3#1 detect ben 1": Fault(OK, before=20.0)},
    ),
    "two pairs take their numbers after both looked at the others": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 62.0),
        *_replay("cleo", 62.0),
        faults={**_SET_BACK, f"event-3#1 {_SECOND_USE}": Fault(OK, before=1.0)},
    ),
    "a package is sent again before its answer comes late": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 60.0),
        faults={"event-1#1 detect anna 1": Fault(SLOW, long=20.0)},
    ),
    # The answer is in hand, and cannot be recorded before the other pair comes.
    "a package is sent again when the store comes back": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 0.5)[:1],
        _replay("ben", 500.0)[1],
        faults={},
        conditions=(Condition(COS_5XX, 1.2, 499.9),),
        until=900.0,
    ),
    # The late answer is recorded only when its pair's last attempt has had its hour.
    "a package is sent again after its answer came late": _script(
        _LIVE,
        _IMAGE,
        *_replay("ben", 250.0),
        faults={"event-1#1 detect anna 1": Fault(SLOW, long=20.0)},
        attempts=1,
    ),
    **HANDOVERS,
}
