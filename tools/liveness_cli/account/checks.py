"""What doctor concludes: from facts to findings. No I/O here, and none in the modules it names."""

from __future__ import annotations

from collections.abc import Iterator

from liveness.errors import SettingsError
from liveness.handler import LEAST_LIMIT_SECONDS
from liveness.settings import read_settings

from ..operator.wording import duration
from .check_lifecycle import check_lifecycle
from .check_role import check_policy, check_trust
from .check_triggers import check_triggers
from .facts import Facts, Unread
from .findings import Finding, not_checkable, ok, wrong
from .wanted import AGE_SECONDS, RETRIES

_DEPLOY = "deploy with serverless.yml"
# COS refuses a signature that begins in the future, and the SDK's begin a minute ago.
_MOST_CLOCK_SECONDS = 60
# Where the function and this command must agree on.
_PLACES = (
    "bucket",
    "result_bucket",
    "ledger_bucket",
    "input_prefix",
    "result_prefix",
    "ledger_prefix",
    "live_suffixes",
    "image_suffixes",
    "transfer",
)


def check(facts: Facts) -> list[Finding]:
    """Everything, in the order in which it is best mended."""
    return [
        _clock(facts),
        *_buckets(facts),
        _versioning(facts),
        _function(facts),
        _settings(facts),
        *check_triggers(facts),
        check_trust(facts),
        check_policy(facts),
        _quota(facts),
        _retrying(facts),
        *check_lifecycle(facts),
        _link(facts),
    ]


def _clock(facts: Facts) -> Finding:
    ahead = facts.clock_ahead_seconds
    if isinstance(ahead, Unread):
        return not_checkable("clock", ahead)
    if abs(ahead) > _MOST_CLOCK_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        return wrong(
            "clock",
            f"this machine's is {duration(abs(ahead))} {side} COS's: what it signs is refused",
            "set this machine's clock",
        )
    return ok("clock", "this machine's agrees with COS's")


def _buckets(facts: Facts) -> Iterator[Finding]:
    region = facts.settings.region
    for bucket, there in facts.buckets.items():
        if isinstance(there, Unread):
            yield not_checkable("region", there)
        elif there:
            yield ok("region", f"{bucket} lies in {region}")
        else:
            yield wrong(
                "region",
                f"there is no bucket {bucket} in {region}",
                "name bucket and region as they are (LIVENESS_*_BUCKET, TENCENTCLOUD_REGION), in "
                "serverless.yml, too; function and buckets must lie in one region",
            )


def _versioning(facts: Facts) -> Finding:
    bucket = facts.settings.ledger_bucket
    if isinstance(facts.versioning, Unread):
        return not_checkable("versioning", facts.versioning)
    if facts.versioning is not None:
        return wrong(
            "versioning",
            f"{facts.versioning} on {bucket}: create-only is ignored there, so a pair can be paid "
            "for twice; there is no way back to never",
            "keep the ledger in a bucket on which versioning was never enabled: "
            "LIVENESS_LEDGER_BUCKET",
        )
    return ok("versioning", f"never enabled on {bucket}, where the ledger lies")


def _function(facts: Facts) -> Finding:
    deployed, name = facts.deployed, facts.function_name
    if isinstance(deployed, Unread):
        return not_checkable("function", deployed)
    if deployed is None:
        return wrong("function", f"there is no {name} in {facts.settings.region}", _DEPLOY)
    if deployed.status != "Active":
        return wrong(
            "function",
            f"its status is {deployed.status}",
            "see the console for why; deploy anew",
        )
    if deployed.timeout_seconds < LEAST_LIMIT_SECONDS:
        return wrong(
            "function",
            f"its timeout is {deployed.timeout_seconds} s: it would be ended within paid calls",
            f"set timeout in serverless.yml, at least {LEAST_LIMIT_SECONDS:.0f}",
        )
    if deployed.is_async:
        return wrong(
            "function",
            "asyncRunEnable is on, which turns retries and dead letters off",
            "leave asyncRunEnable out of serverless.yml; the function must be created anew",
        )
    return ok(
        "function",
        f"{name} is active, {deployed.memory_mb} MB, timeout {deployed.timeout_seconds} s",
    )


def _settings(facts: Facts) -> Finding:
    deployed = facts.deployed
    if isinstance(deployed, Unread):
        return not_checkable("settings", deployed)
    if deployed is None:
        return not_checkable("settings", "there is no function")
    own = {key: text for key, text in deployed.environment.items() if key.startswith("LIVENESS_")}
    try:
        functions = read_settings({**own, "TENCENTCLOUD_REGION": facts.settings.region})
    except SettingsError as error:
        return wrong("settings", "; ".join(error.problems), "mend serverless.yml, and deploy")
    different = [
        place for place in _PLACES if getattr(functions, place) != getattr(facts.settings, place)
    ]
    if different:
        names = ", ".join(f"LIVENESS_{place.upper()}" for place in different)
        return wrong(
            "settings",
            f"the function's differ from this command's in {names}",
            "give both the same: what follows was looked for where this command's say",
        )
    return ok("settings", "the function's are valid, and look where this command looks")


def _quota(facts: Facts) -> Finding:
    reserved, deployed = facts.reserved_mb, facts.deployed
    mend = f"{facts.configure} --quota none, or --quota MB"
    if isinstance(reserved, Unread):
        return not_checkable("quota", reserved)
    if reserved is None:
        return ok("quota", "none reserved: the function shares the account's")
    if reserved == 0:
        return wrong("quota", "0 MB reserved: the function is stopped", mend)
    if isinstance(deployed, Unread) or deployed is None:
        return not_checkable("quota", f"{reserved:,} MB reserved, for instances of unknown size")
    if reserved < deployed.memory_mb:
        return wrong(
            "quota",
            f"{reserved:,} MB reserved, and one instance needs {deployed.memory_mb}: the function "
            "never runs",
            mend,
        )
    return ok(
        "quota", f"{reserved:,} MB reserved: {reserved // deployed.memory_mb} instances at once"
    )


def _retrying(facts: Facts) -> Finding:
    retrying = facts.retrying
    if isinstance(retrying, Unread):
        return not_checkable("retries", retrying)
    tries, age = retrying
    says = f"{tries} further tries of an event that failed, given up at {duration(age)}"
    if tries < RETRIES or age < AGE_SECONDS:
        return wrong(
            "retries",
            f"{says}: events are lost sooner than need be",
            f"{facts.configure} --retries {RETRIES} --age {AGE_SECONDS}",
        )
    return ok("retries", says)


def _link(facts: Facts) -> Finding:
    link = facts.link
    if isinstance(link, Unread):
        return not_checkable("link", link)
    if link.to_an_object:
        # 416: of an empty object there is no first byte.
        if link.status in (200, 206, 416):
            return ok("link", "a pre-signed URL of an input can be fetched without a key")
        return wrong(
            "link",
            f"a pre-signed URL of an input is answered {link.status}, though this key may read it: "
            "the face API could not fetch it either",
            "see the bucket's policy, its list of referers, and whether it demands a network or "
            "a domain of yours",
        )
    if link.status == 404:
        return ok(
            "link", "a pre-signed URL is accepted: 404 for a key that is not there, as no input is"
        )
    return not_checkable(
        "link", f"no input lies there, and for a key that is not there COS answered {link.status}"
    )
