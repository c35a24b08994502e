"""Builds the clients of COS and FaceID for one invocation."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ..face_api import FaceApi, FrameSource
from ..runtime import Clock, Concurrency
from ..settings import Settings
from ..store import ObjectStore
from .connections import Connections
from .cos import CosStore
from .credentials import Credentials
from .faceid import FaceId


class Clients(NamedTuple):
    """What an invocation talks to."""

    store: ObjectStore
    face: FaceApi
    frames: FrameSource


class ClientFactory(Protocol):
    """Makes each invocation's clients; an instance keeps it between invocations."""

    def connect(self, settings: Settings, credentials: Credentials) -> Clients:
        """Return clients with these settings and credentials. Makes no request."""


class CloudClients:
    """COS and FaceID; connections are kept, credentials are not."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._connections = Connections()
        self._face = FaceId(clock, concurrency)

    def connect(self, settings: Settings, credentials: Credentials) -> Clients:
        cos = CosStore(settings, credentials, self._connections)
        self._face.configure(settings, credentials)
        return Clients(cos, self._face, cos)
