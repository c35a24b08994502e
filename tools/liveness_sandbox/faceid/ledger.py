"""What the face API was asked, and what of it would be on the bill."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FaceCall:
    live_md5: str
    image_md5: str
    live_url: str
    """Host and path only: the query would be a signature."""
    code: str
    sim: object
    request_id: str
    billed: bool
    at: datetime


class CallLedger:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[FaceCall] = []
        self._seen: dict[str, int] = {}

    def add(self, call: FaceCall) -> None:
        with self._lock:
            self._calls.append(call)

    def snapshot(self) -> list[FaceCall]:
        with self._lock:
            return list(self._calls)

    def next_occurrence(self, live_md5: str) -> int:
        """The how-manieth time this liveness package is judged, from 1."""
        with self._lock:
            self._seen[live_md5] = self._seen.get(live_md5, 0) + 1
            return self._seen[live_md5]


def is_billed(code: str) -> bool:
    """Only these two, as the document says (eKYC error table, 2023-06)."""
    return code == "Success" or code.rpartition(".")[2] == "CompareLowSimilarity"
