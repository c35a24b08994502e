"""Whether lifecycle rules, whosever they are, leave what must stay. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..operator.wording import number
from . import lifecycle
from .facts import Facts, Unread
from .findings import Finding, not_checkable, ok, wrong
from .lifecycle import CLAIMS_DAYS, Rule


def check_lifecycle(facts: Facts) -> Iterator[Finding]:
    settings = facts.settings
    ledger = facts.lifecycles[settings.ledger_bucket]
    if isinstance(ledger, Unread):
        for name in ("markers", "claims", "slots"):
            yield not_checkable(name, ledger)
    else:
        yield _markers(ledger, f"{settings.ledger_prefix}pending/")
        yield _claims(ledger, lifecycle.of_claims(settings).prefix, facts.configure)
        yield _removed("slots", ledger, lifecycle.of_drain(settings).prefix, facts.configure)
    yield _results(facts)


def _markers(rules: Sequence[Rule], prefix: str) -> Finding:
    for days, rule in lifecycle.reaching(rules, prefix):
        return wrong(
            "markers",
            f"{_does(rule, days)} {prefix}: pairs that wait would be forgotten",
            _narrow(rule),
        )
    return ok("markers", "no rule takes them away")


def _claims(rules: Sequence[Rule], prefix: str, configure: str) -> Finding:
    for days, rule in lifecycle.reaching(rules, prefix):
        if days < CLAIMS_DAYS:
            is_ours = rule is lifecycle.find(rules, "liveness-claims", prefix)
            return wrong(
                "claims",
                f"{_does(rule, days)} {prefix}: for {CLAIMS_DAYS} days they keep pairs from being "
                "paid for again",
                configure if is_ours else _narrow(rule),
            )
    return _removed("claims", rules, prefix, configure)


def _removed(name: str, rules: Sequence[Rule], prefix: str, configure: str) -> Finding:
    days = lifecycle.removed_after(rules, prefix)
    if days is None:
        return wrong(name, f"no rule removes {prefix}: it grows for ever", configure)
    return ok(name, f"{prefix} is removed after {number(days, 'day')}")


def _results(facts: Facts) -> Finding:
    settings = facts.settings
    of_results = facts.lifecycles[settings.result_bucket]
    of_inputs = facts.lifecycles[settings.bucket]
    if isinstance(of_results, Unread):
        return not_checkable("results", of_results)
    if isinstance(of_inputs, Unread):
        return not_checkable("results", of_inputs)
    results = lifecycle.kept_days(of_results, settings.result_prefix)
    inputs = lifecycle.removed_after(of_inputs, settings.input_prefix)
    says = f"inputs are kept {_kept(inputs)}, results {_kept(results)}"
    if lifecycle.comes_back(results, inputs):
        return wrong(
            "results",
            f"{says}: reconcile publishes removed ones again",
            f"{facts.configure} --inputs-days N, with as many days as results have or fewer, or "
            f"--results-days {CLAIMS_DAYS} or more",
        )
    return ok("results", says)


def _does(rule: Rule, days: int) -> str:
    when = f"after {number(days, 'day')}" if days else "by a date"
    return f"the rule {lifecycle.told(rule)!a} takes away, {when}, what lies under"


def _narrow(rule: Rule) -> str:
    return f"narrow the prefix of the rule {lifecycle.told(rule)!a}, or remove it"


def _kept(days: int | None) -> str:
    return "for ever" if days is None else number(days, "day")
