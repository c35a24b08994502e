"""Lifecycle rules of a bucket: what one does to our objects, and ours among them (436/17029).

A rule is a dict as the COS SDK reads and writes it, so that those of others go back as they came.
No I/O here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from liveness.reconcile import LEDGER_KEPT_SECONDS
from liveness.settings import Settings

Rule = Mapping[str, Any]

# The ledger is kept as long as reconcile looks back for it.
CLAIMS_DAYS = int(LEDGER_KEPT_SECONDS // 86400)
# Slots of time are 10 s long; one that is over is of no use to anybody.
DRAIN_DAYS = 1
# Objects in these can be read only after they were restored.
_ARCHIVES = ("ARCHIVE", "DEEP_ARCHIVE")
_UNFINISHED = "AbortIncompleteMultipartUpload"


class Ours(NamedTuple):
    """A rule of ours: what it is called, whose objects it removes, and after how many days."""

    name: str
    bucket: str
    prefix: str
    days: int


def of_claims(settings: Settings) -> Ours:
    prefix = f"{settings.ledger_prefix}claims/"
    return Ours("liveness-claims", settings.ledger_bucket, prefix, CLAIMS_DAYS)


def of_drain(settings: Settings) -> Ours:
    prefix = f"{settings.ledger_prefix}drain/"
    return Ours("liveness-drain", settings.ledger_bucket, prefix, DRAIN_DAYS)


def of_inputs(settings: Settings, days: int) -> Ours:
    return Ours("liveness-inputs", settings.bucket, settings.input_prefix, days)


def of_results(settings: Settings, days: int) -> Ours:
    return Ours("liveness-results", settings.result_bucket, settings.result_prefix, days)


def find(rules: Sequence[Rule], name: str, prefix: str) -> Rule | None:
    """The rule of ours for this prefix. Another installation may have its own in the bucket."""
    ids = (name, _other_id(name, prefix))
    found = (rule for rule in rules if _id(rule) in ids and prefix_of(rule) == prefix)
    return next(found, None)


def with_rule(rules: Sequence[Rule], ours: Ours) -> list[Rule]:
    """All rules, and ours in place of what it was before."""
    before = find(rules, ours.name, ours.prefix)
    made = _made(ours, _id(before) if before is not None else _free_id(rules, ours))
    if before is None:
        return [*rules, made]
    # What somebody added to ours for unfinished uploads is none of our business.
    beside = {name: before[name] for name in (_UNFINISHED,) if name in before}
    made = {**made, **beside}
    return [made if rule is before else rule for rule in rules]


def without_rule(rules: Sequence[Rule], name: str, prefix: str) -> list[Rule]:
    before = find(rules, name, prefix)
    return [rule for rule in rules if rule is not before]


def of_others(rules: Sequence[Rule], ours: Sequence[Ours]) -> list[Rule]:
    own = [find(rules, each.name, each.prefix) for each in ours]
    return [rule for rule in rules if not any(rule is each for each in own)]


def days_of(rule: Rule | None) -> int | None:
    """After how many days it removes what is meant, or locks it away; 0: by a date of its own.

    None where it does neither, or is switched off.
    """
    if rule is None or rule.get("Status") != "Enabled":
        return None
    ends = [
        _days(part)
        for part in (
            *_parts(rule, "Expiration"),
            *(each for each in _parts(rule, "Transition") if each.get("StorageClass") in _ARCHIVES),
        )
    ]
    return min((days for days in ends if days is not None), default=None)


def reaching(rules: Sequence[Rule], prefix: str) -> list[tuple[int, Rule]]:
    """Rules that take away objects under the prefix, or some of them, and after how many days."""
    found = []
    for rule in rules:
        days = days_of(rule)
        if days is not None and _reaches(rule, prefix):
            found.append((days, rule))
    return sorted(found, key=lambda each: each[0])


def kept_days(rules: Sequence[Rule], prefix: str) -> int | None:
    """How long objects under the prefix stay at least; None: for ever."""
    return min((days for days, _ in reaching(rules, prefix)), default=None)


def removed_after(rules: Sequence[Rule], prefix: str) -> int | None:
    """After how many days all that lies under the prefix is gone; None: some of it stays."""
    return min(
        (
            days
            for rule in rules
            if rule.get("Status") == "Enabled" and _holds_all(rule, prefix)
            for days in map(_days, _parts(rule, "Expiration"))
            if days is not None
        ),
        default=None,
    )


def _holds_all(rule: Rule, prefix: str) -> bool:
    both = (rule.get("Filter") or {}).get("And") or {}
    whole = prefix.startswith(prefix_of(rule)) and not both.get("PrefixNotEquals")
    return whole and _reaches(rule, prefix)


def comes_back(results_days: int | None, inputs_days: int | None) -> bool:
    """Whether reconcile would publish removed results again.

    It looks for complete pairs without a result that were uploaded within the last 30 days.
    """
    if results_days is None or results_days >= CLAIMS_DAYS:
        return False
    return inputs_days is None or inputs_days > results_days


def told(rule: Rule) -> str:
    """A rule's name for people: it need not have one."""
    return _id(rule) or f"the nameless rule for {prefix_of(rule)!a}"


def prefix_of(rule: Rule) -> str:
    """Of the keys that it is for; all keys have the empty one."""
    filter_ = rule.get("Filter") or {}
    both = filter_.get("And") or {}
    # An old form has the prefix in the rule itself.
    return str(filter_.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or "")


def _reaches(rule: Rule, prefix: str) -> bool:
    filter_ = rule.get("Filter") or {}
    both = filter_.get("And") or {}
    if filter_.get("Tag") or both.get("Tag"):
        return False  # what the function writes has no tags
    other = both.get("PrefixNotEquals")
    if other and prefix.startswith(str(other)):
        return False
    own = prefix_of(rule)
    return own.startswith(prefix) or prefix.startswith(own)


def _parts(rule: Rule, name: str) -> list[Mapping[str, Any]]:
    found = rule.get(name) or []
    return list(found) if isinstance(found, list) else [found]


def _days(part: Mapping[str, Any]) -> int | None:
    if "Date" in part:
        return 0
    days = str(part.get("Days") or "")
    return int(days) if days.isdecimal() else None  # of old versions' delete markers, say


def _made(ours: Ours, id: str) -> Rule:
    return {
        "ID": id,
        "Filter": {"Prefix": ours.prefix},
        "Status": "Enabled",
        "Expiration": {"Days": str(ours.days)},
    }


def _free_id(rules: Sequence[Rule], ours: Ours) -> str:
    is_taken = any(_id(rule) == ours.name for rule in rules)
    return _other_id(ours.name, ours.prefix) if is_taken else ours.name


def _other_id(name: str, prefix: str) -> str:
    """For the second installation in a bucket."""
    return f"{name}-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}"


def _id(rule: Rule) -> str:
    return str(rule.get("ID") or "")
