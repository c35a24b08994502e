"""Confidence intervals of a proportion. Pure; no statistics library at run time.

Clopper-Pearson intervals are exact: they contain the true proportion at least as often as they
claim, even with few or no errors, where approximations promise too much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

CONFIDENCE = 0.95
_MAX_TERMS = 10_000
_TINY = 1e-300


class Proportion(NamedTuple):
    """Events among independent trials."""

    events: int
    trials: int

    @property
    def value(self) -> float | None:
        """The share; None if there was no trial."""
        return self.events / self.trials if self.trials else None


class Interval(NamedTuple):
    """A two-sided interval; both ends are from 0 to 1."""

    low: float
    high: float


def clopper_pearson(proportion: Proportion, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the exact interval; None if there was no trial.

    Its ends are quantiles of the beta distribution (Clopper and Pearson 1934).
    """
    events, trials = proportion
    if not 0 <= events <= trials:
        raise ValueError(f"{events} events in {trials} trials")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    if trials == 0:
        return None
    tail = (1 - confidence) / 2
    low = 0.0 if events == 0 else _beta_quantile(tail, events, trials - events + 1)
    high = 1.0 if events == trials else _beta_quantile(1 - tail, events + 1, trials - events)
    return Interval(low, high)


def rule_of_three(trials: int) -> float | None:
    """Return the upper bound of the rate, at 95 %, if `trials` trials had no event.

    The "rule of 3" of ISO/IEC 19795-1; None if there was no trial.
    """
    return min(3 / trials, 1.0) if trials else None


def _beta_quantile(probability: float, a: float, b: float) -> float:
    return _bisect(lambda x: beta_cdf(x, a, b) < probability)


def _bisect(is_below: Callable[[float], bool]) -> float:
    """Return the least x in [0, 1], to a float's precision, that is not below the wanted one."""
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return high
        if is_below(middle):
            low = middle
        else:
            high = middle


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(
        a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    )
    return front * _continued_fraction(x, a, b) / a


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Evaluate the fraction of DLMF 8.17.22."""
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    product = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _nonzero(1 + term * d)
            c = _nonzero(1 + term / c)
            product *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return product


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
