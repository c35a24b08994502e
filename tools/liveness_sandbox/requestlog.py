"""A log of all requests in the order of their arrival, for tests to inspect."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class RequestRecord:
    """Filled in as the request proceeds; `status` stays None if no reply is sent."""

    service: str
    """An API (cam, cls, cos, faceid, scf, sts), admin (the sandbox itself) or unknown."""
    method: str
    host: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    """Keyed by lower-case name."""
    action: str
    """The action of an API 3.0 request."""
    auth: str
    """Where the signature is, valid or not: header, query, form or none."""
    principal: str
    """The secret id that the request claims."""
    user_agent: str
    started: float
    """In seconds of time.monotonic()."""
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
