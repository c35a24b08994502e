"""Schedules worth keeping: each broke an invariant once, or breaks one as soon as a safety is gone
that no few thousand seeds miss. Decisions are named as every run names them."""

from __future__ import annotations

from collections.abc import Mapping

from .decisions import Profile
from .fate import CRASH_AFTER, GONE, LATE, OK, PAUSE_BEFORE, Fate
from .plan import INVOKE, UPLOAD, Action, Plan
from .shrink import Script

_LIVE = Action(0.0, UPLOAD, "anna/live.bin", b"pass anna 1")
_IMAGE = Action(1.0, UPLOAD, "anna/reference.jpg", b"anna 1")
_CHANGED = Action(0.0, UPLOAD, "anna/live.bin", b"unlike anna 2", on="put result")
_RESULT = "put results/anna/result.json 1"
_RESPONSE = "create ledger/claims/55579b55/0612be0a/response 1"


def _script(*actions: Action, fates: Mapping[str, Fate], attempts: int = 3) -> Script:
    """Nothing goes wrong but what is named."""
    settings = {"LIVENESS_MAX_ATTEMPTS": str(attempts)}
    return Script(Plan(0, actions, Profile({}, 0.0, 300.0), settings, 900.0), tuple(fates.items()))


SCHEDULES: Mapping[str, Script] = {
    "a result lands late over a newer one": _script(
        _LIVE,
        _IMAGE,
        _CHANGED,
        fates={f"event-1#1 {_RESULT}": Fate(LATE, long=45.0)},
    ),
    # Two publish one response: who cannot have the frame, and who copies it and dies.
    "a frame lies there that no result names": _script(
        _LIVE,
        _IMAGE,
        Action(0.006, INVOKE, "anna/", event={"pairs": ["anna"]}, on="response"),
        fates={
            "direct-2#1 fetch frame 1": Fate(GONE),
            "event-1#1 put results/anna/best-frame.jpg 1": Fate(CRASH_AFTER, before=2.0),
        },
    ),
    # The only attempt's owner sleeps on its answer, and wakes while another is giving up.
    "a paid answer comes between the last read and giving up": _script(
        _LIVE,
        _IMAGE,
        Action(90.0, INVOKE, "anna/", event={"pairs": ["anna"]}),
        fates={
            f"event-1#1 {_RESPONSE}": Fate(PAUSE_BEFORE, long=91.0),
            f"direct-2#1 {_RESPONSE}": Fate(OK, before=6.0),
        },
        attempts=1,
    ),
}
