"""Schedules in which drains hand over, or have to: each breaks I7 once its safety is taken out."""

from __future__ import annotations

from collections.abc import Mapping

from .choices import Profile
from .faults import LATE, OK, THROTTLED, Fault
from .shrink import Script
from .workload import INVOKE, Action, Backlog, Workload

_READ_BACK = "direct-0#1 get ledger/claims/{}/1.claim 1"
# Of the last of 30 pairs for which a drain of one minute has time.
_LAST = _READ_BACK.format("5c7cdec0/58d146fa")


def _drained(
    backlog: Backlog,
    *drains: float,
    rate: str = "1",
    timeout: float = 900.0,
    skew: float = 0.0,
    faults: Mapping[str, Fault] | None = None,
) -> Script:
    """Make a script in which invocations drain at these moments, and calls take no time."""
    workload = Workload(
        0,
        tuple(Action(at, INVOKE, event={"drain": {}}) for at in drains),
        Profile({}, 0.0, 300.0),
        {"LIVENESS_RATE_LIMIT": rate},
        timeout,
        skew=skew,
        backlog=backlog,
        call_seconds=0.0,
    )
    return Script(workload, tuple((faults or {}).items()))


HANDOVERS: Mapping[str, Script] = {
    # The next pair is found by another drain a moment after the first drain found none.
    "a drain begins when another one has just ended": _drained(Backlog(2, 6.0), 0.55, 1.05),
    "a drain begins while another one is at work": _drained(Backlog(3, 0.0), 0.5, 1.0),
    # One that has no time left keeps its slot to the end, and the next one begins there.
    "a drain begins as soon as the slot of another one is over": _drained(
        Backlog(30, 0.0), 0.5, 20.05, timeout=60.0
    ),
    "the same at one call in five seconds": _drained(
        Backlog(8, 0.0), 1.2, 20.05, rate="0.2", timeout=60.0
    ),
    "a claim is read back after the slot is over": _drained(
        Backlog(30, 0.0), 0.5, timeout=60.0, faults={_LAST: Fault(OK, before=8.0)}
    ),
    # Its reply says what time it was six seconds ago.
    "a claim is read back slowly when the slot ends": _drained(
        Backlog(30, 0.0), 0.5, timeout=60.0, faults={_LAST: Fault(OK, after=6.5)}
    ),
    "a call is refused, and the next one starts before its resend": _drained(
        Backlog(2, 0.0), 0.5, faults={"direct-0#1 detect waiting-1 1": Fault(THROTTLED, before=0.7)}
    ),
    "two drainers share the rate": _drained(Backlog(40, 0.0), 0.5, 0.55, rate="26"),
    "a drainer's clock is minutes off": _drained(Backlog(3, 0.0), 0.5, skew=240.0),
    # By then the drainer might have taken up its work again, in that very slot.
    "a slot's DELETE takes effect late": _drained(
        Backlog(5, 28.0), 4.1, faults={"direct-0#1 delete ledger/drain-0 2": Fault(LATE, long=1.0)}
    ),
    "many claims are read back at once": _drained(
        Backlog(8, 0.0),
        0.5,
        faults={
            _READ_BACK.format("0b9df6f0/25cc25ef"): Fault(OK, after=4.07),
            _READ_BACK.format("17a04d3c/f00aabf3"): Fault(OK, after=3.11),
            _READ_BACK.format("5a1b7475/3d194873"): Fault(OK, after=2.08),
            _READ_BACK.format("75ad74f0/a449bdd1"): Fault(OK, after=1.06),
        },
    ),
}
