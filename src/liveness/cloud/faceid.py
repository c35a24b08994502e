"""The face API over tencentcloud-sdk-python-common: the only file that knows that SDK.

The SDK is imported at the first call, so that a pair that waits for its partner never pays for it.
"""

from __future__ import annotations

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
from ..runtime import Clock, Concurrency
from ..settings import Settings
from .credentials import Credentials

ENDPOINT = "faceid.intl.tencentcloudapi.com"
VERSION = "2018-03-01"
ACTION = "DetectReflectLivenessAndCompare"
_CONNECT_SECONDS = 3.0
_MAX_REPLY_BYTES = 1024 * 1024  # an answer has about one KB
# A connection that was idle longer may have been dropped silently; a paid call on it would get no
# reply and count as billed.
_MAX_IDLE_SECONDS = 30.0


class FaceId:
    """A FaceApi that lives as long as the instance and keeps its connections."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._idle_clients: list[_Client] = []
        self._credentials: Credentials | None = None
        self._settings: Settings | None = None

    def configure(self, settings: Settings, credentials: Credentials) -> None:
        """Take the settings and credentials of this invocation."""
        self._settings = settings
        self._credentials = credentials

    def detect(self, request: DetectRequest, seconds: float) -> Answer | NotSent | NoReply:
        params = {
            "LiveDataUrl": request.live_url,
            "LiveDataMd5": request.live_md5,
            "ImageUrl": request.image_url,
            "ImageMd5": request.image_md5,
        }
        reply = self._call(ACTION, params, seconds)
        return reply if isinstance(reply, (NotSent, NoReply)) else read_detect_reply(reply)

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        reply = self._call("CreateUploadUrl", {"TargetAction": ACTION}, seconds)
        if isinstance(reply, NoReply):
            return NotSent(reply.reason)  # free, so a lost reply costs nothing
        return reply if isinstance(reply, NotSent) else read_upload_reply(reply)

    def _call(self, action: str, params: dict[str, str], seconds: float) -> Any:
        """Return the decoded reply, NotSent or NoReply."""
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import (
            TencentCloudSDKException,
        )

        client = self._checkout_client(seconds)
        try:
            # The HTTP library's timeout is for each read; this one is for the whole call.
            reply = self._concurrency.with_timeout(
                lambda: client.sdk.call_json(action, params), seconds
            )
        except TimeoutError:
            return NoReply(f"no reply within {seconds:.0f} s")
        except TencentCloudSDKException as error:
            if error.code == "ClientNetworkError":
                cause = error.__context__
                failure = NotSent if _was_never_sent(cause) else NoReply
                return failure(type(cause).__name__)
            return NoReply("the reply's status was not 200")
        except Exception as error:  # whatever the decoder makes of it
            return NoReply(f"the reply could not be read ({type(error).__name__})")
        self._idle_clients.append(client._replace(last_used=self._clock.monotonic()))
        return reply

    def _checkout_client(self, seconds: float) -> _Client:
        """Take an idle client out of the list, or make a new one: each has one user at a time."""
        from tencentcloud.common.credential import Credential

        assert self._settings is not None and self._credentials is not None
        endpoint = (self._settings.region, self._settings.endpoint_scheme)
        oldest = self._clock.monotonic() - _MAX_IDLE_SECONDS
        client: _Client | None = None
        while self._idle_clients and client is None:
            idle = self._idle_clients.pop()
            client = idle if idle.endpoint == endpoint and idle.last_used >= oldest else None
        client = client or _new_client(endpoint)
        # Keys explicitly: the SDK looks for other names in the environment than SCF sets.
        client.sdk.credential = Credential(*self._credentials)
        client.sdk.request.conn.timeout = (_CONNECT_SECONDS, seconds)
        return client


class _Client(NamedTuple):
    """An SDK client and its connection."""

    sdk: Any
    endpoint: tuple[str, str]  # region and scheme
    last_used: float  # monotonic


def _new_client(endpoint: tuple[str, str]) -> _Client:
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
    return _Client(sdk, endpoint, 0.0)


def _was_never_sent(cause: BaseException | None) -> bool:
    """Whether the request cannot have left: no connection was ever made for it."""
    import requests
    from urllib3.exceptions import (
        ConnectTimeoutError,
        MaxRetryError,
        NewConnectionError,
        ProxyError,
    )

    if not isinstance(cause, requests.exceptions.ConnectionError) or not cause.args:
        return False
    reason = cause.args[0]
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    if isinstance(reason, ProxyError):
        reason = reason.original_error
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))
