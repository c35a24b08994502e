"""The face API over tencentcloud-sdk-python-common: the only file that knows that SDK.

The SDK is imported at the first call, so that a pair that waits for its partner never pays for it.
"""

from __future__ import annotations

from typing import Any

from .credentials import Credentials
from .face import (
    Answer,
    DetectRequest,
    NoAnswer,
    NotSent,
    UploadTarget,
    read_detect_reply,
    read_upload_reply,
)
from .seams import Clock, Concurrency
from .settings import Settings

ENDPOINT = "faceid.intl.tencentcloudapi.com"
VERSION = "2018-03-01"
ACTION = "DetectReflectLivenessAndCompare"
_CONNECT_SECONDS = 3.0
# A connection that was idle longer may have been dropped on the way without a word; a paid call
# on it would get no answer and count as billed.
_IDLE_SECONDS = 30.0


class FaceId:
    """A FaceApi that lives as long as the instance and keeps its connections."""

    def __init__(self, clock: Clock, concurrency: Concurrency) -> None:
        self._clock = clock
        self._concurrency = concurrency
        self._client: Any = None
        self._made_for: tuple[str, str] | None = None
        self._used = 0.0
        self._credentials: Credentials | None = None
        self._settings: Settings | None = None

    def use(self, settings: Settings, credentials: Credentials) -> None:
        """Settings and credentials of this invocation."""
        self._settings = settings
        self._credentials = credentials

    def detect(self, request: DetectRequest, seconds: float) -> Answer | NotSent | NoAnswer:
        params = {
            "LiveDataUrl": request.live_url,
            "LiveDataMd5": request.live_md5,
            "ImageUrl": request.image_url,
            "ImageMd5": request.image_md5,
        }
        reply = self._call(ACTION, params, seconds)
        return reply if isinstance(reply, (NotSent, NoAnswer)) else read_detect_reply(reply)

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        reply = self._call("CreateUploadUrl", {"TargetAction": ACTION}, seconds)
        if isinstance(reply, NoAnswer):
            return NotSent(reply.why)  # free, so an answer lost costs nothing
        return reply if isinstance(reply, NotSent) else read_upload_reply(reply)

    def _call(self, action: str, params: dict[str, str], seconds: float) -> Any:
        """The decoded reply, errors put back into the shape they came in; NotSent; NoAnswer."""
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import (
            TencentCloudSDKException,
        )

        client = self._ready_client(seconds)
        try:
            # The HTTP library's timeout is for each read; this one is for the whole call.
            reply = self._concurrency.within(seconds, lambda: client.call_json(action, params))
        except TimeoutError:
            self._client = None
            return NoAnswer(f"no answer within {seconds:.0f} s")
        except TencentCloudSDKException as error:
            self._used = self._clock.monotonic()
            if error.code == "ClientNetworkError":
                self._client = None
                cause = error.__context__
                sort = NotSent if _never_sent(cause) else NoAnswer
                return sort(f"{type(cause).__name__}")
            if error.code == "ServerNetworkError":
                return NoAnswer("the reply's status was not 200")
            error_fields = {"Code": error.code, "Message": error.message}
            return {"Response": {"Error": error_fields, "RequestId": error.requestId}}
        except Exception as error:  # what a malformed reply makes of the SDK is anybody's guess
            self._client = None
            return NoAnswer(f"the reply could not be read ({type(error).__name__})")
        self._used = self._clock.monotonic()
        return reply

    def _ready_client(self, seconds: float) -> Any:
        from tencentcloud.common.common_client import CommonClient
        from tencentcloud.common.credential import Credential
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile

        assert self._settings is not None and self._credentials is not None
        place = (self._settings.region, self._settings.endpoint_scheme)
        idle = self._clock.monotonic() - self._used
        if self._client is None or self._made_for != place or idle > _IDLE_SECONDS:
            profile = ClientProfile(
                language="en-US",
                httpProfile=HttpProfile(
                    protocol=self._settings.endpoint_scheme, endpoint=ENDPOINT, keepAlive=True
                ),
            )  # no retryer: the SDK's calls again after a success
            self._client = CommonClient("faceid", VERSION, None, place[0], profile)
            self._made_for = place
        # Keys explicitly: the SDK looks for other names in the environment than SCF sets.
        self._client.credential = Credential(*self._credentials)
        self._client.request.conn.timeout = (_CONNECT_SECONDS, seconds)
        return self._client


def _never_sent(cause: BaseException | None) -> bool:
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
