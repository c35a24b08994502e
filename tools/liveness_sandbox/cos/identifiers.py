"""The identifiers that COS gives to requests, in the format of its replies (436/7729)."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from base64 import b64encode
from dataclasses import dataclass, field

_MACHINE = secrets.token_hex(4)
_PROCESS = f"{os.getpid():x}"
_numbers = itertools.count(secrets.randbits(20))


def request_id() -> str:
    """Build an id from the time, the machine, the process and a counter, in base64."""
    name = f"{int(time.time()):x}_{_MACHINE}_{_PROCESS}_{next(_numbers):x}"
    return b64encode(name.encode()).decode()


def _trace_id() -> str:
    return b64encode(secrets.token_hex(64).encode()).decode()


@dataclass(frozen=True)
class Identifiers:
    """The headers that every reply of COS has."""

    request_id: str = field(default_factory=request_id)
    trace_id: str = field(default_factory=_trace_id)

    def headers(self) -> dict[str, str]:
        return {
            "Server": "tencent-cos",
            "x-cos-request-id": self.request_id,
            "x-cos-trace-id": self.trace_id,
        }
