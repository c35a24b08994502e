"""The active faults: each is consulted at every request, and counts its hits."""

from __future__ import annotations

import random
import threading
from itertools import count

from ..api.errors import ApiError, new_request_id
from ..cos.errors import CosError
from ..cos.identifiers import Identifiers
from ..hooks import Delay, Drop, Hook, Phase
from ..requestlog import RequestRecord
from ..wire import Reply
from .fault import Fault, InvalidFault

_MESSAGE = "An error injected by a fault of the sandbox"


class ActiveFault:
    def __init__(self, number: int, fault: Fault) -> None:
        self.id = str(number)
        self.fault = fault
        self.hits = 0
        self._random = random.Random(fault.match.seed)
        self._lock = threading.Lock()

    def should_fire(self) -> bool:
        """Decide whether to hit a matching request, and count it as a hit if so.

        Call it once for each matching request.
        """
        match = self.fault.match
        with self._lock:
            if match.times is not None and self.hits >= match.times:
                return False
            if self._random.random() >= match.probability:
                return False
            self.hits += 1
            return True

    def hook(self, request: RequestRecord, phase: Phase) -> Reply | Drop | Delay | None:
        action = self.fault.action
        if action.stale_kind or phase != action.phase:
            return None
        if not self.fault.match.matches(request) or not self.should_fire():
            return None
        if action.delay is not None:
            return Delay(action.delay)
        if action.drop or action.reset:
            return Drop(reset=action.reset is not None)
        return _error(request, action.status, action.code)


class Faults:
    """The active faults, which may be changed at any time and from any thread."""

    def __init__(self) -> None:
        self._active: dict[str, ActiveFault] = {}
        self._numbers = count(1)

    def add(self, fault: Fault) -> str:
        """Activate a fault, and return the id to remove it with."""
        active = ActiveFault(next(self._numbers), fault)
        self._active[active.id] = active
        return active.id

    def remove(self, id: str) -> None:
        if self._active.pop(id, None) is None:
            raise InvalidFault(f"there is no fault {id!r}")

    def clear(self) -> None:
        self._active.clear()

    def snapshot(self) -> list[ActiveFault]:
        """Return the faults in the order in which they were added and are consulted."""
        return list(self._active.values())

    @property
    def hooks(self) -> list[Hook]:
        return [active.hook for active in self.snapshot()]

    def stale(self, kind: str) -> list[ActiveFault]:
        return [active for active in self.snapshot() if active.fault.action.stale_kind == kind]


def _error(request: RequestRecord, status: int | None, code: str | None) -> Reply:
    return (_cos_error if request.service == "cos" else _api_error)(request, status, code)


def _api_error(request: RequestRecord, status: int | None, code: str | None) -> Reply:
    if code is None:
        # Not an error of the API, but of the gateway in front of it.
        return Reply(status or 502, b"<html>out of order</html>", {"Content-Type": "text/html"})
    request.error_code = code
    return ApiError(code, _MESSAGE).reply(new_request_id(), status or 200)


def _cos_error(request: RequestRecord, status: int | None, code: str | None) -> Reply:
    status = status or 500
    # The two server errors that clients encounter (436/7730).
    error = CosError(status, code or ("SlowDown" if status == 503 else "InternalError"), _MESSAGE)
    request.error_code = error.code
    return error.reply(request.method, f"{request.host}/{request.key}", Identifiers())
