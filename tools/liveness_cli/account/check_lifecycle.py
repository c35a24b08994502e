"""Check that no lifecycle rule, managed or foreign, removes what must be kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liveness.keys import marker_prefix

from ..text import pluralize
from . import lifecycle
from .facts import Facts, Unavailable
from .findings import Finding, failed, passed, skipped
from .lifecycle import CLAIMS_DAYS, Rule


def check_lifecycle(facts: Facts) -> Iterator[Finding]:
    settings = facts.settings
    rules = facts.lifecycles[settings.ledger_bucket]
    if isinstance(rules, Unavailable):
        for name in ("markers", "claims", "slots"):
            yield skipped(name, rules)
    else:
        yield _markers(rules, marker_prefix(settings))
        yield _claims(rules, lifecycle.claims_rule(settings).prefix, facts.configure)
        yield _removed("slots", rules, lifecycle.drain_rule(settings).prefix, facts.configure)
    yield _results(facts)


def _markers(rules: Sequence[Rule], prefix: str) -> Finding:
    for days, rule in lifecycle.rules_affecting(rules, prefix):
        return failed(
            "markers",
            f"{_effect(rule, days)} {prefix}: waiting pairs would be forgotten",
            _narrow(rule),
        )
    return passed("markers", "no rule removes them")


def _claims(rules: Sequence[Rule], prefix: str, configure: str) -> Finding:
    for days, rule in lifecycle.rules_affecting(rules, prefix):
        if days < CLAIMS_DAYS:
            is_managed = rule is lifecycle.find(rules, "liveness-claims", prefix)
            return failed(
                "claims",
                f"{_effect(rule, days)} {prefix}: for {CLAIMS_DAYS} days they prevent pairs from "
                "being paid for again",
                configure if is_managed else _narrow(rule),
            )
    return _removed("claims", rules, prefix, configure)


def _removed(name: str, rules: Sequence[Rule], prefix: str, configure: str) -> Finding:
    days = lifecycle.removed_after(rules, prefix)
    if days is None:
        return failed(name, f"no rule removes {prefix}: it grows forever", configure)
    return passed(name, f"{prefix} is removed after {pluralize(days, 'day')}")


def _results(facts: Facts) -> Finding:
    settings = facts.settings
    result_rules = facts.lifecycles[settings.result_bucket]
    input_rules = facts.lifecycles[settings.bucket]
    if isinstance(result_rules, Unavailable):
        return skipped("results", result_rules)
    if isinstance(input_rules, Unavailable):
        return skipped("results", input_rules)
    results = lifecycle.kept_days(result_rules, settings.result_prefix)
    inputs = lifecycle.removed_after(input_rules, settings.input_prefix)
    message = f"inputs are kept {_kept(inputs)}, results {_kept(results)}"
    if lifecycle.would_republish(results, inputs):
        return failed(
            "results",
            f"{message}: reconcile publishes removed results again",
            f"{facts.configure} --inputs-days N, with at most the days of results, or "
            f"--results-days {CLAIMS_DAYS} or more",
        )
    return passed("results", message)


def _effect(rule: Rule, days: int) -> str:
    when = f"after {pluralize(days, 'day')}" if days else "by a date"
    return f"the rule {lifecycle.display_name(rule)!a} removes or archives, {when}, objects under"


def _narrow(rule: Rule) -> str:
    return f"narrow the prefix of the rule {lifecycle.display_name(rule)!a}, or remove it"


def _kept(days: int | None) -> str:
    return "forever" if days is None else pluralize(days, "day")
