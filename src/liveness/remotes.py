"""The remotes of one invocation, over the vendors' SDKs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .cos import CosStore, new_session
from .credentials import Credentials
from .face import FaceApi
from .faceid import FaceId
from .frames import FrameSource
from .seams import Clock, Concurrency
from .settings import Settings
from .store import ObjectStore


class Remotes(NamedTuple):
    """What an invocation talks to."""

    store: ObjectStore
    face: FaceApi
    frames: FrameSource


class Connector(Protocol):
    """What an instance keeps from one invocation to the next to reach its remotes."""

    def connect(self, settings: Settings, credentials: Credentials) -> Remotes:
        """The remotes under these settings and credentials. No request is made."""


class Vendors:
    """COS and FaceID; connections are kept, credentials are not."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._session = new_session()
        self._face = FaceId(clock, concurrency)

    def connect(self, settings: Settings, credentials: Credentials) -> Remotes:
        cos = CosStore(settings, credentials, self._session)
        self._face.use(settings, credentials)
        return Remotes(cos, self._face, cos)
