"""Changes of the function: code, settings, and the version with traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..account.function import LATEST, RetryConfig
from ..account.request import MAX_EVENT_AGE_SECONDS, RETRIES
from . import actions
from .change import Change
from .desired import Desired
from .found import Found, FoundFunction
from .manifest import FunctionSettings
from .stamp import Stamp, read_after, read_stamp

# A function has at most 20 (583/11637).
KEPT_VERSIONS = 10
_FAILED_PUBLISHING = ("PublishFailed", "CreateFailed", "UpdateFailed")


def function_changes(desired: Desired, found: Found) -> Iterator[Change]:
    """Create the function, or publish another version of it."""
    function, manifest = found.function, desired.manifest
    resource = f"function {manifest.name}"
    if function is None or function.latest.status == "CreateFailed":
        is_failed = function is not None
        yield Change(
            resource,
            "could not be created" if is_failed else "none",
            "created",
            f"{manifest.function.memory_mb} MB, {manifest.function.timeout_seconds} s, code "
            f"{desired.stamp.code[:8]}",
            actions.CreateFunction(manifest, desired.archive, is_failed),
        )
        yield _release(desired, None, None, "none")
        return
    serving = _number(function.alias.version)
    stamp = read_stamp(function.description_of(function.alias.version))
    wanted = _effective(manifest.function, function.latest.settings)
    if stamp == desired.stamp:
        yield from _traffic_drift(function)
        yield from _latest_drift(resource, wanted, function)
        return
    published = _published_before(desired, function, serving)
    if published is None:
        yield _code_change(resource, desired, wanted, stamp, function)
        present = function.serving.settings
        for name, before, after in _rows_that_differ(
            _effective(manifest.function, present), present
        ):
            yield Change(f"{resource} {name}", before, after, "", None)
    outdated = _outdated(function) if published is None else ()
    yield _release(desired, serving, published, function.alias.version, outdated)


def _code_change(
    resource: str,
    desired: Desired,
    wanted: FunctionSettings,
    serving: Stamp | None,
    function: FoundFunction,
) -> Change:
    """Always upload the code, so that it is certain which code is published."""
    is_same = serving is not None and serving.code == desired.stamp.code
    return Change(
        f"{resource} code",
        "unknown" if serving is None else serving.code[:8],
        "the same" if is_same else desired.stamp.code[:8],
        f"{len(desired.archive) / 1e6:.1f} MB are uploaded",
        actions.UpdateFunction(
            wanted,
            desired.archive,
            has_other_settings=wanted != function.latest.settings,
            is_active=function.latest.status == "Active",
        ),
    )


def _release(
    desired: Desired,
    serving: int | None,
    published: int | None,
    before: str,
    outdated: Sequence[int] = (),
) -> Change:
    return Change(
        "traffic",
        "none" if before == "none" else f"version {before}",
        "a new version" if published is None else f"version {published}, published before",
        "only once it has checked itself; `liveness rollback` goes back at once",
        actions.Release(desired.stamp, serving, published, outdated),
        risk=""
        if published is None
        else "that version was rolled back, did not pass its check, or its deployment was "
        "interrupted",
    )


def _published_before(desired: Desired, function: FoundFunction, serving: int | None) -> int | None:
    """Return the wanted version, if it was published after the one with traffic."""
    numbers = [
        version.number
        for version in function.versions
        if read_stamp(version.description) == desired.stamp
        and version.number > (serving or 0)
        and version.status not in _FAILED_PUBLISHING
    ]
    return max(numbers, default=None)


def _outdated(function: FoundFunction) -> Sequence[int]:
    """Return the versions published by us that are too old to go back to."""
    kept = {function.alias.version, *function.alias.others}
    before = read_after(function.description_of(function.alias.version))
    ours = [each.number for each in function.versions if read_stamp(each.description)]
    return [
        number for number in ours[:-KEPT_VERSIONS] if str(number) not in kept and number != before
    ]


def _traffic_drift(function: FoundFunction) -> Iterator[Change]:
    version = function.alias.version
    for other, weight in function.alias.others.items():
        yield Change(
            "traffic",
            f"version {version}, and {weight:.0%} version {other}",
            f"version {version}",
            "some of the traffic was sent to another version by hand",
            actions.MoveTraffic(version),
            is_drift=True,
        )


def _latest_drift(
    resource: str, wanted: FunctionSettings, function: FoundFunction
) -> Iterator[Change]:
    for row in _rows_that_differ(wanted, function.latest.settings):
        yield Change(
            f"{resource} {LATEST} {row[0]}",
            row[1],
            row[2],
            "changed by hand, without effect: traffic goes to a published version; change "
            "serverless.yml, and deploy",
            actions.UpdateLatest(wanted),
            is_drift=True,
        )


def _rows_that_differ(
    wanted: FunctionSettings, present: FunctionSettings
) -> Iterator[tuple[str, str, str]]:
    after, before = wanted.rows(), present.rows()
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) != after.get(name):
            yield name, before.get(name) or "none", after.get(name) or "none"


def _effective(wanted: FunctionSettings, present: FunctionSettings) -> FunctionSettings:
    """Fill in the settings that serverless.yml leaves open from the account."""
    return wanted._replace(
        **{
            name: getattr(wanted, name) if any(getattr(wanted, name)) else getattr(present, name)
            for name in ("dead_letters", "network")
        }
    )


def _number(version: str) -> int | None:
    return int(version) if version.isdecimal() else None


def retry_changes(function: FoundFunction | None) -> Iterator[Change]:
    """Restore the retry settings; a new function already has them (583/39851)."""
    if function is None or function.retry_config == (RETRIES, MAX_EVENT_AGE_SECONDS):
        return
    before = function.retry_config
    yield Change(
        "events",
        f"{before.retries} retries, {before.max_event_age_seconds} s",
        f"{RETRIES} retries, {MAX_EVENT_AGE_SECONDS} s",
        "retries of a failed event, and how long it may wait; set by hand or with `liveness "
        "configure`",
        actions.SetRetries(RetryConfig(RETRIES, MAX_EVENT_AGE_SECONDS)),
        is_drift=True,
    )
