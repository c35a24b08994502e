"""The face API over tencentcloud-sdk-python-common: the only file that knows that SDK.

The SDK is imported at the first call, so that a pair that waits for its partner never pays for it.

Connecting is a step of its own: until a connection stands, nothing was sent and nothing can have
been billed, and after a call's deadline nothing is sent any more. Only the connection itself knows,
so the SDK gets connections that ask before they send.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from ..face_api import (
    Answer,
    DetectRequest,
    NoReply,
    NotSent,
    UploadTarget,
    read_detect_reply,
    read_upload_reply,
)
from ..records import LATE_ANSWER_SECONDS
from ..runtime import Clock, Concurrency
from ..settings import Settings
from .connections import has_unread_plaintext, tls_context
from .credentials import Credentials

ENDPOINT = "faceid.intl.tencentcloudapi.com"
VERSION = "2018-03-01"
ACTION = "DetectReflectLivenessAndCompare"
_CONNECT_SECONDS = 3.0
_MAX_REPLY_BYTES = 1024 * 1024  # an answer has about one KB
# A connection that was idle longer may have been dropped silently; a paid call on it would get no
# reply and count as billed.
_MAX_IDLE_SECONDS = 30.0
# No more are opened in advance: not every claim leads to a call.
_MAX_RESERVED = 32


class FaceId:
    """A FaceApi that lives as long as the instance and keeps its connections."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._idle_clients: list[_Client] = []
        self._reserved = 0  # of the idle clients
        self._credentials: Credentials | None = None
        self._settings: Settings | None = None

    def configure(self, settings: Settings, credentials: Credentials) -> None:
        """Take the settings and credentials of this invocation."""
        self._settings = settings
        self._credentials = credentials
        self._reserved = 0

    def detect(
        self, request: DetectRequest, seconds: float, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NotSent | NoReply:
        params = {
            "LiveDataUrl": request.live_url,
            "LiveDataMd5": request.live_md5,
            "ImageUrl": request.image_url,
            "ImageMd5": request.image_md5,
        }

        def take_late(reply: Any) -> None:
            answer = None if isinstance(reply, (NotSent, NoReply)) else read_detect_reply(reply)
            if isinstance(answer, Answer):
                on_late_answer(answer)

        reply = self._call(ACTION, params, seconds, take_late)
        return reply if isinstance(reply, (NotSent, NoReply)) else read_detect_reply(reply)

    def reserve_connection(self) -> Callable[[], None] | None:
        self._reserved += 1
        wanted = min(self._reserved, _MAX_RESERVED)
        return self._connect if wanted > len(self._idle_clients) else None

    def _connect(self) -> None:
        """Connect a new client, and keep it for the next call. One that fails has no effect."""
        with contextlib.suppress(Exception):  # of any kind: the call itself will meet it, too
            client = self._new_client()
            client.connect(f"{self._endpoint[1]}://{ENDPOINT}")
            self._idle_clients.append(client._replace(last_used=self._clock.monotonic()))

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        reply = self._call("CreateUploadUrl", {"TargetAction": ACTION}, seconds)
        if isinstance(reply, NoReply):
            return NotSent(reply.reason)  # free, so a lost reply costs nothing
        return reply if isinstance(reply, NotSent) else read_upload_reply(reply)

    def _call(
        self,
        action: str,
        params: dict[str, str],
        seconds: float,
        on_late: Callable[[Any], None] | None = None,
    ) -> Any:
        """Return the decoded reply, NotSent or NoReply."""
        client = self._checkout_client(seconds)
        sending = client.gate.open_until(self._clock.monotonic() + seconds)

        def call() -> Any:
            return self._send(client, sending, action, params)

        try:
            # The HTTP library's timeout is for each read; this one is for the whole call.
            return self._concurrency.with_timeout(call, seconds, on_late)
        except TimeoutError:
            if sending.was_sent():
                return NoReply(f"no reply within {seconds:.0f} s")
            return NotSent(f"not connected within {seconds:.0f} s")

    def _send(self, client: _Client, sending: _Sending, action: str, params: dict[str, str]) -> Any:
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import (
            TencentCloudSDKException,
        )

        try:
            reply = client.sdk.call_json(action, params)
        except TencentCloudSDKException as error:
            if error.code == "ClientNetworkError":
                failure = NoReply if sending.was_sent() else NotSent
                return failure(type(error.__context__).__name__)
            return NoReply("the reply's status was not 200")
        except Exception as error:  # whatever the decoder makes of it
            failure = NoReply if sending.was_sent() else NotSent
            return failure(f"the reply could not be read ({type(error).__name__})")
        self._idle_clients.append(client._replace(last_used=self._clock.monotonic()))
        return reply

    def _checkout_client(self, seconds: float) -> _Client:
        """Take an idle client out of the list, or make a new one: each has one user at a time."""
        from tencentcloud.common.credential import Credential

        assert self._credentials is not None
        self._reserved = max(0, self._reserved - 1)
        oldest = self._clock.monotonic() - _MAX_IDLE_SECONDS
        client: _Client | None = None
        while self._idle_clients and client is None:
            idle = self._idle_clients.pop()
            is_usable = idle.endpoint == self._endpoint and idle.last_used >= oldest
            client = idle if is_usable else None
        client = client or self._new_client()
        # Keys explicitly: the SDK looks for other names in the environment than SCF sets.
        client.sdk.credential = Credential(*self._credentials)
        client.sdk.request.conn.timeout = (_CONNECT_SECONDS, seconds + LATE_ANSWER_SECONDS)
        return client

    @property
    def _endpoint(self) -> tuple[str, str]:
        assert self._settings is not None
        return self._settings.region, self._settings.endpoint_scheme

    def _new_client(self) -> _Client:
        return _new_client(self._endpoint, _Gate(self._clock, self._concurrency))


class _DeadlineOver(OSError):
    """The connection was established too late: nothing is sent on it."""


class _Sending:
    """One call's permission to send, which ends at its deadline or when it is first asked about."""

    def __init__(self, deadline: float, clock: Clock, concurrency: Concurrency) -> None:
        self._deadline = deadline
        self._clock = clock
        self._lock = concurrency.lock()
        self._began = self._over = False

    def begin(self) -> None:
        """Take note that the request is about to leave. Raises _DeadlineOver if it must not."""
        with self._lock:
            if self._over or self._clock.monotonic() >= self._deadline:
                raise _DeadlineOver("the call's deadline is over")
            self._began = True

    def was_sent(self) -> bool:
        """Whether the request may have left; if it has not, it never will."""
        with self._lock:
            self._over = True
            return self._began


class _Gate:
    """What a client's connections ask before they send."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self.sending = _Sending(0.0, clock, concurrency)

    def open_until(self, deadline: float) -> _Sending:
        self.sending = _Sending(deadline, self._clock, self._concurrency)
        return self.sending


class _Client(NamedTuple):
    """An SDK client and its connection."""

    sdk: Any
    gate: _Gate
    endpoint: tuple[str, str]  # region and scheme
    last_used: float  # monotonic

    def connect(self, url: str) -> None:
        """Open the connection on which the next request will be sent."""
        from requests import Request

        kept = self.sdk.request.conn
        session = kept._session
        # As the SDK has it for every request; only the same pool's connection is used again.
        how = session.merge_environment_settings(url, {}, None, kept.certification, None)
        session.get_adapter(url).connect(
            Request("GET", url).prepare(), how["verify"], how["proxies"]
        )


def _new_client(endpoint: tuple[str, str], gate: _Gate) -> _Client:
    from tencentcloud.common.common_client import CommonClient
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile

    region, scheme = endpoint
    profile = ClientProfile(
        language="en-US",
        httpProfile=HttpProfile(protocol=scheme, endpoint=ENDPOINT, keepAlive=True),
    )  # no retryer: the SDK's calls again after a success
    sdk = CommonClient("faceid", VERSION, None, region, profile)
    # A redirect would carry token and links to another host, and could be a second paid call.
    session = sdk.request.conn._session
    session.max_redirects = 0
    session.auth = lambda request: request  # else one from a netrc file replaces the signature
    for prefix in ("http://", "https://"):
        session.mount(prefix, _gated_adapter(gate))
    # The SDK's own check fails on an error that lacks one of its fields, and prints what the
    # service says about a deprecation, links and all. face_api.py reads what a reply means.
    sdk._check_error = lambda _: None

    def limit_body(reply: Any, **_: Any) -> None:
        """Read no more of a body than an answer may have."""
        body = reply.raw.read(_MAX_REPLY_BYTES + 1, decode_content=True)
        if len(body) > _MAX_REPLY_BYTES:
            raise ValueError("the reply is too long")
        reply._content, reply._content_consumed = body, True

    session.hooks["response"].append(limit_body)
    return _Client(sdk, gate, endpoint, 0.0)


def _gated_adapter(gate: _Gate) -> Any:
    """Return an adapter whose connections are established first, and then ask before they send."""
    import requests.adapters
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class GatedHTTP(HTTPConnection):
        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is None:
                self.connect()
            gate.sending.begin()
            super().putrequest(*args, **kwargs)

    class GatedHTTPS(HTTPSConnection):
        def putrequest(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is None:
                self.connect()
            elif has_unread_plaintext(self.sock):  # urllib3 looks at the socket only
                raise ConnectionError("what followed the last reply would answer this call")
            gate.sending.begin()
            super().putrequest(*args, **kwargs)

    class HTTPPool(HTTPConnectionPool):
        ConnectionCls = GatedHTTP

    class HTTPSPool(HTTPSConnectionPool):
        ConnectionCls = GatedHTTPS

    pools = {"http": HTTPPool, "https": HTTPSPool}

    class Adapter(requests.adapters.HTTPAdapter):
        def build_connection_pool_key_attributes(
            self, request: Any, verify: Any, cert: Any = None
        ) -> tuple[Any, Any]:
            """Have all connections verify hosts by one context; each would read one of its own."""
            host, _ = super().build_connection_pool_key_attributes(request, True)
            if host["scheme"] == "http":
                return host, {}
            return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": tls_context("faceid")}

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            """Leave the pool as it was made."""

        def connect(self, request: Any, verify: Any, proxies: Any) -> None:
            pool: Any = self.get_connection_with_tls_context(request, verify, proxies)
            connection = pool._get_conn()
            try:
                # A proxy's tunnel is opened by the request itself.
                if connection.sock is None and not (pool.proxy and pool.scheme == "https"):
                    connection.timeout = _CONNECT_SECONDS
                    connection.connect()
            finally:
                pool._put_conn(connection)

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(*args, **kwargs)
            manager.pool_classes_by_scheme = pools
            return manager

    return Adapter()
