"""Whether the right things wake the function, and nothing else does. No I/O here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import combinations

from liveness.keys import best_frame_key, marker_key, result_key, work_prefix
from liveness.settings import Settings

from .facts import Facts, Unread
from .findings import Finding, not_checkable, ok, wrong
from .function import Trigger

_DEPLOY = "mend the trigger in serverless.yml, and deploy"
# How an object comes to be; appending is no way for an input.
_EVENTS = tuple(
    f"cos:ObjectCreated:{kind}" for kind in ("Put", "Post", "Copy", "CompleteMultipartUpload")
)
# What serverless.yml deploys is $LATEST; $DEFAULT means it until somebody says otherwise.
_QUALIFIERS = ("$LATEST", "$DEFAULT")
# Drainers hand over at each full minute.
_EACH_MINUTE = "0 * * * * * *"
_SOME_MD5 = "0" * 32
_SOME_PAIR = "some-pair"


def check_triggers(facts: Facts) -> Iterator[Finding]:
    triggers = facts.triggers
    if isinstance(triggers, Unread):
        for name in ("uploads", "own writes", "drain", "reconcile"):
            yield not_checkable(name, triggers)
        return
    cos = [trigger for trigger in triggers if trigger.kind == "cos"]
    yield _uploads(facts.settings, cos)
    yield _own_writes(facts.settings, cos)
    yield _timer("drain", triggers)
    yield _timer("reconcile", triggers)


def _uploads(settings: Settings, triggers: Sequence[Trigger]) -> Finding:
    """Each input, however it is uploaded, wakes the function once."""
    own = [trigger for trigger in triggers if trigger.bucket == settings.bucket]
    if not own:
        return wrong("uploads", f"no COS trigger on {settings.bucket}", _DEPLOY)
    if problem := _unfit(settings, own):
        return wrong("uploads", problem, _DEPLOY)
    awake = [trigger for trigger in own if trigger.is_open]
    for suffix in (*settings.live_suffixes, *settings.image_suffixes):
        key = f"{settings.input_prefix}{_SOME_PAIR}{suffix}"
        for event in _EVENTS:
            if not any(_wakes(trigger, settings.bucket, key, event) for trigger in awake):
                return wrong("uploads", f"{event} of a key like {key!a} wakes nobody", _DEPLOY)
    if pair := _overlapping(awake):
        return wrong(
            "uploads",
            f"two triggers overlap: prefixes {pair[0].prefix!a} and {pair[1].prefix!a}, suffixes "
            f"{pair[0].suffix!a} and {pair[1].suffix!a}",
            _DEPLOY,
        )
    return ok("uploads", f"every upload under {settings.input_prefix} wakes the function")


def _unfit(settings: Settings, triggers: Sequence[Trigger]) -> str | None:
    """What is wrong with a trigger by itself."""
    for trigger in triggers:
        if not trigger.is_open:
            return f"the trigger for prefix {trigger.prefix!a} is closed"
        if trigger.qualifier not in _QUALIFIERS:
            return (
                f"the trigger for prefix {trigger.prefix!a} wakes version {trigger.qualifier}, not "
                "what was deployed last"
            )
        if not trigger.prefix.startswith(settings.input_prefix):
            return (
                f"a trigger's prefix is {trigger.prefix!a}, not the input prefix "
                f"{settings.input_prefix!a}: it wakes the function for what is no input"
            )
    return None


def _own_writes(settings: Settings, triggers: Sequence[Trigger]) -> Finding:
    """Nothing that the function writes may wake it: that would go on for ever."""
    for bucket, key in _written(settings):
        for trigger in triggers:
            if any(_wakes(trigger, bucket, key, event) for event in _EVENTS):
                return wrong(
                    "own writes",
                    f"what it writes to {key!a} matches the trigger for prefix {trigger.prefix!a} "
                    f"of {bucket}: it would wake itself for ever",
                    _DEPLOY,
                )
    return ok("own writes", "no trigger is for the prefixes of results and ledger")


def _written(settings: Settings) -> Iterator[tuple[str, str]]:
    """One key of each kind."""
    yield settings.result_bucket, result_key(settings, _SOME_PAIR)
    yield settings.result_bucket, best_frame_key(settings, _SOME_PAIR, _SOME_MD5)
    work = work_prefix(settings, _SOME_PAIR, "0" * 64)
    for key in (
        f"{work}1.claim",
        f"{work}response",
        marker_key(settings, _SOME_PAIR, 0, _SOME_MD5),
        f"{settings.ledger_prefix}drain/1",
        f"{settings.ledger_prefix}reconcile.json",
    ):
        yield settings.ledger_bucket, key


def _timer(message: str, triggers: Sequence[Trigger]) -> Finding:
    timers = [each for each in triggers if each.kind == "timer" and each.message == message]
    if not timers:
        return wrong(message, f"no timer has the argument {message!a}", _DEPLOY)
    awake = [timer for timer in timers if timer.is_open and timer.qualifier in _QUALIFIERS]
    if not awake:
        return wrong(message, "its timer is closed, or wakes an old version", _DEPLOY)
    cron = awake[0].cron
    if message == "drain" and cron != _EACH_MINUTE:
        return wrong(
            message, f"its timer is {cron!a}, not at each full minute ({_EACH_MINUTE})", _DEPLOY
        )
    return ok(message, f"its timer is open: {cron}")


def _wakes(trigger: Trigger, bucket: str, key: str, event: str) -> bool:
    return (
        trigger.bucket == bucket
        and fnmatchcase(event, trigger.event)
        and key.startswith(trigger.prefix)
        and key.endswith(trigger.suffix)
    )


def _overlapping(triggers: Sequence[Trigger]) -> tuple[Trigger, Trigger] | None:
    """Two by which one upload wakes the function twice."""
    for one, other in combinations(triggers, 2):
        same_events = any(
            fnmatchcase(event, one.event) and fnmatchcase(event, other.event) for event in _EVENTS
        )
        if (
            same_events
            and _either(one.prefix, other.prefix, str.startswith)
            and _either(one.suffix, other.suffix, str.endswith)
        ):
            return one, other
    return None


def _either(one: str, other: str, holds: Callable[[str, str], bool]) -> bool:
    return holds(one, other) or holds(other, one)
