"""Conditions that last: what is wrong from one moment to another, for every request it concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import faults
from .faults import OK, Fault, Request

GATEWAY_503 = "the API's gateway answers 503"
HANGING = "the API does not answer"
SLOW_ANSWERS = "the API answers after 26 to 60 s"
NO_HANDSHAKE = "the API refuses connections"
SLOW_CONNECTING = "connecting to the API takes a minute"
SHARED = "another user takes most of the API's rate"
ARREARS = "the API refuses the account"
NO_CREDENTIALS = "COS refuses the credentials"
COS_5XX = "COS answers 5xx"
UNREADABLE = "one input cannot be read"
NEVER_JUDGED = "the API cannot judge one content"
NEVER_FETCHED = "the API cannot fetch one content"
LAGGING = "a GET does not see a new claim at first"

OF_THE_API = (
    GATEWAY_503,
    HANGING,
    SLOW_ANSWERS,
    NO_HANDSHAKE,
    SLOW_CONNECTING,
    SHARED,
    ARREARS,
)
OF_THE_STORE = (NO_CREDENTIALS, COS_5XX, LAGGING)
OF_A_PAIR = (UNREADABLE, NEVER_JUDGED, NEVER_FETCHED)

_AT_DETECT = {
    GATEWAY_503: faults.GATEWAY,
    HANGING: faults.DROPPED,
    NO_HANDSHAKE: faults.UNSENT,
    SLOW_CONNECTING: faults.UNSENT,
    SHARED: faults.THROTTLED,
    ARREARS: faults.REFUSED,
    NEVER_JUDGED: faults.TROUBLE,
    NEVER_FETCHED: faults.BAD_LINK,
}
_FACE_VERBS = ("detect", "upload_target", "fetch")
# How much later a new claim is seen: no longer than the function looks for it.
_LAG_SECONDS = 0.3


class Condition(NamedTuple):
    """One condition; times are in seconds since the run began."""

    kind: str
    begins: float
    ends: float
    pair: str = ""  # the only one that it concerns; empty: all
    share: float = 1.0  # of the requests that it concerns

    def fault(self, request: Request, at: float, draw: Callable[[str], float]) -> Fault | None:
        """Return what happens to a request that is made then; None if this does not concern it."""
        if not self.begins <= at < self.ends:
            return None
        if self.share < 1 and draw(f"{request.name} {self.kind}") >= self.share:
            return None
        if request.verb == "detect":
            return self._at_detect(request, draw)
        if request.verb in _FACE_VERBS:
            return None
        return self._at_store(request)

    def _at_detect(self, request: Request, draw: Callable[[str], float]) -> Fault | None:
        if self.pair and request.key != self.pair:
            return None
        if self.kind == SLOW_ANSWERS:
            return Fault(OK, before=26 + 34 * draw(request.name + "slow"))
        kind = _AT_DETECT.get(self.kind)
        if kind is None:
            return None
        return Fault(kind, before=60.0 if self.kind == SLOW_CONNECTING else 0.005)

    def _at_store(self, request: Request) -> Fault | None:
        if self.kind == NO_CREDENTIALS:
            return Fault(faults.DENIED)
        if self.kind == COS_5XX:
            return Fault(faults.FAIL)
        if self.kind == UNREADABLE and request.key == unreadable_key(self.pair):
            return Fault(faults.FORBIDDEN)
        if self.kind == LAGGING and request.verb == "get" and request.key.endswith(".claim"):
            return Fault(faults.LAG, long=_LAG_SECONDS)
        return None


def unreadable_key(pair_id: str) -> str:
    """Return the key of the input that cannot be read."""
    return f"liveness/incoming/{pair_id}/live.bin"
