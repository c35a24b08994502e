"""The face API: checks the signature, the common headers and the rate, then runs the action."""

from __future__ import annotations

from collections.abc import Callable

from ..api.access import require
from ..api.errors import ApiError, new_request_id
from ..api.request import (
    action_of,
    json_object,
    read_body,
    region_of,
    require_known,
    success,
)
from ..api.signature import identify
from ..blobs import BlobStore
from ..clock import Clock
from ..cos.store import Store
from ..credentials import KeyRing, Principal
from ..hooks import Outcome
from ..wire import Reply, WireRequest
from . import detect
from .detect import Detection
from .downloads import Downloader
from .ledger import CallLedger, FaceCall
from .rate_limit import RateLimiter
from .resources import REGIONS, ResourceBuckets

SERVICE = "faceid"
VERSION = "2018-03-01"
CREATE_UPLOAD_URL = "CreateUploadUrl"
_PARAMETERS = {detect.ACTION: detect.PARAMETERS, CREATE_UPLOAD_URL: ("TargetAction",)}
# Actions that take uploaded resources, the last one from the document's example of a request. The
# sandbox implements only the first one.
_TARGETS = (
    detect.ACTION,
    "GenerateReflectSequence",
    "VideoLivenessCompare",
    "CompareFaceLiveness",
    "DetectAIFakeFaces",
    "ApplyReflectVerificationToken",
)
_UPLOAD_URLS_PER_SECOND = 20


class FaceIdService:
    def __init__(
        self,
        store: Store,
        blobs: BlobStore,
        keys: KeyRing,
        clock: Clock,
        own_url: Callable[[], str],
    ) -> None:
        self.rate_limit: float | None = 5
        """Detections per second and region; None means no limit."""
        self.limiter = RateLimiter(clock)
        self._keys = keys
        self._ledger = CallLedger()
        self._resources = ResourceBuckets(store, keys, clock)
        self._downloader = Downloader(self._resources, blobs, own_url)
        self._detection = Detection(self._downloader, self._resources, self._ledger, clock)

    @property
    def calls(self) -> list[FaceCall]:
        """All calls that the rate limit admitted, including failed ones."""
        return self._ledger.snapshot()

    @property
    def billed(self) -> list[FaceCall]:
        return [call for call in self.calls if call.billed]

    async def handle(self, request: WireRequest) -> Outcome:
        request_id = new_request_id()
        try:
            return await self._run(request, request_id)
        except ApiError as error:
            request.error_code = error.code
            return error.reply(request_id)

    async def close(self) -> None:
        await self._downloader.close()

    async def _run(self, request: WireRequest, request_id: str) -> Outcome:
        body = await read_body(request)
        principal = identify(request, body, SERVICE, self._keys)
        action = action_of(request, VERSION, _PARAMETERS)
        require(principal, f"{SERVICE}:{action}", "*", request.source_ip)
        region = region_of(request, REGIONS)
        limit = self.rate_limit if action == detect.ACTION else _UPLOAD_URLS_PER_SECOND
        if not self.limiter.admit(action, region, limit):
            raise ApiError(
                "RequestLimitExceeded",
                f"More than {limit:g} requests in a second exceed the frequency limit.",
            )
        params = _parameters(request, body, _PARAMETERS[action])
        if action == CREATE_UPLOAD_URL:
            return self._create_upload_url(params["TargetAction"], region, principal, request_id)
        return await self._detection.run(params, region, principal.appid, request_id)

    def _create_upload_url(
        self, target: str, region: str, principal: Principal, request_id: str
    ) -> Reply:
        if target not in _TARGETS:
            raise ApiError(
                "InvalidParameterValue", "TargetAction is not an action that takes resources."
            )
        key = self._resources.new_key(target, principal.appid)
        response = {
            "UploadUrl": self._resources.upload_url(region, key),
            "ResourceUrl": self._resources.plain_url(region, key),
            "ExpiredTimestamp": int(self._resources.expiry().timestamp()),
        }
        return success(response, request_id)


def _parameters(request: WireRequest, body: bytes, names: tuple[str, ...]) -> dict[str, str]:
    params = request.query if request.method == "GET" else json_object(request, body)
    require_known(params, names)
    for name in names:
        if params.get(name) in (None, ""):
            raise ApiError(
                "MissingParameter", f"The request is missing a required parameter `{name}`."
            )
        if not isinstance(params[name], str):
            raise ApiError(
                "InvalidParameter", f"The value type of parameter `{name}` is not String."
            )
    return params
