"""What can go wrong with one request of one invocation."""

from __future__ import annotations

from typing import NamedTuple

OK = "ok"

# At any request.
CRASH_BEFORE = "crash before the effect"  # the instance is killed
CRASH_AFTER = "crash after the effect"
PAUSE_BEFORE = "pause before the effect"  # the instance stands still, and comes back
PAUSE_AFTER = "pause after the effect"

# At the store.
FAIL = "503"  # no effect
LOST = "reply lost"  # the effect is there
LATE = "reply lost, effect later"
DENIED = "credentials expired"  # from here on to the end of the invocation
STALE_HEAD = "an older HEAD"  # as it was some time ago
STALE_LIST = "an older list"
RACE = "both created"  # two creates of one key at once both get 200: the later one stays

# At the face API.
THROTTLED = "throttled"
TROUBLE = "InternalError"
UNSENT = "never sent"
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
    """One request on its way; `name` is the same in every run that comes this way."""

    name: str
    verb: str
    key: str


class Fate(NamedTuple):
    """What happens to a request; all times in seconds."""

    kind: str = OK
    before: float = 0.005  # until it takes effect
    after: float = 0.005  # from then until the reply
    long: float = 0.0  # how long it pauses, how late its effect is, how old what it sees is


def possible(verb: str) -> tuple[str, ...]:
    """Everything that can go wrong with a request of that verb."""
    if verb == "detect":
        return (*CRASHES, *PAUSES, *AT_FACE)
    if verb == "fetch":
        return (*CRASHES, *PAUSES, *AT_FRAME)
    if verb == "head":
        return (*CRASHES, *PAUSES, FAIL, DENIED, STALE_HEAD)
    if verb == "list":
        return (*CRASHES, *PAUSES, FAIL, DENIED, STALE_LIST)
    if verb in ("get", "md5", "send", "upload_target"):
        return (*CRASHES, *PAUSES, FAIL, DENIED)
    if verb == "create":
        return (*CRASHES, *PAUSES, *AT_STORE, RACE)
    return (*CRASHES, *PAUSES, *AT_STORE)
