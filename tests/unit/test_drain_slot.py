"""What a drainer tells events: that it is busy, for as long as its slots last."""

from __future__ import annotations

from typing import Any

from liveness.drain_slot import SlotLease
from liveness.keys import SLOT_SECONDS
from liveness.settings import read_settings
from liveness.store import CreateResult, RetryingStore
from tests.clocks import ManualClock

NOW = 1_795_000_000.0
SETTINGS = read_settings(
    {"TENCENTCLOUD_REGION": "ap-singapore", "LIVENESS_BUCKET": "faces-1250000000"}
)


class Ledger:
    """A bucket that takes every object, and the drainer's view of it."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.deleted: list[str] = []
        ctx: Any = self
        self.settings = SETTINGS
        self.store = RetryingStore(ctx, self.clock, ctx)
        self.rng = self.info = self

    def token(self) -> str:
        return "0" * 24

    def to_record(self) -> dict[str, str]:
        return {}

    def seconds_for_calls(self) -> float:
        return NOW + 880 - self.clock.now()

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        return CreateResult(True, False, self.clock.now())

    def delete(self, bucket: str, key: str) -> None:
        self.deleted.append(key)


def test_only_signs_of_slots_that_last_are_deleted() -> None:
    """At the end of a long drain it would take seconds to delete those of all its slots."""
    ledger = Ledger()
    ctx: Any = ledger
    lease = SlotLease(ctx, 0, min_seconds=35, handover_seconds=1)
    assert lease.acquire_current()
    for _ in range(40):
        ledger.clock.time += SLOT_SECONDS / 2
        assert lease.renew()
        lease.announce(True)

    lease.announce(False)

    slot = int(ledger.clock.time // SLOT_SECONDS)
    names = [key.rpartition("/")[2] for key in ledger.deleted]
    assert f"{slot}-0-busy" in names
    assert len(names) == 2
