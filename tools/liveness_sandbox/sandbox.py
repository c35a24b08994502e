"""The sandbox as a test holds it: one `with`, and the cloud is there; after it, nothing is left."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from .blobs import BlobStore
from .clock import Clock
from .cos.index import DirectoryIndex
from .cos.notifications import trigger_message
from .cos.service import CosService
from .cos.signature import Authenticator
from .cos.store import Bucket, Creation, Index, Store, StoredObject, request_id
from .credentials import Credentials, KeyRing
from .faceid.service import FaceIdService
from .hooks import Hook
from .requestlog import LoggedRequest, RequestLog
from .runtime.environment import Deployment
from .runtime.function import Function
from .runtime.triggers import CosTrigger, Trigger
from .server import Server

_ROLE_LIFETIME_S = 6 * 3600


class Sandbox:
    """COS, the face API and the function platform on one loopback port.

    The server runs in a thread of its own with its own event loop; everything here may be called
    from any thread.
    """

    appid = "1250000000"

    def __init__(
        self, region: str = "ap-singapore", port: int = 0, data: Path | None = None
    ) -> None:
        self.region = region
        self.port = port
        self.clock = Clock()
        self.hooks: list[Hook] = []
        self.cos_latency_s = 0.0
        self._keys = KeyRing(self.clock)
        self.credentials = self._keys.issue(self.appid)
        self._scratch = (
            None if data is not None else Path(tempfile.mkdtemp(prefix="liveness-sandbox-"))
        )
        self._requests = RequestLog()
        self._functions: dict[str, Function] = {}
        blobs = BlobStore((data or self._scratch or Path()) / "blobs", keep=data is not None)
        index = DirectoryIndex(data / "buckets") if data is not None else Index()
        self._store = Store(self.clock, blobs, index)
        self._store.created = self._notify
        if isinstance(index, DirectoryIndex):
            index.load(self._store, blobs)
        self.faceid = FaceIdService(self._store, blobs, self._keys, self.clock, lambda: self.url)
        cos = CosService(self._store, Authenticator(self._keys), self.clock)
        self._server = Server(cos, self.faceid, self._requests, self, self.clock)
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
        for function in self._functions.values():
            function.close()
        try:
            self._in_loop(self.faceid.close())
            self._in_loop(self._server.stop())
        finally:
            self._stop_loop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request so far, in order of arrival."""
        return self._requests.snapshot()

    def temporary_credentials(self, lifetime_s: float = 7200) -> Credentials:
        return self._keys.issue_temporary(self.appid, lifetime_s)

    def client_environment(self) -> dict[str, str]:
        """What a client needs to take the sandbox for the cloud."""
        return {
            "http_proxy": self.url,
            "TENCENTCLOUD_SECRETID": self.credentials.secret_id,
            "TENCENTCLOUD_SECRETKEY": self.credentials.secret_key,
            "TENCENTCLOUD_REGION": self.region,
            "TENCENTCLOUD_APPID": self.appid,
        }

    def create_bucket(
        self,
        name: str,
        versioning: str | None = None,
        encryption: str | None = None,
        region: str | None = None,
    ) -> Bucket:
        if not name.endswith(f"-{self.appid}"):
            raise ValueError(f"a bucket's full name ends in -{self.appid}")
        return self._store.create(name, region or self.region, versioning, encryption)

    def bucket(self, name: str) -> Bucket:
        bucket = self._store.find(name)
        if bucket is None:
            raise KeyError(f"no bucket {name}")
        return bucket

    def deploy(
        self,
        name: str,
        code: Path,
        handler: str = "index.main_handler",
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 60,
        memory_mb: int = 128,
        triggers: Sequence[Trigger] = (),
        instances: int = 2,
        python: str = sys.executable,
        retries: int = 0,
        retry_delay_s: float = 60,
    ) -> Function:
        """Put a function up. The real platform retries asynchronous events twice."""
        deployment = Deployment(
            name,
            Path(code).resolve(),
            handler,
            dict(environment or {}),
            timeout_s,
            memory_mb,
            self.region,
            self.appid,
            python,
            self.url,
        )
        if name in self._functions:
            raise ValueError(f"there is a function {name} already")
        function = Function(
            deployment,
            triggers,
            instances,
            retries,
            retry_delay_s,
            lambda: self.temporary_credentials(_ROLE_LIFETIME_S),
            self.clock,
        )
        self._functions[name] = function
        return function

    def event_for(
        self, bucket: str | Bucket, key: str, kind: str = "Put", function: str = "liveness"
    ) -> dict[str, Any]:
        """The trigger message about an object that is there, without sending it."""
        found = self.bucket(bucket) if isinstance(bucket, str) else bucket
        stored = found.get(key)
        if stored is None:
            raise KeyError(f"no object {key!r} in {found.name}")
        return trigger_message(
            found, stored, Creation(kind, request_id()), function, self.clock.now()
        )

    def wait_idle(self, timeout_s: float = 30) -> None:
        """Until no event is queued, running or waiting for a retry."""
        deadline = time.monotonic() + timeout_s
        for function in self._functions.values():
            function.wait_idle(deadline)

    def _notify(self, bucket: Bucket, stored: StoredObject, creation: Creation) -> None:
        event_name = f"cos:ObjectCreated:{creation.kind}"
        for function in list(self._functions.values()):
            for trigger in function.triggers:
                if isinstance(trigger, CosTrigger) and trigger.matches(
                    bucket, stored.key, event_name
                ):
                    function.queue(
                        trigger_message(bucket, stored, creation, function.name, self.clock.now())
                    )

    def _in_loop(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
