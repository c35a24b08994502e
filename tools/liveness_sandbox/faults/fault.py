"""A fault as a value: which requests it hits, how often, and what it does to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ..hooks import Phase
from ..requestlog import RequestRecord

APIS = ("cam", "cls", "faceid", "scf", "sts")
SERVICES = ("cos", *APIS)
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS")
PHASES = ("before", "after")
KINDS = ("delay", "status", "code", "drop", "reset", "stale_list", "head_lag", "racing_puts")
STALE_KINDS = ("stale_list", "head_lag", "racing_puts")


class InvalidFault(ValueError):
    """The fault makes no sense; the message states where, and what is allowed."""


@dataclass(frozen=True)
class Match:
    """The requests that a fault hits: those that match all the fields.

    bucket, key, action and user_agent are patterns with `*`, `?` and `[...]`. Requests to the
    sandbox's own API never match.
    """

    service: str | None = None
    method: str | None = None
    bucket: str = "*"
    key: str = "*"
    """The decoded object key, which is empty for requests on a whole bucket."""
    action: str = "*"
    """The action of a request to an API, such as CreateFunction."""
    user_agent: str = "*"
    """The face API downloads its inputs as `faceid-resource-fetcher`."""
    times: int | None = None
    """Hit only this number of matching requests, the first ones."""
    probability: float = 1.0
    seed: int = 0
    """Seeds the random numbers: the same requests in the same order get the same outcomes."""

    def __post_init__(self) -> None:
        if self.service not in (None, *SERVICES):
            raise InvalidFault(
                f"match.service must be one of {', '.join(SERVICES)}, not {self.service!r}"
            )
        if self.method not in (None, *METHODS):
            raise InvalidFault(
                f"match.method must be one of {', '.join(METHODS)}, not {self.method!r}"
            )
        if self.times is not None and self.times < 1:
            raise InvalidFault(f"match.times must be 1 or more, not {self.times}")
        if not 0 < self.probability <= 1:
            raise InvalidFault(
                f"match.probability must be over 0 and at most 1, not {self.probability:g}"
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
    """What a fault does: exactly one of these, except that `status` and `code` may be combined."""

    delay: float | None = None
    """Seconds of real time, because the client waits in real time."""
    status: int | None = None
    """Reply with this HTTP status instead."""
    code: str | None = None
    """The error code of that reply. Without `status`: an error of an API, with status 200."""
    drop: Phase | None = None
    """Close the connection without a reply, before or after the request takes effect."""
    reset: Phase | None = None
    """Like `drop`, but with a RST."""
    stale_list: float | None = None
    """Listings show the objects as they were this long ago, by the sandbox's clock [436/30614]."""
    head_lag: float | None = None
    """HEAD sees the object as it was this many seconds ago."""
    racing_puts: float | None = None
    """Create-only requests within this many seconds all succeed; the last one's object remains."""
    when: Phase = "before"
    """`after`: the delay or the error comes only after the request has taken effect."""

    def __post_init__(self) -> None:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1 and kinds != ["status", "code"]:
            names = " and ".join(kinds) or "nothing"
            raise InvalidFault(f"do takes one of {', '.join(KINDS)}, not {names}")
        for kind in ("delay", *STALE_KINDS):
            seconds = getattr(self, kind)
            if seconds is not None and seconds <= 0:
                raise InvalidFault(f"do.{kind} must be a number of seconds over 0, not {seconds:g}")
        for kind in ("drop", "reset", "when"):
            phase = getattr(self, kind)
            if phase not in (None, *PHASES):
                raise InvalidFault(f'do.{kind} must be "before" or "after", not {phase!r}')
        if self.status is not None and not 400 <= self.status <= 599:
            raise InvalidFault(f"do.status must be from 400 to 599, not {self.status}")
        if self.when != "before" and kinds[0] not in ("delay", "status", "code"):
            raise InvalidFault(f"do.when cannot be combined with do.{kinds[0]}")

    @property
    def phase(self) -> Phase:
        return self.drop or self.reset or self.when

    @property
    def stale_kind(self) -> str | None:
        """The kind, if it is one of those that make COS show an earlier state."""
        return next((kind for kind in STALE_KINDS if getattr(self, kind) is not None), None)


@dataclass(frozen=True)
class Fault:
    action: FaultAction
    match: Match = field(default_factory=Match)

    def __post_init__(self) -> None:
        action, match = self.action, self.match
        if action.status is not None and action.status < 500 and action.code is None:
            raise InvalidFault(f"do.status {action.status} needs do.code, the error code")
        if action.status is None and action.code is not None and match.service not in APIS:
            raise InvalidFault(
                f"do.code without do.status needs match.service, one of {', '.join(APIS)}: "
                "COS errors have a status"
            )
        has_other_fields = match.method or (match.action, match.user_agent) != ("*", "*")
        if action.stale_kind and (match.service in APIS or has_other_fields):
            raise InvalidFault(
                f"do.{action.stale_kind} selects the requests to COS by itself: "
                "match may have only bucket, key, times, probability and seed"
            )
