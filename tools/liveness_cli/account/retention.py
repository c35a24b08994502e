"""How long objects are kept: the changes of lifecycle rules, bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..errors import InvalidUsage
from . import lifecycle
from .change import Change, Setting
from .installation import Installation
from .lifecycle import ManagedRule, Rule
from .request import ConfigureRequest


def changes(installation: Installation, request: ConfigureRequest) -> Iterator[Change]:
    """Make one change per bucket.

    A PUT replaces all rules of a bucket, so foreign rules are put back together with ours. COS
    has no conditional PUT of rules: a rule that is changed at the same moment may be overwritten.

    Raises AccountError, InvalidUsage.
    """
    settings = installation.settings
    requested = list(_requested_rules(installation, request))
    buckets = list(dict.fromkeys(rule.bucket for rule, _ in requested))
    if any(rule.name in ("liveness-inputs", "liveness-results") for rule, _ in requested):
        # Whether a retention is allowed depends on the other one.
        buckets = list(dict.fromkeys([*buckets, settings.bucket, settings.result_bucket]))
    before = {bucket: installation.buckets.lifecycle(bucket) for bucket in buckets}
    after: dict[str, list[Rule]] = {bucket: list(rules) for bucket, rules in before.items()}
    changed: dict[str, list[Setting]] = {bucket: [] for bucket in buckets}
    for rule, is_present in requested:
        rules = after[rule.bucket]
        after[rule.bucket] = (
            lifecycle.with_rule(rules, rule)
            if is_present
            else lifecycle.without_rule(rules, rule.name, rule.prefix)
        )
        changed[rule.bucket].append(_setting(rule, before[rule.bucket], after[rule.bucket]))
    if request.inputs_days is not None or request.results_days is not None:
        _reject_republication(installation, after)
    for bucket, bucket_settings in changed.items():
        if bucket_settings:
            managed = [rule for rule, _ in requested if rule.bucket == bucket]
            others = len(lifecycle.foreign_rules(before[bucket], managed))
            put = partial(installation.buckets.put_lifecycle, bucket, after[bucket])
            yield Change(bucket_settings, put, others)


def _requested_rules(
    installation: Installation, request: ConfigureRequest
) -> Iterator[tuple[ManagedRule, bool]]:
    """Yield each rule, and whether it must be present afterwards."""
    settings = installation.settings
    if request.ledger_rules:
        for rule in lifecycle.ledger_rules(settings):
            yield rule, True
    for days, make_rule in (
        (request.inputs_days, lifecycle.inputs_rule),
        (request.frames_days, lifecycle.frames_rule),
        (request.results_days, lifecycle.results_rule),
    ):
        if days == "never":
            yield make_rule(settings, 0), False
        elif days is not None:
            yield make_rule(settings, days), True


def _setting(rule: ManagedRule, before: Sequence[Rule], after: Sequence[Rule]) -> Setting:
    days_before, days_after = (
        lifecycle.removed_after([present], rule.prefix) if present else None
        for present in (lifecycle.find(rules, rule.name, rule.prefix) for rules in (before, after))
    )
    return Setting(f"{rule.bucket}/{rule.prefix} is removed after", "days", days_before, days_after)


def _reject_republication(installation: Installation, rules: dict[str, list[Rule]]) -> None:
    settings = installation.settings
    results = lifecycle.kept_days(rules[settings.result_bucket], settings.result_prefix)
    inputs = lifecycle.removed_after(rules[settings.bucket], settings.input_prefix)
    if lifecycle.would_republish(results, inputs):
        kept = "forever" if inputs is None else f"for {inputs} days"
        raise InvalidUsage(
            f"results would be removed after {results} days while their inputs are kept {kept}: "
            "reconcile would publish them again; give --inputs-days the same value or less, or "
            f"--results-days {lifecycle.CLAIMS_DAYS} or more"
        )
