"""Changes of buckets: their creation, and the ledger's lifecycle rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..account import lifecycle
from ..account.lifecycle import Rule
from ..text import pluralize
from . import actions
from .actions import Action
from .change import Change
from .desired import Desired
from .found import Found

# Parts of unfinished uploads are invisible, but cost money.
UNFINISHED_DAYS = 7
_UNFINISHED_RULE: Rule = {
    "ID": "liveness-unfinished",
    "Filter": {"Prefix": ""},
    "Status": "Enabled",
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": str(UNFINISHED_DAYS)},
}


def bucket_changes(desired: Desired, found: Found) -> Iterator[Change]:
    """Create missing buckets, and add the rules that remove old objects of the ledger."""
    for name, bucket in found.buckets.items():
        rules: Sequence[Rule] = () if bucket is None else bucket.rules
        if bucket is None:
            yield Change(
                f"bucket {name}",
                "none",
                "private, encrypted (SSE-COS), no versions",
                f"is created in {desired.manifest.region}",
                actions.CreateBucket(name),
            )
        yield from _lifecycle_changes(desired, name, rules, is_new=bucket is None)


def _lifecycle_changes(
    desired: Desired, bucket: str, rules: Sequence[Rule], *, is_new: bool
) -> Iterator[Change]:
    after = list(rules)
    rows: list[tuple[str, str, str, bool]] = []
    if is_new:
        after.append(_UNFINISHED_RULE)
        text = pluralize(UNFINISHED_DAYS, "day")
        rows.append(("of parts of unfinished uploads", "kept", text, False))
    for managed in lifecycle.ledger_rules(desired.manifest.settings):
        present = lifecycle.find(rules, managed.name, managed.prefix)
        days = None if present is None else lifecycle.removed_after([present], managed.prefix)
        if managed.bucket != bucket or days == managed.days:
            continue
        is_drift = present is not None
        if not is_drift or desired.mend:
            after = lifecycle.with_rule(after, managed)
        before = "kept" if days is None else pluralize(days, "day")
        rows.append((managed.prefix, before, pluralize(managed.days, "day"), is_drift))
    # One request replaces all rules.
    action: Action | None = actions.PutLifecycle(bucket, after)
    for name, before, text, is_drift in sorted(rows, key=lambda row: row[3]):
        resource = f"lifecycle {name}"
        if is_drift:
            meaning = "a rule of ours was changed by hand"
        else:
            meaning = "then removed; other rules of the bucket stay" if action else ""
        yield Change(resource, before, text, meaning, action, "", is_drift)
        action = None if not is_drift or desired.mend else action
