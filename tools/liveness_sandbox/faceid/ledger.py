"""The calls of the face API, and which of them would be billed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class FaceCall:
    live_md5: str
    image_md5: str
    live_url: str
    """Host and path only, because the query contains a signature."""
    code: str
    sim: object
    request_id: str
    billed: bool
    at: datetime


class CallLedger:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[FaceCall] = []
        self._occurrences: dict[str, int] = {}

    def add(self, call: FaceCall) -> None:
        with self._lock:
            self._calls.append(call)

    def snapshot(self) -> list[FaceCall]:
        with self._lock:
            return list(self._calls)

    def next_occurrence(self, live_md5: str) -> int:
        """Return how many times this liveness package has been judged, starting at 1."""
        with self._lock:
            self._occurrences[live_md5] = self._occurrences.get(live_md5, 0) + 1
            return self._occurrences[live_md5]


def is_billed(code: str) -> bool:
    """Whether the code is one of the two that are billed (eKYC error table, 2023-06)."""
    return code == "Success" or code.rpartition(".")[2] == "CompareLowSimilarity"
