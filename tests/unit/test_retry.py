from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness.errors import ConfigurationError, StoreUnavailable
from liveness.retry import RetryPolicy, patiently
from liveness.seams import SystemChance


class Chance(SystemChance):
    """Always waits as long as jitter allows."""

    def up_to(self, limit: float) -> float:
        return limit


class Clock:
    def __init__(self, a_try_takes: float = 0) -> None:
        self.time = 0.0
        self.a_try_takes = a_try_takes

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Failing:
    def __init__(self, clock: Clock, failures: int, error: type[Exception] = StoreUnavailable):
        self.clock, self.failures, self.error, self.tries = clock, failures, error, 0

    def __call__(self) -> str:
        self.tries += 1
        self.clock.time += self.clock.a_try_takes
        if self.tries <= self.failures:
            raise self.error("no")
        return "done"


def test_it_goes_on_until_it_works() -> None:
    task = Failing(Clock(), failures=3)
    assert patiently(task, task.clock, Chance(), RetryPolicy(4, 100)) == "done"


def test_it_is_bounded_by_attempts() -> None:
    task = Failing(Clock(), failures=99)
    with pytest.raises(StoreUnavailable):
        patiently(task, task.clock, Chance(), RetryPolicy(4, 100))
    assert task.tries == 4


def test_it_is_bounded_by_time() -> None:
    task = Failing(Clock(a_try_takes=10), failures=99)
    with pytest.raises(StoreUnavailable):
        patiently(task, task.clock, Chance(), RetryPolicy(99, 25))
    assert task.tries == 3


def test_other_errors_are_not_tried_again() -> None:
    task = Failing(Clock(), failures=1, error=ConfigurationError)
    with pytest.raises(ConfigurationError):
        patiently(task, task.clock, Chance())
    assert task.tries == 1


@given(st.integers(1, 20), st.integers(1, 10))
def test_full_jitter_is_even_up_to_a_doubling_and_capped_limit(failures: int, draws: int) -> None:
    policy = RetryPolicy(5, 10, base=0.1, cap=2.0)
    limit = min(2.0, 0.1 * 2 ** (failures - 1))
    assert policy.wait(failures, Chance()) == limit
    for _ in range(draws):
        assert 0 <= policy.wait(failures, SystemChance()) <= limit
