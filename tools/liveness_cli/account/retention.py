"""How long objects are kept: the rules of lifecycle that are to be set, bucket by bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ..operator.reach import NotReady
from . import lifecycle
from .access import Account
from .lifecycle import Ours, Rule
from .setting import Setting, Step
from .wanted import Wanted


def steps(at: Account, wanted: Wanted) -> Iterator[Step]:
    """One for each bucket: PUT replaces all its rules, so those of others are put with ours.

    Whoever changes rules of the bucket in the same moment may be overwritten; COS knows no other
    way. Raises AccountError, NotReady.
    """
    rules_wanted = list(_rules_wanted(at, wanted))
    buckets = list(dict.fromkeys(ours.bucket for ours, _ in rules_wanted))
    if any(ours.name in ("liveness-inputs", "liveness-results") for ours, _ in rules_wanted):
        # What is kept of the one decides about the other.
        buckets = list(dict.fromkeys([*buckets, at.settings.bucket, at.settings.result_bucket]))
    before = {bucket: at.buckets.lifecycle(bucket) for bucket in buckets}
    after: dict[str, list[Rule]] = {bucket: list(rules) for bucket, rules in before.items()}
    settings: dict[str, list[Setting]] = {bucket: [] for bucket in buckets}
    for ours, is_wanted in rules_wanted:
        rules = after[ours.bucket]
        after[ours.bucket] = (
            lifecycle.with_rule(rules, ours)
            if is_wanted
            else lifecycle.without_rule(rules, ours.name, ours.prefix)
        )
        settings[ours.bucket].append(_of_rule(ours, before[ours.bucket], after[ours.bucket]))
    if wanted.inputs_days is not None or wanted.results_days is not None:
        _require_gone_for_good(at, after)
    for bucket, listed in settings.items():
        if listed:
            names = [ours for ours, _ in rules_wanted if ours.bucket == bucket]
            kept = len(lifecycle.of_others(before[bucket], names))
            yield Step(listed, partial(at.buckets.put_lifecycle, bucket, after[bucket]), kept)


def _rules_wanted(at: Account, wanted: Wanted) -> Iterator[tuple[Ours, bool]]:
    """Each with whether it is to be there."""
    if wanted.ledger_rules:
        yield lifecycle.of_claims(at.settings), True
        yield lifecycle.of_drain(at.settings), True
    for days, made in (
        (wanted.inputs_days, lifecycle.of_inputs),
        (wanted.results_days, lifecycle.of_results),
    ):
        if days == "never":
            yield made(at.settings, 0), False
        elif days is not None:
            yield made(at.settings, days), True


def _of_rule(ours: Ours, before: Sequence[Rule], after: Sequence[Rule]) -> Setting:
    was, will_be = (
        lifecycle.removed_after([rule], ours.prefix) if rule else None
        for rule in (lifecycle.find(rules, ours.name, ours.prefix) for rules in (before, after))
    )
    return Setting(f"{ours.bucket}/{ours.prefix} is removed after", "days", was, will_be)


def _require_gone_for_good(at: Account, rules: dict[str, list[Rule]]) -> None:
    settings = at.settings
    results = lifecycle.kept_days(rules[settings.result_bucket], settings.result_prefix)
    inputs = lifecycle.removed_after(rules[settings.bucket], settings.input_prefix)
    if lifecycle.comes_back(results, inputs):
        stay = "for ever" if inputs is None else f"{inputs} days"
        raise NotReady(
            f"results would be removed after {results} days while their inputs stay {stay}: "
            "reconcile would publish them again; give --inputs-days as many or fewer, or "
            f"--results-days {lifecycle.CLAIMS_DAYS} or more"
        )
