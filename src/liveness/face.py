"""The face API as the core sees it: values, and the reading of an answer."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Protocol


class DetectRequest(NamedTuple):
    """The four parameters of DetectReflectLivenessAndCompare."""

    live_url: str
    live_md5: str
    image_url: str
    image_md5: str


class Answer(NamedTuple):
    """What the service answered, as a business result or as an API error.

    `flaw` names what breaks the documented contract; such an answer never passes anybody.
    """

    channel: str  # "result" or "error"
    code: str
    description: str
    request_id: str
    similarity: float | None = None
    best_frame_url: str = ""
    best_frame_md5: str = ""
    flaw: str = ""


class NotSent(NamedTuple):
    """The request never reached the service: nothing can have been billed."""

    why: str


class NoAnswer(NamedTuple):
    """The request went out and no usable answer came: it may have been billed."""

    why: str


class UploadTarget(NamedTuple):
    """Where CreateUploadUrl lets an object be put, and the URL that then stands for it."""

    upload_url: str
    resource_url: str


class FaceApi(Protocol):
    """FaceID. Neither verb raises for what the service or the network does."""

    def detect(self, request: DetectRequest, seconds: float) -> Answer | NotSent | NoAnswer:
        """One paid call, ended after that many seconds in all."""

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        """One call of CreateUploadUrl; an Answer is an API error."""


_MAX_TEXT = 500
_MAX_URL = 4096
# The service may quote what it was given: pre-signed URLs, and the request's own signature.
# Nothing that it says of its own accord has forty letters in a row; tokens and signatures do.
_SECRET = re.compile(r"\S*(://|q-sign|security-token|AKID)\S*|[0-9A-Za-z_+/=-]{40,}")


def read_detect_reply(reply: object) -> Answer | NoAnswer:
    """Read the decoded JSON of a reply; anything may be in it.

    No `Response` object, or an `Error` that names no code, says nothing: that is no answer, and
    the call may have been billed. A result that breaks the contract is an answer with a flaw.
    """
    response = reply.get("Response") if isinstance(reply, dict) else None
    if not isinstance(response, dict):
        return NoAnswer("the reply holds no Response object")
    request_id = _text(response.get("RequestId"))
    if "Error" in response:
        error = response["Error"]
        if not isinstance(error, dict) or not _text(error.get("Code")):
            return NoAnswer("the reply holds an Error without a Code")
        return Answer("error", _text(error["Code"]), _text(error.get("Message")), request_id)
    code = _text(response.get("Result"))
    if not code:
        return Answer("result", "", "", request_id, flaw="Result is missing or no text")
    similarity, flaw = _similarity(response.get("Sim"))
    return Answer(
        channel="result",
        code=code,
        description=_text(response.get("Description")),
        request_id=request_id,
        similarity=similarity,
        best_frame_url=_url(response.get("BestFrameUrl")),
        best_frame_md5=_text(response.get("BestFrameMd5")),
        flaw=flaw if code == "Success" else "",
    )


def read_upload_reply(reply: object) -> UploadTarget | Answer | NotSent:
    """Read the decoded JSON of a reply of CreateUploadUrl.

    This call is free: an answer that says nothing is as good as a call that was never sent.
    """
    response = reply.get("Response") if isinstance(reply, dict) else None
    if not isinstance(response, dict):
        return NotSent("the reply of CreateUploadUrl holds no Response object")
    if "Error" in response:
        error = read_detect_reply(reply)
        return error if isinstance(error, Answer) else NotSent(error.why)
    upload_url = _url(response.get("UploadUrl"))
    resource_url = _url(response.get("ResourceUrl"))
    if not upload_url or not resource_url:
        return NotSent("the reply of CreateUploadUrl lacks UploadUrl or ResourceUrl")
    return UploadTarget(upload_url, resource_url)


def _similarity(value: Any) -> tuple[float | None, str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None, "Sim is missing" if value is None else "Sim is no number"
    if not 0 <= value <= 100:  # false for NaN, and no float is made of an endless number
        return None, "Sim is not between 0 and 100"
    return float(value), ""


def _text(value: object) -> str:
    """A string without links and signatures, cut; anything else as nothing."""
    return _SECRET.sub("[link]", _plain(value))[:_MAX_TEXT]


def _url(value: object) -> str:
    return _plain(value)[:_MAX_URL]


def _plain(value: object) -> str:
    """Lone surrogates cannot be stored."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
