"""Check that no lifecycle rule, managed or foreign, removes what must be kept. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from liveness.keys import marker_prefix
from liveness.settings import Settings

from ..text import pluralize
from . import lifecycle
from .facts import Facts, Unavailable
from .findings import Finding, failed, passed, skipped
from .lifecycle import CLAIMS_DAYS, ManagedRule, Rule

MakeRule = Callable[[Settings], ManagedRule]
# Parts of the ledger that must be kept as long as reconcile looks back, and their purpose.
_KEPT_TO: Mapping[str, tuple[MakeRule, str]] = {
    "claims": (lifecycle.claims_rule, "prevent pairs from being paid for again"),
    "submissions": (lifecycle.submissions_rule, "count the contents of a pair"),
    "packages": (lifecycle.packages_rule, "prevent a package from being used for two pairs"),
}
_BRIEF: Mapping[str, MakeRule] = {
    "slots": lifecycle.drain_rule,
    "frame URLs": lifecycle.frame_urls_rule,
}


def check_lifecycle(facts: Facts) -> Iterator[Finding]:
    settings = facts.settings
    rules = facts.lifecycles[settings.ledger_bucket]
    if isinstance(rules, Unavailable):
        for name in ("markers", *_KEPT_TO, *_BRIEF):
            yield skipped(name, rules)
    else:
        yield _markers(rules, marker_prefix(settings))
        for name, (make_rule, purpose) in _KEPT_TO.items():
            yield _kept_long(name, rules, make_rule(settings), purpose, facts.configure)
        for name, make_rule in _BRIEF.items():
            yield _removed(name, rules, make_rule(settings).prefix, facts.configure)
    yield _results(facts)


def _markers(rules: Sequence[Rule], prefix: str) -> Finding:
    for days, rule in lifecycle.rules_affecting(rules, prefix):
        return failed(
            "markers",
            f"{_effect(rule, days)} {prefix}: waiting pairs would be forgotten",
            _narrow(rule),
        )
    return passed("markers", "no rule removes them")


def _kept_long(
    name: str, rules: Sequence[Rule], managed: ManagedRule, purpose: str, configure: str
) -> Finding:
    prefix = managed.prefix
    for days, rule in lifecycle.rules_affecting(rules, prefix):
        if days < CLAIMS_DAYS:
            is_managed = rule is lifecycle.find(rules, managed.name, prefix)
            return failed(
                name,
                f"{_effect(rule, days)} {prefix}: for {CLAIMS_DAYS} days they {purpose}",
                configure if is_managed else _narrow(rule),
            )
    return _removed(name, rules, prefix, configure)


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
    frames = lifecycle.removed_after(result_rules, settings.frame_prefix)
    message = (
        f"inputs are kept {_kept(inputs)}, best frames {_kept(frames)}, results {_kept(results)}"
    )
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
