"""Fault injection: everything that can go wrong with one request of one invocation."""

from __future__ import annotations

from typing import NamedTuple

OK = "ok"

# At any request.
CRASH_BEFORE = "crash before the effect"  # the instance is killed
CRASH_AFTER = "crash after the effect"
PAUSE_BEFORE = "pause before the effect"  # the instance is suspended, and resumes later
PAUSE_AFTER = "pause after the effect"

# At the store.
FAIL = "503"  # without an effect
LOST = "reply lost"  # with its effect
LATE = "reply lost, effect later"
DENIED = "credentials expired"  # from this request to the end of the invocation
STALE_HEAD = "an older HEAD"  # the object as it was some time ago
STALE_LIST = "an older list"
FORBIDDEN = "403 for this object"
LAG = "not visible yet"  # a new claim of the caller's own
RACE = "both created"  # two concurrent creates of one key both get 200: the later one is stored

# At the face API.
THROTTLED = "throttled"
TROUBLE = "InternalError"
UNSENT = "never sent"
GATEWAY = "503 of the gateway"  # an answer that is none: it may be billed, as far as anybody knows
DROPPED = "sent, but never arrived"
UNANSWERED = "judged, reply lost"
SLOW = "judged after the caller gave up"
MALFORMED = "an answer outside the contract"
REFUSED = "the account may not call"
BAD_LINK = "the service cannot download"
CONTRADICTED = "another verdict than before"

# At the best frame's URL.
GONE = "frame gone"
BROKEN = "frame of other bytes"

CRASHES = (CRASH_BEFORE, CRASH_AFTER)
PAUSES = (PAUSE_BEFORE, PAUSE_AFTER)
AT_STORE = (FAIL, LOST, LATE, DENIED)
AT_FACE = (
    THROTTLED,
    TROUBLE,
    UNSENT,
    DROPPED,
    UNANSWERED,
    SLOW,
    MALFORMED,
    REFUSED,
    BAD_LINK,
    CONTRADICTED,
)
AT_FRAME = (FAIL, GONE, BROKEN)


class Request(NamedTuple):
    """One request; two runs that reach the same request give it the same name."""

    name: str
    verb: str
    key: str


class Fault(NamedTuple):
    """What happens to one request; of the kind OK, only its latency. Times are in seconds."""

    kind: str = OK
    before: float = 0.005  # from sending until the effect
    after: float = 0.005  # from the effect until the reply
    long: float = 0.0  # the length of the pause, the delay of the effect, or the age of the view


def possible(verb: str) -> tuple[str, ...]:
    """Return every kind of fault that a request of this verb can meet."""
    if verb == "detect":
        return (*CRASHES, *PAUSES, *AT_FACE)
    if verb == "fetch":
        return (*CRASHES, *PAUSES, *AT_FRAME)
    if verb == "head":
        return (*CRASHES, *PAUSES, FAIL, DENIED, STALE_HEAD)
    if verb == "list":
        return (*CRASHES, *PAUSES, FAIL, DENIED, STALE_LIST)
    if verb in ("get", "digest", "send", "upload_target"):
        return (*CRASHES, *PAUSES, FAIL, DENIED)
    if verb == "create":
        return (*CRASHES, *PAUSES, *AT_STORE, RACE)
    return (*CRASHES, *PAUSES, *AT_STORE)
