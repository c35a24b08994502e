"""Retries with exponential backoff and full jitter, bounded by attempts and by time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness.cloud.system import SystemRandom
from liveness.errors import ConfigurationError, StoreUnavailableError
from liveness.retry import RetryPolicy, with_retries
from tests.clocks import ManualClock


class LongestWaits(SystemRandom):
    """Randomness that always draws the largest number allowed."""

    def uniform(self, limit: float) -> float:
        return limit


class FailingTask:
    """Fails some times before it succeeds, and takes some seconds each time."""

    def __init__(
        self,
        failures: int,
        error: type[Exception] = StoreUnavailableError,
        seconds_per_attempt: float = 0,
    ) -> None:
        self.clock = ManualClock()
        self.attempts = 0
        self._failures = failures
        self._error = error
        self._seconds_per_attempt = seconds_per_attempt

    def __call__(self) -> str:
        self.attempts += 1
        self.clock.time += self._seconds_per_attempt
        if self.attempts <= self._failures:
            raise self._error("no")
        return "done"


def test_a_task_is_retried_until_it_succeeds() -> None:
    task = FailingTask(failures=3)

    assert with_retries(task, task.clock, LongestWaits(), RetryPolicy(4, 100)) == "done"


def test_the_number_of_attempts_is_bounded() -> None:
    task = FailingTask(failures=99)

    with pytest.raises(StoreUnavailableError):
        with_retries(task, task.clock, LongestWaits(), RetryPolicy(4, 100))

    assert task.attempts == 4


def test_the_total_time_is_bounded() -> None:
    task = FailingTask(failures=99, seconds_per_attempt=10)

    with pytest.raises(StoreUnavailableError):
        with_retries(task, task.clock, LongestWaits(), RetryPolicy(99, 25))

    assert task.attempts == 3


def test_other_errors_are_not_retried() -> None:
    task = FailingTask(failures=1, error=ConfigurationError)

    with pytest.raises(ConfigurationError):
        with_retries(task, task.clock, LongestWaits())

    assert task.attempts == 1


@given(st.integers(1, 20), st.integers(1, 10))
def test_full_jitter_stays_below_a_doubling_capped_limit(failures: int, draws: int) -> None:
    policy = RetryPolicy(5, 10, base=0.1, cap=2.0)
    limit = min(2.0, 0.1 * 2 ** (failures - 1))

    assert policy.wait(failures, LongestWaits()) == limit
    for _ in range(draws):
        assert 0 <= policy.wait(failures, SystemRandom()) <= limit


def test_a_long_outage_has_pauses_to_its_end() -> None:
    policy = RetryPolicy(attempts=1_000_000, seconds=3600, base=0.1, cap=2)

    assert policy.wait(5000, LongestWaits()) == 2
