"""The circuit breaker: when it opens, probes and closes, and that a bad object does no harm."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest

from liveness.breaker import Breaker, CallOutcome, open_until, read_state
from liveness.settings import read_settings
from liveness.store import ObjectHead, RetryingStore, StoredObject
from tests.clocks import ManualClock

NOW = 1_795_000_000.0
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
KEY = "liveness/ledger/breaker.json"
UNANSWERED, REFUSED = CallOutcome.UNANSWERED, CallOutcome.REFUSED


class Bucket:
    """A bucket that holds the breaker's object, and the clock of it and of the drainers."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.body: bytes | None = None
        self.metadata: Mapping[str, str] = {}
        self.writes = 0

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        assert key == KEY
        return None if self.body is None else StoredObject(self.head(), self.body)

    def head(self) -> ObjectHead:
        now = self.clock.time
        return ObjectHead(KEY, 1, "e", None, now, now, self.metadata)

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        self.body, self.metadata = body, metadata
        self.writes += 1

    def delete(self, bucket: str, key: str) -> None:
        self.body = None
        self.writes += 1

    def breaker(self) -> Breaker:
        """Return the breaker of another drainer, which has read what is stored."""
        store: Any = self
        rng: Any = None
        retrying = RetryingStore(store, self.clock, rng)
        breaker = Breaker(SETTINGS, retrying, contextlib.nullcontext())
        breaker.load()
        return breaker


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def observe(breaker: Breaker, *outcomes: CallOutcome) -> None:
    for outcome in outcomes:
        breaker.observe(outcome)


@pytest.mark.parametrize(
    ("outcomes", "cause"),
    [
        ([UNANSWERED] * 4, None),
        ([UNANSWERED] * 5, "unanswered"),
        ([REFUSED], None),
        ([REFUSED] * 2, "refused"),
        ([UNANSWERED, REFUSED, UNANSWERED, REFUSED], "refused"),
        ([UNANSWERED] * 4 + [CallOutcome.VERDICT] + [UNANSWERED] * 4, None),
        ([UNANSWERED] * 4 + [CallOutcome.ANSWERED] + [UNANSWERED] * 4, None),
        ([UNANSWERED] * 4 + [CallOutcome.THROTTLED] + [UNANSWERED] * 4, None),
        ([REFUSED, CallOutcome.VERDICT, REFUSED], None),
    ],
)
def test_only_failures_in_a_row_open_it(
    bucket: Bucket, outcomes: list[CallOutcome], cause: str | None
) -> None:
    breaker = bucket.breaker()

    observe(breaker, *outcomes)

    assert (breaker.state.cause if breaker.state else None) == cause
    assert breaker.blocks is (cause is not None)


def test_a_probe_is_allowed_within_a_minute(bucket: Bucket) -> None:
    """The timer that makes it fires every minute."""
    breaker = bucket.breaker()
    observe(breaker, *[UNANSWERED] * 5)
    bucket.clock.time += 54
    assert breaker.blocks
    bucket.clock.time += 2

    assert not breaker.blocks
    assert breaker.state is not None


def test_failing_probes_double_the_interval_up_to_five_minutes(bucket: Bucket) -> None:
    breaker = bucket.breaker()
    observe(breaker, *[UNANSWERED] * 5)
    intervals = []
    for _ in range(6):
        assert breaker.state is not None
        bucket.clock.time = breaker.state.next_probe
        observe(breaker, UNANSWERED)
        intervals.append(breaker.state.next_probe - bucket.clock.time)

    assert intervals == [110, 220, 295, 295, 295, 295]


def test_calls_from_before_it_opened_are_no_probes(bucket: Bucket) -> None:
    breaker = bucket.breaker()
    observe(breaker, *[UNANSWERED] * 5)
    state = breaker.state

    observe(breaker, *[UNANSWERED] * 10)

    assert breaker.state == state


@pytest.mark.parametrize(
    "outcome", [CallOutcome.VERDICT, CallOutcome.ANSWERED, CallOutcome.THROTTLED]
)
def test_any_answer_closes_it_and_deletes_its_object(bucket: Bucket, outcome: CallOutcome) -> None:
    first = bucket.breaker()
    observe(first, *[UNANSWERED] * 5)
    first.save()
    assert bucket.body is not None
    other = bucket.breaker()
    assert other.was_open and other.blocks

    observe(other, outcome)
    other.save()

    assert bucket.body is None
    assert not other.was_open and not other.blocks
    assert bucket.breaker().state is None


def test_days_of_failing_probes_do_not_overflow(bucket: Bucket) -> None:
    breaker = bucket.breaker()
    observe(breaker, *[REFUSED] * 2)
    for _ in range(1500):
        assert breaker.state is not None
        bucket.clock.time = breaker.state.next_probe
        observe(breaker, REFUSED)

    assert breaker.state is not None
    assert breaker.state.probes == 1500


def test_an_unchanged_state_is_not_written_again(bucket: Bucket) -> None:
    breaker = bucket.breaker()
    breaker.save()
    assert bucket.writes == 0
    observe(breaker, *[UNANSWERED] * 5)

    for _ in range(3):
        breaker.save()

    assert bucket.writes == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"cause": "x", "since": "y"}'])
def test_a_damaged_object_is_removed_and_blocks_nothing(bucket: Bucket, body: bytes) -> None:
    bucket.body = body
    breaker = bucket.breaker()
    assert not breaker.blocks
    assert read_state(body) is None

    breaker.save()

    assert bucket.body is None, "events would take it for an open breaker"


@pytest.mark.parametrize("next_probe", ["NaN", "Infinity", "1e300", str(NOW + 86400)])
def test_an_absurd_next_probe_is_due_now(bucket: Bucket, next_probe: str) -> None:
    bucket.body = (
        b'{"cause": "unanswered", "since": 1, "probes": 99999, "next_probe": %s}'
        % next_probe.encode()
    )
    bucket.metadata = {"liveness-next-probe": next_probe}
    breaker = bucket.breaker()

    assert breaker.state is not None and not breaker.blocks
    assert open_until(bucket.head(), NOW) == NOW
    observe(breaker, UNANSWERED)

    assert breaker.blocks, "a probe that fails is followed by a pause like any other"
    assert breaker.state.next_probe <= NOW + 295


def test_an_event_learns_the_next_probe_from_the_head(bucket: Bucket) -> None:
    breaker = bucket.breaker()
    observe(breaker, *[UNANSWERED] * 5)
    breaker.save()
    assert bucket.body is not None

    assert open_until(None, NOW) is None
    assert open_until(bucket.head(), NOW) == NOW + 55
    assert json.loads(bucket.body)["next_probe"] == NOW + 55


@pytest.mark.parametrize("metadata", [{}, {"liveness-next-probe": "soon"}])
def test_a_head_that_does_not_say_means_now(bucket: Bucket, metadata: dict[str, str]) -> None:
    bucket.metadata = metadata

    assert open_until(bucket.head(), NOW) == NOW
