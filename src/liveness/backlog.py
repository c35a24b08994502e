"""The backlog: durable notes that a pair is due. Here: parking one."""

from __future__ import annotations

import json

from .keys import marker_key
from .seams import Chance, Clock
from .settings import Settings
from .store import JSON, ObjectStore


def park(
    settings: Settings,
    store: ObjectStore,
    clock: Clock,
    chance: Chance,
    pair_id: str,
    due: float,
    reason: str,
) -> None:
    """Write a marker: this pair is to be walked again at `due` (seconds since 1970)."""
    marker = {
        "schema": "liveness-marker/1",
        "pair_id": pair_id,
        "due": due,
        "reason": reason,
        "parked_at": clock.now(),
        "visits": 0,
    }
    store.put(
        settings.ledger_bucket,
        marker_key(settings, pair_id, due, chance.nonce()),
        json.dumps(marker, ensure_ascii=False).encode(),
        JSON,
        {},
    )
