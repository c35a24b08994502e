"""The pauses between the attempts for one content, and its end."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveness.history import JITTER, MAX_SETBACKS, MIN_SPAN_SECONDS, History, read_history
from liveness.records import LEASE_SECONDS, Claim

NOW = 1_795_000_000.0
MINUTE, HOUR = 60.0, 3600.0


def left_unanswered(limit: int, jitter: float = 0.0) -> list[History]:
    """Return the histories after each attempt, made as soon as it may be, none answered."""
    histories = [History().left_unanswered(1, NOW, limit, jitter)]
    while len(histories) < limit:
        last = histories[-1]
        histories.append(last.left_unanswered(last.number + 1, last.not_before, limit, jitter))
    return histories


@pytest.mark.parametrize(
    ("limit", "waits"),
    [
        (1, [HOUR]),
        (2, [HOUR, 10 * MINUTE]),
        (3, [MINUTE, HOUR - MINUTE, 10 * MINUTE]),
        (4, [MINUTE, 10 * MINUTE, HOUR - 11 * MINUTE, 10 * MINUTE]),
    ],
)
def test_unanswered_attempts_wait_a_minute_ten_an_hour(limit: int, waits: list[float]) -> None:
    moments = [NOW, *(history.not_before for history in left_unanswered(limit))]

    assert [later - earlier for earlier, later in pairwise(moments)] == waits


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("jitter", [0.0, JITTER])
def test_no_pair_is_given_up_within_an_hour(limit: int, jitter: float) -> None:
    last = left_unanswered(limit, jitter)[-1]

    assert len(last.unanswered) == limit
    assert last.give_up_at >= NOW + MIN_SPAN_SECONDS
    assert last.give_up_at >= last.not_before
    assert last.wait_to_give_up(NOW) > 0


def test_the_last_attempt_is_made_after_an_hour() -> None:
    """An outage of an hour must find an attempt left at its end."""
    for limit in (2, 3, 4, 10):
        assert left_unanswered(limit)[limit - 2].not_before >= NOW + HOUR


def test_setbacks_wait_1_2_4_up_to_60_minutes() -> None:
    history, waits = History(), []
    for number in range(1, MAX_SETBACKS + 1):
        history = history.set_back(number, NOW, 0.0)
        waits.append((history.not_before - NOW) / MINUTE)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert history.setbacks == history.number == MAX_SETBACKS


def test_jitter_lengthens_a_pause_and_never_shortens_it() -> None:
    assert History().set_back(1, NOW, JITTER).not_before == pytest.approx(NOW + 72)
    assert History().left_unanswered(1, NOW, 3, JITTER).not_before == pytest.approx(NOW + 72)


def test_no_attempt_follows_within_the_lease_before() -> None:
    history = History().left_unanswered(1, NOW, limit=10)

    assert history.not_before >= NOW + LEASE_SECONDS


def test_a_released_attempt_changes_only_the_number() -> None:
    history = History().set_back(1, NOW, 0.0)

    assert history.released(7) == history._replace(number=7)


def test_an_outage_of_an_hour_ends_no_pair_that_was_set_back_before() -> None:
    limit = 3
    history, outage = History().set_back(1, NOW, 0.0), NOW + 2 * HOUR

    now = outage
    for number in range(2, 2 + limit):
        now = max(now, history.not_before)
        history = history.left_unanswered(number, now, limit)

    assert now >= outage + HOUR, "the last attempt"
    assert history.give_up_at >= outage + HOUR


def test_claims_nobody_released_count_as_unanswered() -> None:
    claims = [Claim(number, "nonce", age) for number, age in ((1, 500.0), (2, 100.0))]

    history = History().extended(claims, NOW, limit=5)

    assert (history.number, history.unanswered, history.since) == (2, (1, 2), NOW - 500)
    assert history.not_before == NOW - 100 + 600


HISTORIES = st.builds(
    lambda number, unanswered, setbacks, since, pause: History(
        number, tuple(sorted(n for n in unanswered if n <= number)), setbacks, since, since + pause
    ),
    st.integers(0, 50),
    st.sets(st.integers(1, 50), max_size=4),
    st.integers(0, MAX_SETBACKS),
    st.floats(0, 2e9),
    st.floats(0, 1e4),
)


@given(HISTORIES)
def test_a_history_survives_its_record(history: History) -> None:
    assert read_history(json.loads(json.dumps(history.to_record()))) == history


@pytest.mark.parametrize(
    "changes",
    [
        {"number": -1},
        {"number": "x"},
        {"number": math.inf},
        {"unanswered": [1, 2]},  # more than there were attempts
        {"unanswered": 1},
        {"unanswered": [None]},
        {"setbacks": -1},
        {"since": None},
        {"not_before": "soon"},
    ],
)
def test_what_is_no_history_is_refused(changes: dict[str, Any]) -> None:
    record = History(number=1).to_record() | changes

    with pytest.raises((ValueError, TypeError, OverflowError)):
        read_history(record)


@pytest.mark.parametrize("moment", [math.nan, math.inf, 1e300, NOW + 1e6])
def test_a_wait_that_cannot_be_is_none(moment: float) -> None:
    """The object was edited, or a clock was absurd when it was written."""
    history = History(1, (1,), 1, since=moment, not_before=moment)

    assert history.wait(NOW) == history.wait_to_give_up(NOW) == 0


def test_huge_counts_neither_raise_nor_wait_longer() -> None:
    history = History(number=9999, unanswered=tuple(range(1, 400)), setbacks=9999)

    assert history.set_back(10_000, NOW, JITTER).wait(NOW) <= HOUR * (1 + JITTER)
    assert history.left_unanswered(10_000, NOW, 3).wait(NOW) <= HOUR
