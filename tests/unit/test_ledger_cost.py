"""What it costs to catch up with the attempts that exist: nearly the same, however many."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from liveness.cloud.system import SystemRandom
from liveness.context import Context
from liveness.history import History
from liveness.keys import claim_name, content_prefix, released_name
from liveness.ledger import Ledger, Theirs
from liveness.pacing import Unpaced
from liveness.records import InvocationInfo, claim_record, release_record
from liveness.settings import read_settings
from liveness.store import CreateResult, ObjectHead, RetryingStore, StoredObject
from tests.clocks import ManualClock

NOW = 1_795_000_000.0
LIMIT = 3
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)
PAIR_ID, FINGERPRINT = "anna", "f" * 64
PREFIX = content_prefix(SETTINGS, PAIR_ID, FINGERPRINT)


class Bucket:
    """A ledger bucket that counts requests, and round trips by what is gathered."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.requests = 0
        self.round_trips = 0

    def add(self, name: str, body: bytes, age: float = 10_000.0) -> None:
        self.objects[PREFIX + name] = body, NOW - age

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        stored = self.get(bucket, key, 0)
        return stored.head if stored else None

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        self.requests += 1
        if key not in self.objects:
            return None
        body, written = self.objects[key]
        return StoredObject(ObjectHead(key, len(body), "e", None, written, NOW, {}), body)

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        self.requests += 1
        if key in self.objects:
            return CreateResult(created=False, versioned=False, date=None)
        self.objects[key] = body, NOW
        return CreateResult(created=True, versioned=False, date=NOW)

    # ---- concurrency

    def gather(self, *tasks: Callable[[], Any]) -> list[Any]:
        self.round_trips += 1
        return [task() for task in tasks]

    def run_pool(self, tasks: Iterator[Callable[[], Any]], workers: int) -> None:
        raise NotImplementedError

    def with_timeout(
        self, task: Callable[[], Any], seconds: float, on_late: Callable[[Any], None] | None = None
    ) -> Any:
        return task()

    def lock(self) -> AbstractContextManager[Any]:
        return threading.Lock()

    def ledger(self) -> Ledger:
        clock, rng = ManualClock(NOW), SystemRandom()
        store: Any = self
        unused: Any = None
        return Ledger(
            Context(
                settings=SETTINGS,
                store=RetryingStore(store, clock, rng),
                face=unused,
                frames=unused,
                clock=clock,
                rng=rng,
                concurrency=self,
                pacer=Unpaced(clock, defers_to_drain=False),
                info=InvocationInfo("", "", ""),
                deadline=NOW + 900,
                trusted_buckets={SETTINGS.ledger_bucket},
            ),
            PAIR_ID,
            FINGERPRINT,
        )


def released(number: int, history: History) -> bytes:
    return release_record(number, f"nonce-{number}", history.to_record())


def ledger_with(attempts: int) -> Bucket:
    """Return a bucket with so many attempts, each given back after a set-back."""
    bucket = Bucket()
    for number in range(1, attempts + 1):
        nonce = f"nonce-{number}"
        bucket.add(claim_name(number), claim_record("anna", number, nonce, {}))
        bucket.add(released_name(number), released(number, History(number, setbacks=number)))
    return bucket


def catch_up(bucket: Bucket, known: History) -> History:
    """Claim what follows `known`, as a walk does, and catch up with what is found instead."""
    ledger = bucket.ledger()
    bucket.requests = bucket.round_trips = 0
    found = ledger.claim(known, NothingBeside())
    assert isinstance(found, Theirs)
    history, lease_left = ledger.catch_up(known, found.claim, LIMIT)
    assert lease_left == 0
    return history


class NothingBeside:
    """No more than the claim itself."""

    def create_tasks(self) -> list[Callable[[], Any]]:
        return []

    def read_tasks(self) -> list[Callable[[], Any]]:
        return []


ATTEMPTS = [10, 100, 1000]


@pytest.mark.parametrize("attempts", ATTEMPTS)
def test_a_stale_marker_costs_the_same_at_any_number(attempts: int) -> None:
    bucket = ledger_with(attempts)

    history = catch_up(bucket, History(attempts - 1))

    assert history == History(attempts, setbacks=attempts)
    assert (bucket.requests, bucket.round_trips) == (12, 4)


@pytest.mark.parametrize("attempts", ATTEMPTS)
def test_a_first_visit_costs_little_at_any_number(attempts: int) -> None:
    """An event, a retry or a reconcile knows nothing: all is searched."""
    bucket = ledger_with(attempts)

    assert catch_up(bucket, History()).number == attempts

    assert bucket.requests <= 50
    assert bucket.round_trips <= 9


@pytest.mark.parametrize("attempts", range(1, 140))
def test_the_latest_attempt_is_always_found(attempts: int) -> None:
    assert catch_up(ledger_with(attempts), History()).number == attempts


def test_attempts_after_the_latest_release_are_unanswered() -> None:
    bucket = ledger_with(20)
    for number, age in ((21, 9000.0), (22, 5000.0)):
        bucket.add(claim_name(number), claim_record("anna", number, "other", {}), age)

    history = catch_up(bucket, History())

    assert (history.number, history.unanswered, history.setbacks) == (22, (21, 22), 20)
    assert history.since == NOW - 9000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        release_record(20, "another nonce", History(20).to_record()),
        release_record(20, "nonce-20", {}),
        released(20, History(7)),
    ],
)
def test_a_release_of_another_claim_settles_nothing(body: bytes) -> None:
    bucket = ledger_with(20)
    bucket.add(released_name(20), body)

    history = catch_up(bucket, History())

    assert (history.unanswered, history.setbacks) == ((20,), 19)
