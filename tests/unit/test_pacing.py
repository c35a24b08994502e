from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from liveness.pacing import TokenBucket


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


DELAYS = st.lists(st.floats(0, 3), min_size=10, max_size=60)


@given(st.sampled_from([1.0, 2.0, 5.0, 7.5]), DELAYS)
def test_starts_never_exceed_the_rate_in_any_second(rate: float, delays: list[float]) -> None:
    # Between turn and start lie round trips of any length.
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    starts = []
    for delay in delays:
        clock.time += delay / 10
        assert bucket.turn(1000) is not None
        clock.time += delay
        bucket.start()
        starts.append(clock.time)
    for begin in starts:
        assert sum(begin <= start < begin + 0.999 for start in starts) <= rate


def test_the_bucket_begins_empty_so_that_a_predecessors_calls_are_respected() -> None:
    clock = Clock()
    turn = TokenBucket(5, clock).turn(10)
    assert turn is not None and turn.at == 1000.2


def test_no_turn_that_would_come_too_late() -> None:
    clock = Clock()
    bucket = TokenBucket(0.1, clock)
    assert bucket.turn(5) is None
    assert clock.time == 1000


def test_being_throttled_halves_the_rate_once_for_all_that_were_under_way() -> None:
    clock = Clock()
    bucket = TokenBucket(4, clock)
    turns = [bucket.turn(10) for _ in range(4)]
    for turn in turns:
        assert turn is not None
        bucket.throttled(turn)
    before = clock.time
    bucket.turn(10)
    bucket.turn(10)
    assert 0.5 <= clock.time - before <= 1.1  # two a second, not a quarter


def test_answers_bring_the_rate_back() -> None:
    clock = Clock()
    bucket = TokenBucket(4, clock)
    turn = bucket.turn(10)
    assert turn is not None
    bucket.throttled(turn)
    for _ in range(8):
        bucket.answered()
    bucket.turn(10)
    before = clock.time
    bucket.turn(10)
    assert clock.time - before <= 0.26
