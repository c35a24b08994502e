"""The reasons why a deployment must not begin, each with what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..account.function import Trigger
from .desired import Desired
from .found import Found, FoundBucket, FoundFunction, OtherTrigger, Quota
from .manifest import Manifest

_MEND = "give --mend to overwrite it"


def refusals(desired: Desired, found: Found) -> Iterator[str]:
    """Return every reason, as one sentence each."""
    manifest = desired.manifest
    for name, bucket in found.buckets.items():
        yield from _bucket_refusals(desired, name, bucket)
    if not desired.mend:
        yield from _edited_policies(desired, found)
    yield from _shared_role(desired, found)
    if found.function is not None:
        yield from _function_refusals(manifest, found.function)
    if found.quota is not None:
        yield from _quota_refusals(manifest, found.quota)
    for other in found.other_triggers:
        yield from _overlaps(manifest.triggers, other)


def _bucket_refusals(desired: Desired, name: str, bucket: FoundBucket | None) -> Iterator[str]:
    settings = desired.manifest.settings
    if bucket is None:
        if not desired.create_bucket:
            yield (
                f"{settings.missing_bucket(name)}, as the environment or .env says: if it is in "
                "another region, give that one; if there is none, --create-bucket makes one"
            )
        return
    if bucket.versioning is not None and name == settings.ledger_bucket:
        yield (
            f"versioning is {bucket.versioning} on {name}: create-only is ignored there, so a pair "
            "could be paid for twice, and that cannot be undone; use a bucket on which versioning "
            "was never enabled"
        )
    if bucket.is_public:
        yield (
            f"{name} is readable or writable by everybody: make it private in the COS console "
            "(Permission Management > ACL)"
        )


def _edited_policies(desired: Desired, found: Found) -> Iterator[str]:
    for name, document in desired.policies.items():
        policy = found.policies.get(name)
        if policy is not None and policy.document != document and policy.was_edited:
            yield (
                f"the policy {name} was edited by hand, or not made by this command: compare it "
                f"with `liveness policies`, then {_MEND}, or rename yours"
            )
    if found.role is not None and found.role.trust != desired.trust:
        yield (
            f"the role {desired.manifest.function.role} may be assumed by others than the function "
            f"platform, or not by it: {_MEND}, or give the function another role"
        )


def _shared_role(desired: Desired, found: Found) -> Iterator[str]:
    """Refuse to take the role from another installation, or to start sharing it.

    If both use it already, and drift is not to be corrected, code can still be deployed.
    """
    name, own = desired.manifest.function.role, next(iter(desired.policies))
    if found.role is None or (own in found.role.attached and not desired.mend):
        return
    for policy in found.role.others:
        yield (
            f"the role {name} is that of another installation, {policy.installation}: it carries "
            f"its policy {policy.name}, without which that function could do nothing, and with "
            "which this one could do more than it needs; give `role` in serverless.yml another "
            f"name, which is created; or, if {policy.installation} has another role by now, detach "
            f"{policy.name} from {name} in the CAM console"
        )


def _function_refusals(manifest: Manifest, function: FoundFunction) -> Iterator[str]:
    latest = function.latest
    bucket = latest.settings.environment.get("LIVENESS_BUCKET")
    if not latest.is_ours:
        yield (
            f"there is another function of the name {manifest.name} in {manifest.region}: give "
            "`name` in serverless.yml another value, or remove that function"
        )
        return
    if bucket != manifest.settings.bucket:
        yield (
            f"the function {manifest.name} works on the bucket {bucket}: what waits there would "
            "never be finished; `liveness remove` it first, or give `name` another value"
        )
    if latest.settings.runtime != manifest.function.runtime:
        yield (
            f"the function's runtime is {latest.settings.runtime}, which cannot be changed: "
            "`liveness remove` it, and deploy again"
        )
    if function.reserved_mb and function.reserved_mb < manifest.function.memory_mb:
        yield (
            f"{function.reserved_mb} MB are reserved for the function, less than one instance's "
            f"{manifest.function.memory_mb}: it could never run; `liveness configure --reserved-mb`"
        )


def _quota_refusals(manifest: Manifest, quota: Quota) -> Iterator[str]:
    memory_mb = manifest.function.memory_mb
    cos_triggers = sum(trigger.kind == "cos" for trigger in manifest.triggers)
    for free, needed, what in (
        (quota.free_mb, memory_mb, "MB of memory for instances"),
        (quota.free_functions, 1, "functions"),
        (quota.free_cos_triggers, cos_triggers, "COS triggers of a function"),
    ):
        if free is not None and free < needed:
            yield (
                f"the account has {max(free, 0):,} {what} left in {manifest.region}, and "
                f"{needed:,} are needed: ask for a higher quota, or remove what is not needed"
            )


def _overlaps(triggers: Sequence[Trigger], other: OtherTrigger) -> Iterator[str]:
    for trigger in triggers:
        if (
            trigger.kind == "cos"
            and trigger.bucket == other.trigger.bucket
            and trigger.filter.overlaps(other.trigger.filter)
        ):
            yield (
                f"the function {other.function} has a trigger on {trigger.bucket} for the prefix "
                f"{other.trigger.prefix!a}, which overlaps {trigger.prefix!a}: COS allows one; "
                "remove that trigger, or use another prefix or bucket"
            )
