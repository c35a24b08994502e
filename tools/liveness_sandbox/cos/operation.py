"""One authorised request on one bucket."""

from __future__ import annotations

from dataclasses import dataclass

from ..wire import WireRequest
from .signature import Identity
from .store import Bucket


@dataclass(frozen=True)
class Operation:
    request: WireRequest
    bucket: Bucket
    key: str
    identity: Identity
