"""Concurrency by threads, and the randomness of tokens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

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


def test_a_pool_goes_on_with_the_threads_that_it_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform limits the threads of an instance; a walk that is under way must not be left."""
    started: list[threading.Thread] = []
    done: list[int] = []
    both = threading.Barrier(2, timeout=10)
    start = threading.Thread.start

    def start_at_most_two(thread: threading.Thread) -> None:
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_at_most_two)

    def task(number: int) -> None:
        if number < 2:
            both.wait()  # now all threads are busy
        done.append(number)

    ThreadConcurrency().run_pool((partial(task, number) for number in range(50)), workers=8)

    assert sorted(done) == list(range(50))


def test_a_pool_has_as_many_threads_as_its_tasks_need() -> None:
    barrier = threading.Barrier(8, timeout=10)

    ThreadConcurrency().run_pool((partial(barrier.wait) for _ in range(8)), workers=8)

    assert not barrier.broken
