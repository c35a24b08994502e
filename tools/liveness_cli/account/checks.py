"""Doctor's checks: turn facts into findings. Pure, as are the modules with the other checks."""

from __future__ import annotations

from collections.abc import Iterator

from liveness.errors import SettingsError
from liveness.invocation import MIN_TIMEOUT_SECONDS
from liveness.settings import CORRECT_BUCKET

from ..text import format_duration
from .check_cpu import check_cpu
from .check_lifecycle import check_lifecycle
from .check_role import check_policy, check_trust
from .check_triggers import check_triggers
from .facts import Facts, Unavailable
from .findings import Finding, failed, passed, skipped
from .function import LATEST
from .request import MAX_EVENT_AGE_SECONDS, RETRIES
from .same_settings import different_settings

_DEPLOY = "deploy it: liveness deploy"
# COS refuses a signature that begins in the future, and the SDK's begin a minute ago.
_MAX_CLOCK_SECONDS = 60


def check(facts: Facts) -> list[Finding]:
    """Run all checks, in the order in which problems are best fixed."""
    return [
        _clock(facts),
        *_buckets(facts),
        _private(facts),
        _versioning(facts),
        _function(facts),
        _traffic(facts),
        _settings(facts),
        check_cpu(facts),
        *check_triggers(facts),
        check_trust(facts),
        check_policy(facts),
        _quota(facts),
        _retries(facts),
        *check_lifecycle(facts),
        _link(facts),
    ]


def _clock(facts: Facts) -> Finding:
    ahead = facts.clock_ahead_seconds
    if isinstance(ahead, Unavailable):
        return skipped("clock", ahead)
    if abs(ahead) > _MAX_CLOCK_SECONDS:
        direction = "ahead of" if ahead > 0 else "behind"
        return failed(
            "clock",
            f"this machine's clock is {format_duration(abs(ahead))} {direction} COS's, which "
            "therefore refuses its signatures",
            "set this machine's clock",
        )
    return passed("clock", "this machine's clock agrees with COS's")


def _buckets(facts: Facts) -> Iterator[Finding]:
    region = facts.settings.region
    for bucket, exists in facts.buckets.items():
        if isinstance(exists, Unavailable):
            yield skipped("region", exists)
        elif exists:
            yield passed("region", f"{bucket} is in {region}")
        else:
            yield failed(
                "region",
                facts.settings.missing_bucket(bucket),
                CORRECT_BUCKET,
            )


def _private(facts: Facts) -> Finding:
    for bucket, is_public in facts.are_public.items():
        if isinstance(is_public, Unavailable):
            return skipped("private", is_public)
        if is_public:
            return failed(
                "private",
                f"anybody may list {bucket}, without a key, and read what inherits that: faces",
                "make it private in the COS console (Permission Management), by ACL and policy",
            )
    return passed("private", f"nobody lists {' or '.join(facts.are_public)} without a key")


def _versioning(facts: Facts) -> Finding:
    bucket = facts.settings.ledger_bucket
    status = facts.versioning[bucket]
    if isinstance(status, Unavailable):
        return skipped("versioning", status)
    if status is not None:
        return failed(
            "versioning",
            f"{status} on {bucket}: create-only is ignored there, so a pair can be paid "
            "for twice; this cannot be undone",
            "keep the ledger in a bucket on which versioning was never enabled: "
            "LIVENESS_LEDGER_BUCKET",
        )
    kept = [name for name, other in facts.versioning.items() if isinstance(other, str)]
    message = f"never enabled on {bucket}, which contains the ledger"
    if kept:
        message += f"; `liveness erase` leaves older versions on {' and '.join(kept)}"
    return passed("versioning", message)


def _function(facts: Facts) -> Finding:
    deployed, name = facts.deployed, facts.function_name
    if isinstance(deployed, Unavailable):
        return skipped("function", deployed)
    if deployed is None:
        return failed(
            "function", f"there is no function {name} in {facts.settings.region}", _DEPLOY
        )
    if deployed.status != "Active":
        return failed(
            "function",
            f"its status is {deployed.status}",
            "see the console for the cause, and deploy again",
        )
    if deployed.timeout_seconds < MIN_TIMEOUT_SECONDS:
        return failed(
            "function",
            f"its timeout is {deployed.timeout_seconds} s, which would cut off paid calls",
            f"set timeout in serverless.yml, at least {MIN_TIMEOUT_SECONDS:.0f}",
        )
    if deployed.is_async:
        return failed(
            "function",
            "asyncRunEnable is on, which turns retries and dead letters off",
            "remove asyncRunEnable from serverless.yml, and create the function again",
        )
    return passed(
        "function",
        f"{name} is active, {deployed.memory_mb} MB, timeout {deployed.timeout_seconds} s",
    )


def _traffic(facts: Facts) -> Finding:
    """Say which version the triggers call: the checks are about that one."""
    called = facts.called
    if isinstance(called, Unavailable):
        return skipped("traffic", called)
    if called is None:
        return skipped("traffic", "the function does not exist")
    looked_at = f"the checks are about {_version(called.version)}"
    if called.others:
        return failed(
            "traffic",
            f"a part of the traffic goes to {' and '.join(map(_version, called.others))}; "
            f"{looked_at} alone",
            "send it to one version: liveness deploy --mend",
        )
    if not called.qualifiers:
        return passed("traffic", f"no trigger calls it; {looked_at}")
    return passed("traffic", f"triggers call {' and '.join(called.qualifiers)}; {looked_at}")


def _version(version: str) -> str:
    return version if version == LATEST else f"version {version}"


def _settings(facts: Facts) -> Finding:
    deployed = facts.deployed
    if isinstance(deployed, Unavailable):
        return skipped("settings", deployed)
    if deployed is None:
        return skipped("settings", "the function does not exist")
    try:
        different = different_settings(deployed, facts.settings)
    except SettingsError as error:
        return failed("settings", "; ".join(error.problems), "correct serverless.yml, and deploy")
    if different:
        return failed(
            "settings",
            f"the function's settings differ from this command's in {', '.join(different)}",
            "make them the same: the checks below used this command's settings",
        )
    return passed(
        "settings", "the function's settings are valid; buckets and keys agree with this command's"
    )


def _quota(facts: Facts) -> Finding:
    reserved, deployed = facts.reserved_mb, facts.deployed
    fix = f"{facts.configure} --reserved-mb none, or --reserved-mb MB"
    if isinstance(reserved, Unavailable):
        return skipped("quota", reserved)
    if reserved is None:
        return passed("quota", "none reserved: the function shares the account's")
    if reserved == 0:
        return failed("quota", "0 MB reserved: the function is stopped", fix)
    if isinstance(deployed, Unavailable) or deployed is None:
        return skipped("quota", f"{reserved:,} MB reserved, for instances of unknown size")
    if reserved < deployed.memory_mb:
        return failed(
            "quota",
            f"{reserved:,} MB reserved, but one instance needs {deployed.memory_mb}: the function "
            "never runs",
            fix,
        )
    return passed(
        "quota", f"{reserved:,} MB reserved: {reserved // deployed.memory_mb} instances at once"
    )


def _retries(facts: Facts) -> Finding:
    config = facts.retry_config
    if isinstance(config, Unavailable):
        return skipped("retries", config)
    retries, age = config
    message = f"{retries} retries of a failed event, given up at {format_duration(age)}"
    if retries < RETRIES or age < MAX_EVENT_AGE_SECONDS:
        return failed(
            "retries",
            f"{message}: events are lost sooner than necessary",
            f"{facts.configure} --retries {RETRIES} --max-event-age {MAX_EVENT_AGE_SECONDS}",
        )
    return passed("retries", message)


def _link(facts: Facts) -> Finding:
    status = facts.link_status
    if isinstance(status, Unavailable):
        return skipped("link", status)
    if status != 404:
        return failed(
            "link",
            f"a pre-signed URL is answered with {status}, though this key may read what it names: "
            "the face API could not fetch it either",
            "check the bucket's policy, its list of referers, and whether it requires a certain "
            "network or a custom domain",
        )
    return passed("link", "a pre-signed URL of an input is accepted without a key")
