"""A fault as a value: which requests it hits, how often, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ..hooks import Phase
from ..requestlog import RequestRecord

SERVICES = ("cos", "faceid")
PHASES = ("before", "after")
KINDS = ("delay", "status", "code", "drop", "reset", "stale_list", "head_lag", "racing_puts")
STALE_KINDS = ("stale_list", "head_lag", "racing_puts")


class InvalidFault(ValueError):
    """It makes no sense; the text says where and what would."""


@dataclass(frozen=True)
class Match:
    """Every field that is given has to fit; bucket, key, action and user_agent are patterns with
    `*`, `?` and `[...]`. The sandbox's own calls are never hit."""

    service: str | None = None
    method: str | None = None
    bucket: str = "*"
    key: str = "*"
    """The object's key, decoded. Requests on a bucket as a whole have the empty key."""
    action: str = "*"
    """Of the face API."""
    user_agent: str = "*"
    """`faceid-resource-fetcher` is the face API when it fetches what it was given."""
    times: int | None = None
    """The first so many of these requests only."""
    probability: float = 1.0
    seed: int = 0
    """What the dice are thrown with: the same requests in the same order meet the same luck."""

    def __post_init__(self) -> None:
        if self.service not in (None, *SERVICES):
            raise InvalidFault(
                f"match.service is one of {', '.join(SERVICES)}, not {self.service!r}"
            )
        if self.times is not None and self.times < 1:
            raise InvalidFault(f"match.times is 1 or more, not {self.times}")
        if not 0 < self.probability <= 1:
            raise InvalidFault(
                f"match.probability is over 0 and at most 1, not {self.probability:g}"
            )

    def matches(self, request: RequestRecord) -> bool:
        return (
            request.service in ((self.service,) if self.service else SERVICES)
            and self.method in (None, request.method)
            and self.matches_object(request.bucket, request.key)
            and fnmatchcase(request.action, self.action)
            and fnmatchcase(request.user_agent, self.user_agent)
        )

    def matches_object(self, bucket: str, key: str) -> bool:
        return fnmatchcase(bucket, self.bucket) and fnmatchcase(key, self.key)


@dataclass(frozen=True)
class FaultAction:
    """Exactly one of these; only `status` and `code` go together."""

    delay: float | None = None
    """Seconds of real time, for the client waits in real time."""
    status: int | None = None
    """Answer with this HTTP status instead."""
    code: str | None = None
    """The error's code in that answer. Alone: an error of the face API, which has status 200."""
    drop: Phase | None = None
    """Close the connection without a reply: nothing has happened (before), or it has (after)."""
    reset: Phase | None = None
    """The same with a RST."""
    stale_list: float | None = None
    """Lists show objects as they were so many seconds of the sandbox's clock ago [436/30614]."""
    head_lag: float | None = None
    """HEAD sees the object as it was then."""
    racing_puts: float | None = None
    """Create-only requests this close together all succeed, and the last one's object stays."""
    when: Phase = "before"
    """`after`: the request has its effect, and only then comes the delay or the error."""

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1 and given != ["status", "code"]:
            told = " and ".join(given) or "nothing"
            raise InvalidFault(f"do takes one of {', '.join(KINDS)}, not {told}")
        for kind in ("delay", *STALE_KINDS):
            seconds = getattr(self, kind)
            if seconds is not None and seconds <= 0:
                raise InvalidFault(f"do.{kind} is a number of seconds over 0, not {seconds:g}")
        for kind in ("drop", "reset", "when"):
            if getattr(self, kind) not in (None, *PHASES):
                raise InvalidFault(f'do.{kind} is "before" or "after", not {getattr(self, kind)!r}')
        if self.status is not None and not 400 <= self.status <= 599:
            raise InvalidFault(f"do.status is from 400 to 599, not {self.status}")
        if self.when != "before" and given[0] not in ("delay", "status", "code"):
            raise InvalidFault(f"do.when does not go with do.{given[0]}")

    @property
    def phase(self) -> Phase:
        return self.drop or self.reset or self.when

    @property
    def stale_kind(self) -> str | None:
        """The kind, if this is one that makes COS show its past."""
        return next((kind for kind in STALE_KINDS if getattr(self, kind) is not None), None)


@dataclass(frozen=True)
class Fault:
    action: FaultAction
    match: Match = field(default_factory=Match)

    def __post_init__(self) -> None:
        do, match = self.action, self.match
        if do.status is not None and do.status < 500 and do.code is None:
            raise InvalidFault(f"do.status {do.status} needs do.code: the error's name")
        if do.status is None and do.code is not None and match.service != "faceid":
            raise InvalidFault(
                'do.code alone needs match.service "faceid": COS errors have a status'
            )
        narrowed = match.method or (match.action, match.user_agent) != ("*", "*")
        if do.stale_kind and (match.service == "faceid" or narrowed):
            raise InvalidFault(
                f"do.{do.stale_kind} hits requests of COS by itself: "
                "match takes bucket, key, times, probability and seed"
            )
