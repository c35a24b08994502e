"""Lifecycle rules of a bucket: their effect on our objects, and the rules we manage (436/17029).

A rule is a dict in the form that the COS SDK reads and writes, so that foreign rules are put back
exactly as they were read. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from liveness.keys import (
    claims_prefix,
    drain_prefix,
    frame_urls_prefix,
    packages_prefix,
    submissions_prefix,
)
from liveness.reconcile import LEDGER_KEPT_SECONDS
from liveness.settings import Settings

Rule = Mapping[str, Any]

# The ledger is kept as long as reconcile looks back.
CLAIMS_DAYS = int(LEDGER_KEPT_SECONDS // 86400)
# A time slot lasts 10 s, and a best frame's URL two hours; neither is of use later.
BRIEF_DAYS = 1
# Objects in these storage classes must be restored before they can be read.
_ARCHIVES = ("ARCHIVE", "DEEP_ARCHIVE")
# Conditions of a filter by which a rule leaves out some of the keys under its prefix (436/8280).
_NARROWING = ("PrefixNotEquals", "ObjectSizeGreaterThan", "ObjectSizeLessThan")
_UNFINISHED_UPLOADS = "AbortIncompleteMultipartUpload"


class ManagedRule(NamedTuple):
    """A rule that `configure` manages: it removes the objects under a prefix after some days."""

    name: str
    bucket: str
    prefix: str
    days: int


def claims_rule(settings: Settings) -> ManagedRule:
    return _of_ledger(settings, "liveness-claims", claims_prefix(settings), CLAIMS_DAYS)


def submissions_rule(settings: Settings) -> ManagedRule:
    return _of_ledger(settings, "liveness-submissions", submissions_prefix(settings), CLAIMS_DAYS)


def packages_rule(settings: Settings) -> ManagedRule:
    return _of_ledger(settings, "liveness-packages", packages_prefix(settings), CLAIMS_DAYS)


def drain_rule(settings: Settings) -> ManagedRule:
    return _of_ledger(settings, "liveness-drain", drain_prefix(settings), BRIEF_DAYS)


def frame_urls_rule(settings: Settings) -> ManagedRule:
    return _of_ledger(settings, "liveness-frame-urls", frame_urls_prefix(settings), BRIEF_DAYS)


def ledger_rules(settings: Settings) -> list[ManagedRule]:
    """Return the rules of the ledger. There is none for markers."""
    makers = (claims_rule, submissions_rule, packages_rule, drain_rule, frame_urls_rule)
    return [make_rule(settings) for make_rule in makers]


def inputs_rule(settings: Settings, days: int) -> ManagedRule:
    return ManagedRule("liveness-inputs", settings.bucket, settings.input_prefix, days)


def frames_rule(settings: Settings, days: int) -> ManagedRule:
    return ManagedRule("liveness-frames", settings.result_bucket, settings.frame_prefix, days)


def results_rule(settings: Settings, days: int) -> ManagedRule:
    return ManagedRule("liveness-results", settings.result_bucket, settings.result_prefix, days)


def find(rules: Sequence[Rule], name: str, prefix: str) -> Rule | None:
    """Find our rule for this prefix; another installation may have its own in the same bucket."""
    ids = (name, _alternative_id(name, prefix))
    matching = (rule for rule in rules if _id(rule) in ids and prefix_of(rule) == prefix)
    return next(matching, None)


def with_rule(rules: Sequence[Rule], managed: ManagedRule) -> list[Rule]:
    """Return all rules, with the managed rule in place of its previous version."""
    before = find(rules, managed.name, managed.prefix)
    updated = _rule(managed, _id(before) if before is not None else _free_id(rules, managed))
    if before is None:
        return [*rules, updated]
    # The owner of the bucket may have added an action for unfinished uploads to our rule.
    kept = {name: before[name] for name in (_UNFINISHED_UPLOADS,) if name in before}
    updated = {**updated, **kept}
    return [updated if rule is before else rule for rule in rules]


def without_rule(rules: Sequence[Rule], name: str, prefix: str) -> list[Rule]:
    before = find(rules, name, prefix)
    return [rule for rule in rules if rule is not before]


def foreign_rules(rules: Sequence[Rule], managed: Sequence[ManagedRule]) -> list[Rule]:
    ours = [find(rules, each.name, each.prefix) for each in managed]
    return [rule for rule in rules if not any(rule is each for each in ours)]


def days_of(rule: Rule | None) -> int | None:
    """Return after how many days a rule removes or archives objects; 0 if it gives a date.

    Return None if it does neither, or is disabled.
    """
    if rule is None or rule.get("Status") != "Enabled":
        return None
    transitions = _parts(rule, "Transition")
    archivals = [each for each in transitions if each.get("StorageClass") in _ARCHIVES]
    ends = [_days(part) for part in (*_parts(rule, "Expiration"), *archivals)]
    return min((days for days in ends if days is not None), default=None)


def rules_affecting(rules: Sequence[Rule], prefix: str) -> list[tuple[int, Rule]]:
    """Return the rules that remove at least some objects under the prefix, with their days."""
    affecting = []
    for rule in rules:
        days = days_of(rule)
        if days is not None and _affects(rule, prefix):
            affecting.append((days, rule))
    return sorted(affecting, key=lambda each: each[0])


def kept_days(rules: Sequence[Rule], prefix: str) -> int | None:
    """Return the least number of days that an object under the prefix is kept; None: forever."""
    return min((days for days, _ in rules_affecting(rules, prefix)), default=None)


def removed_after(rules: Sequence[Rule], prefix: str) -> int | None:
    """Return the number of days after which no object under the prefix is left; None: some stay."""
    return min(
        (
            days
            for rule in rules
            if rule.get("Status") == "Enabled" and _covers(rule, prefix)
            for days in map(_days, _parts(rule, "Expiration"))
            if days is not None
        ),
        default=None,
    )


def would_republish(results_days: int | None, inputs_days: int | None) -> bool:
    """Whether reconcile would publish removed results again.

    It looks for complete pairs without a result that were uploaded within the last 30 days.
    """
    if results_days is None or results_days >= CLAIMS_DAYS:
        return False
    return inputs_days is None or inputs_days > results_days


def display_name(rule: Rule) -> str:
    """Name a rule for people: a rule need not have an id."""
    return _id(rule) or f"the nameless rule for {prefix_of(rule)!a}"


def prefix_of(rule: Rule) -> str:
    """Return the prefix that a rule applies to; empty for a rule that applies to all keys."""
    filter_ = rule.get("Filter") or {}
    both = filter_.get("And") or {}
    # In an older form, the prefix is in the rule itself.
    return str(filter_.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or "")


def _affects(rule: Rule, prefix: str) -> bool:
    """Whether the rule applies to some keys under the prefix."""
    filter_ = rule.get("Filter") or {}
    both = filter_.get("And") or {}
    if filter_.get("Tag") or both.get("Tag"):
        return False  # the function's objects have no tags
    excluded = both.get("PrefixNotEquals")
    if excluded and prefix.startswith(str(excluded)):
        return False
    rule_prefix = prefix_of(rule)
    return rule_prefix.startswith(prefix) or prefix.startswith(rule_prefix)


def _covers(rule: Rule, prefix: str) -> bool:
    """Whether the rule applies to all keys under the prefix."""
    filter_ = rule.get("Filter") or {}
    conditions = {**filter_, **(filter_.get("And") or {})}
    is_narrowed = any(conditions.get(name) for name in _NARROWING)
    return prefix.startswith(prefix_of(rule)) and not is_narrowed and _affects(rule, prefix)


def _parts(rule: Rule, name: str) -> list[Mapping[str, Any]]:
    parts = rule.get(name) or []
    return list(parts) if isinstance(parts, list) else [parts]


def _days(part: Mapping[str, Any]) -> int | None:
    if "Date" in part:
        return 0
    days = str(part.get("Days") or "")
    return int(days) if days.isdecimal() else None  # such as for old versions' delete markers


def _of_ledger(settings: Settings, name: str, prefix: str, days: int) -> ManagedRule:
    return ManagedRule(name, settings.ledger_bucket, prefix, days)


def _rule(managed: ManagedRule, id: str) -> Rule:
    return {
        "ID": id,
        "Filter": {"Prefix": managed.prefix},
        "Status": "Enabled",
        "Expiration": {"Days": str(managed.days)},
    }


def _free_id(rules: Sequence[Rule], managed: ManagedRule) -> str:
    is_taken = any(_id(rule) == managed.name for rule in rules)
    return _alternative_id(managed.name, managed.prefix) if is_taken else managed.name


def _alternative_id(name: str, prefix: str) -> str:
    """Return the id for a second installation in the same bucket."""
    return f"{name}-{hashlib.sha256(prefix.encode()).hexdigest()[:8]}"


def _id(rule: Rule) -> str:
    return str(rule.get("ID") or "")
