"""The sandbox as a context manager: it starts the emulated cloud, and removes it on exit."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from .account import APPID
from .blobs import BlobStore
from .cam.identities import Identities
from .cam.policies import Document
from .cam.roles import Role, Roles
from .cam.service import CamService
from .cam.trust import trusts_service
from .cam.users import Users
from .clock import Clock
from .cls.service import ClsService
from .cls.topics import Topics
from .cos.identifiers import request_id
from .cos.index import DirectoryIndex
from .cos.notifications import trigger_message
from .cos.service import CosService
from .cos.signature import Authenticator
from .cos.store import Bucket, CreationInfo, Index, Store
from .credentials import Credentials, KeyRing
from .data import DataFolder
from .faceid.service import FaceIdService
from .faults.active import Faults
from .faults.staleness import StaleViews
from .hooks import Hook
from .requestlog import RequestLog, RequestRecord
from .runtime.deployment import DeployOptions
from .runtime.function import Function
from .runtime.instances import Runner
from .runtime.platform import Platform
from .runtime.schedule import Scheduler
from .scf.service import ScfService
from .server import Server
from .sts.service import StsService

_log = logging.getLogger(__name__)
_PLATFORM = "scf.qcloud.com"
_DEFAULT_OPTIONS = DeployOptions()


class Sandbox:
    """COS, the face API and the function platform on one loopback port.

    The server runs in a thread of its own with its own event loop. Every method may be called from
    any thread.
    """

    appid = APPID

    def __init__(
        self,
        region: str = "ap-singapore",
        port: int = 0,
        data: Path | None = None,
        speed: float = 1,
        clock_offset_seconds: float = 0.0,
    ) -> None:
        """`speed` divides every delay of the function platform, such as retries and timers.

        With a negative `clock_offset_seconds` the sandbox begins in the past, and `clock.advance`
        lets time pass up to now: a history of days is made in seconds.
        """
        self.region = region
        self.port = port
        self.clock = Clock(clock_offset_seconds)
        self.hooks: list[Hook] = []
        self.faults = Faults()
        self.cos_latency_seconds = 0.0
        self.client_settings: dict[str, str] = {}
        """Further variables for `client_environment`, such as the name of the bucket."""
        self._keys = KeyRing(self.clock)
        self.credentials = self._keys.issue(self.appid)
        self._scheduler = Scheduler(self.clock, speed)
        self._data = None if data is None else DataFolder(data)
        self._scratch = Path(tempfile.mkdtemp(prefix="liveness-sandbox-"))
        self._requests = RequestLog()
        self.platform = Platform(
            region,
            self.appid,
            self._scratch / "functions",
            self._scheduler,
            self.clock,
            lambda: self.url,
            self._keys_of_function,
        )
        try:
            blobs, index = self._stored()
        except BaseException:
            self._release_folders()
            raise
        self._store = Store(self.clock, blobs, index)
        self._store.created = self.platform.notify
        self._store.consistency = StaleViews(self.faults, self.clock)
        if isinstance(index, DirectoryIndex):
            try:
                index.load(self._store, blobs)
            except BaseException:
                self._release_folders()
                raise
        self.faceid = FaceIdService(self._store, blobs, self._keys, self.clock, lambda: self.url)
        cos = CosService(self._store, Authenticator(self._keys), self.clock)
        self._roles = Roles(self.clock, self._keys)
        self._users = Users(self._keys)
        topics = Topics(self.clock, region)
        control = {
            "cam": CamService(self._roles, self._keys),
            "cls": ClsService(topics, self._keys, self.clock),
            "scf": ScfService(
                self.platform, self._store, self._roles, topics, self._keys, self.clock
            ),
            "sts": StsService(self._roles, self._keys, self.clock),
        }
        self._server = Server(cos, self.faceid, control, self._requests, self, self.clock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="liveness-sandbox", daemon=True
        )

    def __enter__(self) -> Sandbox:
        self._thread.start()
        try:
            self.port = self._in_loop(self._server.start(self.port))
        except BaseException:
            self._stop_loop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Stop the server first, so that no request meets a half-closed backend.
        try:
            self._in_loop(self._server.stop())
            self._in_loop(self.faceid.close())
        finally:
            self._scheduler.close()
            self.platform.close()
            self._stop_loop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[RequestRecord]:
        """All requests so far, in order of arrival."""
        return self._requests.snapshot()

    def temporary_credentials(
        self, lifetime_seconds: float = 7200, role: str | None = None
    ) -> Credentials:
        """Issue temporary keys of a role, or, without one, of the account's owner."""
        if role is None:
            return self._keys.issue_temporary(self.appid, lifetime_seconds)
        found = self._roles.find(name=role)
        if found is None:
            raise KeyError(f"no role {role}")
        return self._roles.assume(found, "sandbox", lifetime_seconds)

    def client_environment(self, identity: str | None = None) -> dict[str, str]:
        """Return the environment variables that make a client use the sandbox as its cloud.

        The keys are those of the user or role of this name, or of the account's owner.
        """
        keys = self.credentials if identity is None else self._keys_of(identity)
        token = {}
        if keys.token is not None:
            token = {"TENCENTCLOUD_SESSIONTOKEN": keys.token, "TENCENTCLOUD_TOKEN": keys.token}
        return {
            "http_proxy": self.url,
            "TENCENTCLOUD_SECRETID": keys.secret_id,
            "TENCENTCLOUD_SECRETKEY": keys.secret_key,
            # The spelling that the API's clients and tccli use.
            "TENCENTCLOUD_SECRET_ID": keys.secret_id,
            "TENCENTCLOUD_SECRET_KEY": keys.secret_key,
            **token,
            "TENCENTCLOUD_REGION": self.region,
            "TENCENTCLOUD_APPID": self.appid,
            **self.client_settings,
        }

    def create_bucket(
        self,
        name: str,
        versioning: str | None = None,
        encryption: str | None = None,
        region: str | None = None,
    ) -> Bucket:
        if not name.endswith(f"-{self.appid}"):
            raise ValueError(f"the full name of a bucket ends in -{self.appid}")
        return self._store.create(name, region or self.region, versioning, encryption)

    def bucket(self, name: str) -> Bucket:
        bucket = self._store.find(name)
        if bucket is None:
            raise KeyError(f"no bucket {name}")
        return bucket

    def put_role(self, name: str, trust: Document, policies: Mapping[str, Document]) -> Role:
        """Create or replace a role with its policies by name. Raise InvalidPolicy."""
        return self._roles.put(name, trust, policies)

    def put_user(self, name: str, policies: Mapping[str, Document]) -> Credentials:
        """Create a sub-account with its policies by name, or replace its policies.

        Return its key, which stays the same. Raise InvalidPolicy.
        """
        return self._users.put(name, policies).credentials

    def put_identities(self, identities: Identities) -> None:
        """Create or replace users and roles. Raise InvalidPolicy."""
        for name, policies in identities.users.items():
            self.put_user(name, policies)
        for name, role in identities.roles.items():
            self.put_role(name, role.trust, role.policies)

    @property
    def identities(self) -> list[str]:
        """The names of all users and roles."""
        return [each.name for each in (*self._users, *self._roles)]

    @property
    def functions(self) -> list[Function]:
        return self.platform.functions

    def deploy(
        self,
        name: str,
        code: Path,
        options: DeployOptions = _DEFAULT_OPTIONS,
        runner: Runner | None = None,
    ) -> Function:
        """Deploy a function from a read-only copy of the code folder.

        A `runner` takes the place of processes that run this code.
        """
        return self.platform.deploy(name, code, options, runner)

    def trigger_event(
        self, bucket: str | Bucket, key: str, kind: str = "Put", function: str = "liveness"
    ) -> dict[str, Any]:
        """Build the trigger message for an existing object, without sending it."""
        source = self.bucket(bucket) if isinstance(bucket, str) else bucket
        stored = source.get(key)
        if stored is None:
            raise KeyError(f"no object {key!r} in {source.name}")
        return trigger_message(
            source, stored, CreationInfo(kind, request_id()), function, self.clock.now()
        )

    def wait_idle(self, timeout_seconds: float = 30) -> None:
        """Wait until no event is queued, running or waiting for a retry."""
        deadline = time.monotonic() + timeout_seconds
        # What one function writes may trigger another one.
        while not all(function.is_idle for function in self.platform.functions):
            for function in self.platform.functions:
                function.wait_idle(deadline)

    def _keys_of(self, identity: str) -> Credentials:
        user = self._users.find(identity)
        return self.temporary_credentials(role=identity) if user is None else user.credentials

    def _keys_of_function(self, role: str | None, lifetime_seconds: float) -> Credentials | None:
        if role is None:
            return self.temporary_credentials(lifetime_seconds)
        if not role:  # a function of the API without an execution role
            return None
        found = self._roles.find(name=role)
        if found is None or not trusts_service(found.trust, _PLATFORM):
            _log.warning("a function gets no keys: there is no role %s that trusts SCF", role)
            return None
        return self.temporary_credentials(lifetime_seconds, role)

    def _in_loop(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    def _stop_loop(self) -> None:
        if self._thread.is_alive():
            self._in_loop(_cancel_others())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._release_folders()

    def _stored(self) -> tuple[BlobStore, Index]:
        if self._data is None:
            return BlobStore(self._scratch / "blobs", durable=False), Index()
        blobs = BlobStore(self._data.folder("blobs"), durable=True)
        return blobs, DirectoryIndex(self._data.folder("buckets"))

    def _release_folders(self) -> None:
        if self._data is not None:
            self._data.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


async def _cancel_others() -> None:
    """Cancel and await all remaining tasks, so that none is destroyed while it is pending."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
