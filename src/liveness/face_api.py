"""The face API as the core sees it: values, the calls it needs, and how replies are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class DetectRequest(NamedTuple):
    """The four parameters of DetectReflectLivenessAndCompare."""

    live_url: str
    live_md5: str
    image_url: str
    image_md5: str


class Answer(NamedTuple):
    """What the service answered, as a business result or as an API error."""

    channel: str  # "result" or "error"
    code: str
    description: str
    request_id: str
    similarity: float | None = None  # 0 to 100
    best_frame_url: str = ""  # temporary; opens the picture to anyone: never in a record
    has_best_frame: bool = False
    best_frame_md5: str = ""
    contract_violation: str = ""
    """How the answer breaks the documented contract; such an answer never passes anyone."""


class NotSent(NamedTuple):
    """The request never reached the service: nothing can have been billed."""

    reason: str


class NoReply(NamedTuple):
    """The request was sent and no usable reply came: it may have been billed."""

    reason: str


class UploadTarget(NamedTuple):
    """What CreateUploadUrl returns: a URL to PUT an object to, and the URL that then names it."""

    upload_url: str
    resource_url: str


class FaceApi(Protocol):
    """FaceID. No method raises for a failure of the service or the network."""

    def detect(
        self, request: DetectRequest, seconds: float, on_late_answer: Callable[[Answer], None]
    ) -> Answer | NotSent | NoReply:
        """Make one paid call, and abandon it after `seconds` in total.

        Nothing is sent after that. `on_late_answer` gets an answer that arrives later, in any
        thread. NotSent means that no connection was established in time.
        """

    def reserve_connection(self) -> Callable[[], None] | None:
        """Expect one more call; return a task to open a connection for it, if none is left for it.

        The call then starts as soon as it may, and not a handshake later.
        """

    def upload_target(self, seconds: float) -> UploadTarget | Answer | NotSent:
        """Call CreateUploadUrl once; an Answer is an API error."""


class NoFrame(NamedTuple):
    """Why there is no best frame; part of result.json."""

    reason: str


class FrameSource(Protocol):
    """Reads a best frame from its temporary URL."""

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        """Return the body, at most `max_bytes + 1` of it. Redirects are not followed.

        Raises StoreUnavailableError for what may pass: no connection, 5xx, a truncated body.
        """


_MAX_TEXT_CHARS = 500
_MAX_CLEANED_CHARS = 4 * _MAX_TEXT_CHARS  # cleaning time grows faster than the text
_MAX_URL_CHARS = 4096
# The service may quote what it was sent: pre-signed URLs, and the request's own signature.
# No text of its own has forty such characters in a row; tokens and signatures do.
_SECRET = re.compile(r"\S*(://|q-sign|security-token|AKID)\S*|[0-9A-Za-z_+/=-]{40,}")


def read_detect_reply(reply: object) -> Answer | NoReply:
    """Read the decoded JSON of a reply, which may hold anything.

    A reply without a `Response` object, or with an `Error` that has no code, counts as no reply:
    the call may have been billed. A result that breaks the contract is still an answer.
    """
    response = reply.get("Response") if isinstance(reply, dict) else None
    if not isinstance(response, dict):
        return NoReply("the reply has no Response object")
    request_id = _text(response.get("RequestId"))
    if "Error" in response:
        error = response["Error"]
        if not isinstance(error, dict) or not _text(error.get("Code")):
            return NoReply("the reply has an Error without a Code")
        return Answer("error", _text(error["Code"]), _text(error.get("Message")), request_id)
    code = _text(response.get("Result"))
    if not code:
        missing = "Result is missing or not a string"
        return Answer("result", "", "", request_id, contract_violation=missing)
    similarity, violation = _similarity(response.get("Sim"))
    url = _url(response.get("BestFrameUrl"))
    return Answer(
        channel="result",
        code=code,
        description=_text(response.get("Description")),
        request_id=request_id,
        similarity=similarity,
        best_frame_url=url,
        has_best_frame=bool(url),
        best_frame_md5=_text(response.get("BestFrameMd5")),
        contract_violation=violation if code == "Success" else "",
    )


def read_upload_reply(reply: object) -> UploadTarget | Answer | NotSent:
    """Read the decoded JSON of a reply of CreateUploadUrl.

    This call is free, so a reply that cannot be understood counts as a call that was never sent.
    """
    response = reply.get("Response") if isinstance(reply, dict) else None
    if not isinstance(response, dict):
        return NotSent("the reply of CreateUploadUrl has no Response object")
    if "Error" in response:
        error = read_detect_reply(reply)
        return error if isinstance(error, Answer) else NotSent(error.reason)
    upload_url = _url(response.get("UploadUrl"))
    resource_url = _url(response.get("ResourceUrl"))
    if not upload_url or not resource_url:
        return NotSent("the reply of CreateUploadUrl lacks UploadUrl or ResourceUrl")
    return UploadTarget(upload_url, resource_url)


def _similarity(value: Any) -> tuple[float | None, str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None, "Sim is missing" if value is None else "Sim is not a number"
    if not 0 <= value <= 100:  # false for NaN, and rejects integers too long for a float
        return None, "Sim is not between 0 and 100"
    return float(value), ""


def _text(value: object) -> str:
    """Return a string, truncated and without links and signatures; empty for anything else."""
    text = _plain(value)
    if len(text) > _MAX_CLEANED_CHARS:  # not within a word, which may be a secret
        text = text[:_MAX_CLEANED_CHARS].rpartition(" ")[0]
    return _SECRET.sub("[link]", text)[:_MAX_TEXT_CHARS]


def _url(value: object) -> str:
    return _plain(value)[:_MAX_URL_CHARS]


def _plain(value: object) -> str:
    """Return a string without lone surrogates, which could not be stored."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
