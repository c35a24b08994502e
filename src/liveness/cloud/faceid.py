"""The client of the face API: tencentcloud-sdk-python-common signs requests, and we send them.

The SDK is imported at the first call, so that a walk that only finds an incomplete pair never pays
for it. It sends nothing itself, for the reason that cos.py gives.

Connecting is a step of its own: until a connection is established, nothing was sent and nothing can
have been billed. After a call's deadline nothing is sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
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
from .connections import NETWORK_ERRORS, Connections
from .credentials import Credentials

ENDPOINT = "faceid.intl.tencentcloudapi.com"
VERSION = "2018-03-01"
ACTION = "DetectReflectLivenessAndCompare"
_MAX_REPLY_BYTES = 1024 * 1024  # an answer has about one KB
# No more connections are opened in advance: not every claim leads to a call.
_MAX_RESERVED = 32


class FaceId:
    """A FaceApi that lives as long as the instance and keeps its connections."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._connections = Connections(clock.monotonic)
        self._reserved = 0  # of the idle connections
        self._credentials: Credentials | None = None
        self._settings: Settings | None = None

    def configure(self, settings: Settings, credentials: Credentials) -> None:
        """Take the settings and credentials of this invocation."""
        self._settings = settings
        self._credentials = credentials
        self._reserved = 0
        self._connections.read_environment()

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
        return self._connect if wanted > self._connections.idle(self._scheme, ENDPOINT) else None

    def _connect(self) -> None:
        """Open a connection, and keep it for the next call. A failure has no effect."""
        with contextlib.suppress(*NETWORK_ERRORS):  # the call itself will meet it, too
            self._connections.open(self._scheme, ENDPOINT)

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
        self._reserved = max(0, self._reserved - 1)
        client = self._sdk_client()
        sending = _Sending(self._clock.monotonic() + seconds, self._clock, self._concurrency)

        def call() -> Any:
            client.request = _Transport(
                self._connections, self._scheme, sending, seconds + LATE_ANSWER_SECONDS
            )
            return _send(client, sending, action, params)

        try:
            # The HTTP library's timeout is for each read; this one is for the whole call.
            return self._concurrency.with_timeout(call, seconds, on_late)
        except TimeoutError:
            if sending.was_sent():
                return NoReply(f"no reply within {seconds:.0f} s")
            return NotSent(f"not connected within {seconds:.0f} s")

    def _sdk_client(self) -> Any:
        from tencentcloud.common.common_client import CommonClient
        from tencentcloud.common.credential import Credential
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile

        assert self._settings is not None and self._credentials is not None
        # Keys explicitly: the SDK looks for other names in the environment than SCF sets.
        credential = Credential(*self._credentials)
        # No retryer: the SDK's calls again after a success.
        profile = ClientProfile(language="en-US", httpProfile=HttpProfile(endpoint=ENDPOINT))
        return CommonClient("faceid", VERSION, credential, self._settings.region, profile)

    @property
    def _scheme(self) -> str:
        assert self._settings is not None
        return self._settings.endpoint_scheme


def _send(client: Any, sending: _Sending, action: str, params: dict[str, str]) -> Any:
    """Return the decoded reply, NotSent or NoReply."""
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

    try:
        return client.call_json(action, params)
    except Exception as error:  # of the network, or in decoding the reply
        if not sending.was_sent():
            return NotSent(type(error).__name__)
        has_status = isinstance(error, TencentCloudSDKException)
        return NoReply("the reply's status was not 200" if has_status else type(error).__name__)


class _DeadlineOver(OSError):
    """The connection was established too late: nothing is sent on it."""


class _Sending:
    """One call's permission to send, which ends at its deadline or at the first `was_sent`."""

    def __init__(self, deadline: float, clock: Clock, concurrency: Concurrency) -> None:
        self._deadline = deadline
        self._clock = clock
        self._lock = concurrency.lock()
        self._began = self._over = False

    def begin(self) -> None:
        """Record that the request is about to be sent. Raises _DeadlineOver if it must not be."""
        with self._lock:
            if self._over or self._clock.monotonic() >= self._deadline:
                raise _DeadlineOver("the call's deadline is over")
            self._began = True

    def was_sent(self) -> bool:
        """Whether the request may have been sent; if it was not, it never will be."""
        with self._lock:
            self._over = True
            return self._began


class _Transport(NamedTuple):
    """Sends one request for the SDK, in place of its own HTTP client."""

    connections: Connections
    scheme: str
    sending: _Sending
    read_seconds: float

    def send_request(self, request: Any) -> Any:
        """Send a signed request, and return the reply. Raises one of NETWORK_ERRORS."""
        with self.connections.request(
            request.method,
            f"{self.scheme}://{ENDPOINT}{request.uri}",
            request.header,
            request.data.encode(),
            read_seconds=self.read_seconds,
            before_sending=self.sending.begin,
        ) as reply:
            body = reply.read_all(_MAX_REPLY_BYTES)
        if len(body) > _MAX_REPLY_BYTES:
            raise ValueError("the reply is too long")
        # Without headers the SDK skips its own check, which fails on an error that lacks a field,
        # and which prints what the service says about a deprecation, links included.
        # face_api.py reads what a reply means.
        return SimpleNamespace(status_code=reply.status, headers={}, content=body)
