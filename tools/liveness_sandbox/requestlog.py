"""Every request that ever arrived, in order, for tests to look at."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class RequestRecord:
    """Filled in as the request proceeds; `status` stays None if there never is a reply."""

    service: str
    """cam, cos, faceid, scf, admin (the sandbox itself) or unknown (a host outside the cloud)."""
    method: str
    host: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    """By lower-case name."""
    action: str
    """Of API 3.0."""
    auth: str
    """header, query, form or none: where the signature is, right or wrong."""
    principal: str
    """The secret id that is claimed."""
    user_agent: str
    started: float
    """time.monotonic()"""
    ended: float | None = None
    status: int | None = None
    error_code: str = ""
    bytes_in: int = 0
    bytes_out: int = 0


class RequestLog:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[RequestRecord] = []

    def add(self, request: RequestRecord) -> None:
        with self._lock:
            self._requests.append(request)

    def snapshot(self) -> list[RequestRecord]:
        with self._lock:
            return list(self._requests)
