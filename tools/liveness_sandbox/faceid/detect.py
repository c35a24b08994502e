"""DetectReflectLivenessAndCompare: fetch and check both inputs, and reply as the package says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..api.errors import ApiError
from ..blobs import Blob
from ..clock import Clock
from ..hooks import Drop, Outcome
from ..wire import Reply
from . import frames
from .downloads import Downloader
from .ledger import CallLedger, FaceCall, is_billed
from .resources import ResourceBuckets
from .scenario import (
    MAX_SCENARIO_BYTES,
    SUCCESS,
    FaceScenario,
    InvalidScenario,
    parse_face_scenario,
)

ACTION = "DetectReflectLivenessAndCompare"
PARAMETERS = ("LiveDataUrl", "LiveDataMd5", "ImageUrl", "ImageMd5")
_LARGE_FRAME_BYTES = 12 * 1024 * 1024
_MAX_REFERENCE_BYTES = 20 * 1024 * 1024
_FOREIGN_HOST = "frames.example.com"


class Detection:
    def __init__(
        self, downloader: Downloader, resources: ResourceBuckets, ledger: CallLedger, clock: Clock
    ) -> None:
        self._downloader = downloader
        self._resources = resources
        self._ledger = ledger
        self._clock = clock

    async def run(
        self, params: Mapping[str, str], region: str, appid: str, request_id: str
    ) -> Outcome:
        live_url = params["LiveDataUrl"].partition("?")[0].partition("://")[2]

        def count(code: str, sim: object = None) -> None:
            self._ledger.add(
                FaceCall(
                    params["LiveDataMd5"].lower(),
                    params["ImageMd5"].lower(),
                    live_url,
                    code,
                    sim,
                    request_id,
                    is_billed(code),
                    self._clock.now(),
                )
            )

        try:
            live, image = await asyncio.gather(
                self._downloader.fetch(params["LiveDataUrl"], params["LiveDataMd5"], region),
                self._downloader.fetch(params["ImageUrl"], params["ImageMd5"], region),
            )
            scenario = self._scenario(live)
        except ApiError as error:
            count(error.code)
            raise
        await asyncio.sleep(scenario.delay)
        if scenario.drop == "before":
            return Drop()
        count(scenario.code, scenario.similarity)
        if scenario.drop == "after":
            return Drop()
        return self._reply(
            scenario, self._response(scenario, live, image, region, appid), request_id
        )

    def _scenario(self, live: Blob) -> FaceScenario:
        if live.size > MAX_SCENARIO_BYTES:
            return FaceScenario()
        try:
            scenario = parse_face_scenario(live.read())
        except InvalidScenario as error:
            raise ApiError(
                "InvalidParameterValue", f"invalid scenario of the sandbox: {error}"
            ) from None
        if scenario.times is not None and self._ledger.next_occurrence(live.md5) > scenario.times:
            return FaceScenario()
        return scenario

    def _response(
        self, scenario: FaceScenario, live: Blob, image: Blob, region: str, appid: str
    ) -> dict[str, Any]:
        if scenario.channel == "error" and scenario.code != SUCCESS:
            return {
                "Error": {"Code": scenario.code, "Message": scenario.description or scenario.code}
            }
        url, md5 = "", ""
        if scenario.code == SUCCESS and scenario.frame != "none":
            url, md5 = self._frame(scenario, live, image, region, appid)
        return {
            "BestFrameUrl": url,
            "BestFrameMd5": md5,
            "Result": scenario.code,
            "Description": scenario.description
            if scenario.description is not None
            else scenario.code,
            "Sim": scenario.similarity,
        }

    def _frame(
        self, scenario: FaceScenario, live: Blob, image: Blob, region: str, appid: str
    ) -> tuple[str, str]:
        """Store a best frame, and return its URL and MD5, with the defect the scenario asks for."""
        kind = scenario.frame
        if scenario.picture is not None:
            shown = base64.b64decode(scenario.picture)
        else:
            shown = image.read() if image.size <= _MAX_REFERENCE_BYTES else b""
        body = frames.best_frame(shown, live.md5)
        if kind == "not-jpeg":
            body = f"not an image, but a text about {live.md5}".encode()
        elif kind == "too-large":
            body = frames.enlarged(body, _LARGE_FRAME_BYTES)
        md5 = hashlib.md5(body).hexdigest()
        key = self._resources.new_key(ACTION, appid)
        url = self._resources.download_url(region, key)
        foreign_url = f"http://{_FOREIGN_HOST}/{md5}.jpg"
        if kind != "missing":
            self._resources.add(
                region, key, body, redirect=foreign_url if kind == "redirect" else None
            )
        if kind == "foreign-host":
            url = foreign_url
        elif kind == "wrong-md5":
            md5 = hashlib.md5(body + b"!").hexdigest()
        elif kind == "md5-string":
            md5 = "not-an-md5"
        return url, md5

    @staticmethod
    def _reply(scenario: FaceScenario, response: dict[str, Any], request_id: str) -> Reply:
        response = {**response, "RequestId": request_id, **scenario.response}
        response = {
            name: value
            for name, value in response.items()
            if scenario.response.get(name, value) is not None
        }
        body = (
            scenario.body
            if scenario.body is not None
            else json.dumps({"Response": response}, ensure_ascii=False)
        )
        return Reply(scenario.http_status, body.encode(), {"Content-Type": scenario.content_type})
