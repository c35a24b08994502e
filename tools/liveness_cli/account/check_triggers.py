"""Check that uploads and timers trigger the function, and that nothing else does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liveness.keys import (
    best_frame_key,
    claim_name,
    content_prefix,
    drain_slot_key,
    frame_url_key,
    marker_key,
    package_key,
    reconcile_state_key,
    response_name,
    result_key,
    submission_key,
)
from liveness.settings import Settings
from liveness_package.triggers import UPLOAD_EVENTS, find_overlaps

from .facts import Facts, Unavailable
from .findings import Finding, failed, passed, skipped
from .function import Trigger

_DEPLOY = "correct the trigger in serverless.yml, and deploy"
# `liveness deploy` has triggers call $DEFAULT, which it moves from version to version; the vendor's
# tool has them call $LATEST.
_QUALIFIERS = ("$LATEST", "$DEFAULT")
# Drainers hand over at every full minute.
_EVERY_MINUTE = "0 * * * * * *"
_SOME_MD5 = "0" * 32
_SOME_PAIR = "some-pair"


def check_triggers(facts: Facts) -> Iterator[Finding]:
    triggers = facts.triggers
    if isinstance(triggers, Unavailable):
        for name in ("uploads", "own writes", "drain", "reconcile"):
            yield skipped(name, triggers)
        return
    cos = [trigger for trigger in triggers if trigger.kind == "cos"]
    yield _uploads(facts.settings, cos)
    yield _own_writes(facts.settings, cos)
    yield _timer("drain", triggers)
    yield _timer("reconcile", triggers)


def _uploads(settings: Settings, triggers: Sequence[Trigger]) -> Finding:
    """Check that every input, however it is uploaded, triggers the function once."""
    of_bucket = [trigger for trigger in triggers if trigger.bucket == settings.bucket]
    if not of_bucket:
        return failed("uploads", f"no COS trigger on {settings.bucket}", _DEPLOY)
    if problem := _problem(settings, of_bucket):
        return failed("uploads", problem, _DEPLOY)
    enabled = [trigger for trigger in of_bucket if trigger.is_enabled]
    for suffix in (*settings.live_suffixes, *settings.image_suffixes):
        key = f"{settings.input_prefix}{_SOME_PAIR}{suffix}"
        for event in UPLOAD_EVENTS:
            if not any(_fires(trigger, settings.bucket, key, event) for trigger in enabled):
                return failed(
                    "uploads", f"{event} of a key like {key!a} does not trigger it", _DEPLOY
                )
    for one, other in find_overlaps([trigger.filter for trigger in enabled]):
        return failed(
            "uploads",
            f"two triggers overlap: prefixes {one.prefix!a} and {other.prefix!a}, suffixes "
            f"{one.suffix!a} and {other.suffix!a}",
            _DEPLOY,
        )
    return passed("uploads", f"every upload under {settings.input_prefix} triggers the function")


def _problem(settings: Settings, triggers: Sequence[Trigger]) -> str | None:
    """Return what is wrong with a single trigger."""
    for trigger in triggers:
        if not trigger.is_enabled:
            return f"the trigger for prefix {trigger.prefix!a} is disabled"
        if trigger.qualifier not in _QUALIFIERS:
            return (
                f"the trigger for prefix {trigger.prefix!a} runs version {trigger.qualifier}, not "
                "what was deployed last"
            )
        if not trigger.prefix.startswith(settings.input_prefix):
            return (
                f"a trigger's prefix is {trigger.prefix!a}, not the input prefix "
                f"{settings.input_prefix!a}: it fires for objects that are not inputs"
            )
    return None


def _own_writes(settings: Settings, triggers: Sequence[Trigger]) -> Finding:
    """Check that no object that the function writes triggers it: that would be an endless loop."""
    for bucket, key in _written_keys(settings):
        for trigger in triggers:
            if any(_fires(trigger, bucket, key, event) for event in UPLOAD_EVENTS):
                return failed(
                    "own writes",
                    f"the function writes {key!a}, which matches the trigger for prefix "
                    f"{trigger.prefix!a} of {bucket}: it would trigger itself forever",
                    _DEPLOY,
                )
    return passed("own writes", "no trigger covers the prefixes of results, best frames and ledger")


def _written_keys(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield one key of each kind."""
    yield settings.result_bucket, result_key(settings, _SOME_PAIR)
    yield settings.result_bucket, best_frame_key(settings, _SOME_PAIR, _SOME_MD5)
    work = content_prefix(settings, _SOME_PAIR, "0" * 64)
    for key in (
        work + claim_name(1),
        work + response_name(0),
        marker_key(settings, _SOME_PAIR, 0, _SOME_MD5),
        drain_slot_key(settings, 0),
        submission_key(settings, _SOME_PAIR, 1),
        package_key(settings, _SOME_MD5, 1),
        frame_url_key(settings, _SOME_PAIR, "0" * 64, 1),
        reconcile_state_key(settings),
    ):
        yield settings.ledger_bucket, key


def _timer(message: str, triggers: Sequence[Trigger]) -> Finding:
    timers = [each for each in triggers if each.kind == "timer" and each.message == message]
    if not timers:
        return failed(message, f"no timer has the argument {message!a}", _DEPLOY)
    working = [timer for timer in timers if timer.is_enabled and timer.qualifier in _QUALIFIERS]
    if not working:
        return failed(message, "its timer is disabled, or runs an old version", _DEPLOY)
    cron = working[0].cron
    if message == "drain" and cron != _EVERY_MINUTE:
        return failed(
            message, f"its timer is {cron!a}, not at every full minute ({_EVERY_MINUTE})", _DEPLOY
        )
    return passed(message, f"its timer is enabled: {cron}")


def _fires(trigger: Trigger, bucket: str, key: str, event: str) -> bool:
    return trigger.bucket == bucket and trigger.filter.matches(event, key)
