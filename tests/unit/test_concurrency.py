"""Concurrency by threads, and the randomness of tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from liveness.cloud.system import SystemRandom, ThreadConcurrency


def test_gather_runs_tasks_concurrently_and_keeps_their_order() -> None:
    barrier = threading.Barrier(5, timeout=10)

    def task(number: int) -> Callable[[], int]:
        return lambda: (barrier.wait(), number)[1]  # each waits until all five have started

    assert ThreadConcurrency().gather(*(task(number) for number in range(5))) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_gather_returns_only_after_every_task_has_finished(failing: int) -> None:
    finished: list[int] = []

    def task(number: int) -> None:
        if number == failing:
            raise ValueError(number)
        finished.append(number)

    with pytest.raises(ValueError, match=str(failing)):
        ThreadConcurrency().gather(*(lambda n=n: task(n) for n in range(3)))

    assert sorted(finished) == [number for number in range(3) if number != failing]


def test_with_timeout_gives_up_on_a_task_that_takes_too_long() -> None:
    end_of_test = threading.Event()

    with pytest.raises(TimeoutError):
        ThreadConcurrency().with_timeout(lambda: end_of_test.wait(10), 0.01)
    end_of_test.set()

    assert ThreadConcurrency().with_timeout(lambda: "in time", 10) == "in time"


def test_tokens_are_never_drawn_twice() -> None:
    rng = SystemRandom()
    assert len({rng.token() for _ in range(1000)}) == 1000
