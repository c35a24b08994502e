"""COS over cos-python-sdk-v5: the only file that knows that SDK.

What is odd here answers a trap of the SDK: its retries and logs are off, the session token goes
into pre-signed URLs by hand, a status below 400 counts as success there (so the ETag is asked for),
and a 409 says nothing about whose object lies there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import requests
import urllib3
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError

from .credentials import Credentials
from .errors import ConfigurationError, LivenessError, ObjectChanged, ObjectGone, StoreUnavailable
from .frames import NoFrame
from .settings import Settings
from .store import JSON, Created, Listed, ObjectHead, Page, StoredObject

T = TypeVar("T")

# Seconds to connect, and between two reads.
_TIMEOUT = (3.0, 10.0)
_PIECE = 64 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")
# What a code and an ETag of COS are made of; anything else is neither logged nor sent back.
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_ETAG = re.compile(r"[!#-~]{1,256}")
_META = "x-cos-meta-"
_CREATE = "create-only PUT"


def new_session() -> requests.Session:
    """Connections that an instance keeps between invocations."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=16))
    return session


def new_client(
    settings: Settings, credentials: Credentials, session: requests.Session
) -> CosS3Client:
    """The SDK's, without its retries; see retry for the reason."""
    config = CosConfig(
        Region=settings.region,
        SecretId=credentials.secret_id,
        SecretKey=credentials.secret_key,
        Token=credentials.token,
        Scheme=settings.endpoint_scheme,
        Timeout=_TIMEOUT,
    )
    return CosS3Client(config, retry=0, session=session)


class CosStore:
    """An ObjectStore on COS. One try a verb; see store.PatientStore for more."""

    def __init__(
        self, settings: Settings, credentials: Credentials, session: requests.Session
    ) -> None:
        self._token = credentials.token
        self._session = session
        self._client = new_client(settings, credentials, session)

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        try:
            headers = self._try("HEAD", bucket, key, self._client.head_object)
        except ObjectGone:
            return None
        return _read_head(key, headers)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        try:
            headers = self._try("GET", bucket, key, self._client.get_object)
        except ObjectGone:
            return None
        body = b"".join(_pieces(headers.pop("body"), max_bytes))
        return StoredObject(_read_head(key, headers), body[:max_bytes])

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        named = {_META + name: value for name, value in metadata.items()}
        self._put(bucket, key, body, content_type, named)

    def create(self, bucket: str, key: str, body: bytes) -> Created:
        try:
            # A header the SDK does not know: it is passed on, and signed.
            only = {"x-cos-forbid-overwrite": "true"}
            headers = self._put(bucket, key, body, JSON, only, verb=_CREATE)
        except _Taken:
            return Created(new=False, versioned=False, date=None)
        try:
            date = _time(headers["date"])
        except _UNREADABLE:
            date = None  # whose clock it is matters less than that the key is taken now
        return Created(new=True, versioned="x-cos-version-id" in headers, date=date)

    def delete(self, bucket: str, key: str) -> None:
        self._try("DELETE", bucket, key, self._client.delete_object)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        reply = self._try(
            "GET Bucket", bucket, prefix, self._list, Prefix=prefix, Marker=after, MaxKeys=1000
        )
        try:
            items = tuple(_listed(item, prefix, after) for item in reply.get("contents", ()))
            more = reply["istruncated"] == "true"
        except _UNREADABLE:
            raise StoreUnavailable(f"COS GET Bucket {prefix!r}: the reply is incomplete") from None
        return Page(items, items[-1].key if more and items else None)

    def _list(self, Bucket: str, Key: str, **options: Any) -> dict[str, Any]:
        """The SDK's listing, called as its verbs on objects are."""
        listing: dict[str, Any] = self._client.list_objects(Bucket=Bucket, **options)
        return listing

    def _put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        content_type: str,
        extra: dict[str, str],
        verb: str = "PUT",
    ) -> dict[str, Any]:
        headers = self._try(
            verb,
            bucket,
            key,
            self._client.put_object,
            Body=body,
            EnableMD5=True,  # COS refuses a body that was damaged on its way
            ContentType=content_type,
            Metadata=extra,
        )
        if "etag" not in headers:
            raise StoreUnavailable(f"COS {verb} {key!r}: the reply carries no ETag")
        return headers

    def md5(self, bucket: str, key: str, etag: str) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        body, left = self._open(bucket, key, etag)
        for piece in _pieces(body):
            digest.update(piece)
            left -= len(piece)
        if left:
            raise StoreUnavailable(f"COS GET {key!r}: the body was cut short")
        return digest.hexdigest()

    def _open(self, bucket: str, key: str, etag: str) -> tuple[Any, int]:
        """The body and size of exactly that content. Raises ObjectChanged, ObjectGone."""
        headers = self._try("GET", bucket, key, self._client.get_object, IfMatch=f'"{etag}"')
        head = _read_head(key, headers)
        if head.etag != etag:
            raise ObjectChanged(f"COS GET {key!r}: another content came")
        return headers["body"], head.size

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        # The SDK leaves the token out, and a URL under temporary credentials is nothing without.
        params = {"x-cos-security-token": self._token} if self._token else {}
        url: str = self._client.get_presigned_url(bucket, key, "GET", seconds, Params=params)
        return url

    def send(self, bucket: str, key: str, etag: str, url: str) -> str:
        stream, size = self._open(bucket, key, etag)
        body = _Hashed(stream.get_raw_stream(), size)
        try:
            reply = self._session.put(url, data=body, timeout=_TIMEOUT, allow_redirects=False)
        except _NETWORK as error:
            raise _unreachable("upload of", key, error) from None
        if reply.status_code != 200:
            raise StoreUnavailable(f"upload of {key!r}: status {reply.status_code}")
        return body.digest.hexdigest()

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        """Read a best frame (see frames.FrameSource): a plain GET of a temporary COS URL."""
        try:
            with self._session.get(
                url, timeout=_TIMEOUT, allow_redirects=False, stream=True
            ) as reply:
                if reply.status_code >= 500:
                    raise StoreUnavailable(f"the best frame's host answered {reply.status_code}")
                if reply.status_code != 200:
                    return NoFrame(f"its URL answered {reply.status_code}")
                body = b""
                for piece in reply.iter_content(_PIECE):
                    body += piece
                    if len(body) > max_bytes:
                        break
                return body
        except _NETWORK as error:
            raise _unreachable("GET of", "the best frame", error) from None

    def _try(
        self, verb: str, bucket: str, key: str, call: Callable[..., dict[str, Any]], **options: Any
    ) -> dict[str, Any]:
        """Call the SDK; header names come back in lower case, the body as `body`.

        Raises ObjectGone, ObjectChanged, StoreUnavailable, ConfigurationError.
        """
        try:
            reply = call(Bucket=bucket, Key=key, **options)
        except CosServiceError as error:
            raise _service_error(verb, bucket, key, error) from None
        except CosClientError as error:
            raise _unreachable(f"COS {verb}", key, error.__context__ or error) from None
        except _NETWORK as error:
            raise _unreachable(f"COS {verb}", key, error) from None
        return {name.lower(): value for name, value in reply.items()}


class _Taken(LivenessError):
    """A create-only PUT found the key taken."""


class _Hashed:
    """A body of known length that is hashed as it is sent, a piece at a time."""

    def __init__(self, raw: Any, size: int) -> None:
        self._raw = raw
        self._size = size
        self.digest = hashlib.md5(usedforsecurity=False)

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = _PIECE) -> bytes:
        piece: bytes = self._raw.read(min(size, _PIECE) if size >= 0 else _PIECE)
        self.digest.update(piece)
        return piece


# What reading a field raises that is missing or not what it should be.
_UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, OverflowError)
# What the libraries raise for a broken connection or for HTTP that cannot be understood. The SDK
# evaluates a listing as Python, so whatever an evaluation may raise comes too.
_NETWORK = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    ParseError,
    *_UNREADABLE,
    SyntaxError,
    RecursionError,
    MemoryError,
)


def _pieces(body: Any, limit: int | None = None) -> Iterator[bytes]:
    """Read a reply's body piece by piece; no more than one piece past `limit` bytes."""
    raw = body.get_raw_stream()
    size = 0
    try:
        while limit is None or size <= limit:
            piece = raw.read(_PIECE)
            if not piece:
                break
            size += len(piece)
            yield piece
    except _NETWORK as error:
        raise _unreachable("COS GET", "an object", error) from None
    finally:
        raw.close() if limit is not None and size > limit else raw.release_conn()


def _service_error(verb: str, bucket: str, key: str, error: CosServiceError) -> LivenessError:
    status = int(error.get_status_code())
    digest = error.get_digest_msg()
    # On a 403 to HEAD there is no body, so no code either.
    code = str(digest.get("code") or digest.get("Code") or "") if hasattr(digest, "get") else ""
    code = code if _CODE.fullmatch(code) else ""
    said = f"COS {verb} {key!r} in {bucket!r}: {status} {code}".rstrip()
    if status == 404 and code == "NoSuchBucket":
        return ConfigurationError(f"{said}: no such bucket in this region")
    if status == 404:
        return ObjectGone(said)
    if status == 412:
        return ObjectChanged(said)
    if code == "FileAlreadyExists" and verb == _CREATE:
        return _Taken(said)
    if status == 403:
        return ConfigurationError(f"{said}: check the execution role's policy")
    if status >= 500 or status in (408, 409, 429):  # a conflict with another request passes
        return StoreUnavailable(said)
    return ConfigurationError(said)


def _unreachable(verb: str, key: str, error: BaseException) -> StoreUnavailable:
    # Only the kind: an exception's text quotes the URL, and with it a signature.
    return StoreUnavailable(f"{verb} {key!r}: {type(error).__name__}")


def _read_head(key: str, headers: Mapping[str, str]) -> ObjectHead:
    try:
        etag = headers["etag"].strip('"')
        if not _ETAG.fullmatch(etag):
            raise ValueError
        return ObjectHead(
            key=key,
            size=int(headers["content-length"]),
            etag=etag,
            md5=etag if _etag_is_md5(etag, headers) else None,
            last_modified=_time(headers["last-modified"]),
            date=_time(headers["date"]),
            metadata={
                name[len(_META) :]: value
                for name, value in headers.items()
                if name.startswith(_META)
            },
        )
    except _UNREADABLE:
        raise StoreUnavailable(f"COS HEAD {key!r}: the reply's headers are incomplete") from None


def _time(text: str) -> float:
    """`Sun, 22 Nov 2026 12:00:00 GMT`. Raises what is in _UNREADABLE."""
    return parsedate_to_datetime(text).timestamp()


def _listed(item: dict[str, str], prefix: str, after: str) -> Listed:
    """One object of a listing. Raises what is in _UNREADABLE.

    A key that was not asked for must not be worked on, and one that was there already would be
    asked for without end.
    """
    key, changed = item["Key"], item["LastModified"]
    if not key.startswith(prefix) or key <= after:
        raise ValueError
    # `2026-11-22T12:00:00.000Z`; Python 3.10 does not read the Z.
    return Listed(key, datetime.fromisoformat(changed[:19] + "+00:00").timestamp())


def _etag_is_md5(etag: str, headers: Mapping[str, str]) -> bool:
    """Only simple uploads, plain or SSE-COS, have the content's MD5 as ETag."""
    return (
        bool(_MD5.fullmatch(etag))
        and headers.get("x-cos-server-side-encryption", "AES256") == "AES256"
        and not any("customer-algorithm" in name for name in headers)
        and headers.get("x-cos-object-type", "normal") == "normal"
    )
