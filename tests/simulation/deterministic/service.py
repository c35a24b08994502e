"""The simulated face API: it downloads, judges and bills; a repeated request is billed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from liveness.face_api import Answer, DetectRequest, read_detect_reply

from .bucket import SECRET, Bucket, md5
from .faults import BAD_LINK, CONTRADICTED, MALFORMED, REFUSED, THROTTLED, TROUBLE

_HOST = "https://faces-1250000000.cos.ap-singapore.myqcloud.com/"
FRAME_HOST = "https://frames-1300000000.cos.ap-singapore.myqcloud.com/"
_FRAME_SECONDS = 2 * 3600.0

# The verdict on a liveness package by its first word: code, similarity.
VERDICTS = {
    b"pass": ("Success", 95.0),
    b"unlike": ("Success", 12.0),
    b"other": ("FailedOperation.CompareLowSimilarity", 3.0),
    b"fake": ("FailedOperation.SilentDetectFail", 0.0),
    b"dark": ("FailedOperation.ActionLightDark", 0.0),
    b"odd": ("FailedOperation.NobodyKnowsThis", 0.0),
}
_NO_DOWNLOAD = "FailedOperation.DownLoadError"
_ERRORS = {
    THROTTLED: "RequestLimitExceeded",
    TROUBLE: "InternalError",
    REFUSED: "AuthFailure.UnauthorizedOperation",
    BAD_LINK: _NO_DOWNLOAD,
}
# What the account is refused, and no content's fault.
ACCOUNT_CODES = (_ERRORS[THROTTLED], _ERRORS[REFUSED])
# A message that quotes a signature, which must not be passed on, and is too long for a line.
_MESSAGE = f"请 see {FRAME_HOST}?{SECRET} for more \ud800 " + "光线太暗 " * 900
_BILLED = ("Success", "FailedOperation.CompareLowSimilarity")


class Judgement(NamedTuple):
    """The service's answer to one request, and whether it bills for it."""

    answer: Answer
    billed: bool
    is_verdict: bool
    package: str = ""  # the MD5 of what was judged

    @property
    def is_throttled(self) -> bool:
        """Tell whether the request was refused for the rate."""
        return self.answer.code == _ERRORS[THROTTLED]

    @property
    def is_failure(self) -> bool:
        """Tell whether it ends a pair as `failed`: a code or an answer that nobody documented."""
        return bool(self.answer.contract_violation) or self.answer.code == VERDICTS[b"odd"][0]


def _judgement(request_id: str, fields: dict[str, object]) -> Judgement:
    """Parse the reply as the function parses a real one."""
    answer = read_detect_reply({"Response": {"RequestId": request_id, **fields}})
    assert isinstance(answer, Answer)
    is_verdict = answer.code not in (*_ERRORS.values(), _NO_DOWNLOAD)
    return Judgement(answer, fields.get("Result") in _BILLED, is_verdict)


class Service:
    """The face API and the URLs it reads from and stores at."""

    def __init__(self, bucket: Bucket, now: Callable[[], float]) -> None:
        self._bucket = bucket
        self._now = now
        self._uploads: dict[str, bytes] = {}
        self._frames: dict[str, tuple[float, bytes]] = {}
        self._requests: dict[str, int] = {}
        self.unreadable: set[str] = set()  # keys

    def respond(self, request: DetectRequest, kind: str, caller: str) -> Judgement:
        """Answer one request that arrived with a fault of this kind."""
        number = self._requests[caller] = self._requests.get(caller, 0) + 1
        request_id = f"request-{number}-of-{caller}"
        error = _ERRORS.get(kind)
        if error:
            return _judgement(request_id, {"Error": {"Code": error, "Message": _MESSAGE}})
        live = self._download(request.live_url)
        image = self._download(request.image_url)
        if live is None or image is None:
            return _judgement(request_id, {"Error": {"Code": _NO_DOWNLOAD, "Message": _MESSAGE}})
        if (md5(live), md5(image)) != (request.live_md5, request.image_md5):
            return _judgement(request_id, {"Result": _NO_DOWNLOAD, "Description": "MD5 Error"})
        code, similarity = VERDICTS[live.split(b" ")[0]]
        if kind == CONTRADICTED:
            code, similarity = VERDICTS[b"fake" if code == "Success" else b"pass"]
        fields: dict[str, object] = {"Result": code, "Description": _MESSAGE, "Sim": similarity}
        if kind == MALFORMED:
            malformed: dict[str, object] = {"Result": "Success", "Description": _MESSAGE}
            return _judgement(request_id, malformed)._replace(package=md5(live))
        if code == "Success":
            frame = b"\xff\xd8\xff frame of " + request_id.encode() + b" " + live
            url = f"{FRAME_HOST}{quote(request_id)}.jpg?{SECRET}"
            self._frames[url] = (self._now() + _FRAME_SECONDS, frame)
            fields.update(BestFrameUrl=url, BestFrameMd5=md5(frame))
        return _judgement(request_id, fields)._replace(package=md5(live))

    def frame(self, url: str) -> bytes | None:
        """Return the best frame at this URL; it expires after two hours."""
        until, frame = self._frames.get(url, (0.0, b""))
        return frame if self._now() < until else None

    def presign(self, key: str, seconds: int) -> str:
        return f"{_HOST}{key}?{SECRET}&until={self._now() + seconds}"

    def upload_target(self, name: str) -> str:
        """Return a URL to upload to, which then identifies the upload in a request."""
        return f"{FRAME_HOST}upload-{name}?{SECRET}"

    def upload(self, url: str, body: bytes) -> None:
        self._uploads[url] = body

    def _download(self, url: str) -> bytes | None:
        if url in self._uploads:
            return self._uploads[url]
        path, _, query = url.partition("?")
        if self._now() > float(query.rpartition("=")[2]):
            return None
        key = path.removeprefix(_HOST)
        stored = None if key in self.unreadable else self._bucket.objects.get(key)
        return stored.body if stored else None
