"""COS over cos-python-sdk-v5: the only file that knows that SDK.

Whatever looks odd avoids a trap of the SDK: its retries and logs are off, the session token is put
into pre-signed URLs by hand, the ETag is required because any status below 400 counts as success,
and a 409 says nothing about whose object it was that existed.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import requests
import urllib3
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError

from ..errors import (
    ConfigurationError,
    LivenessError,
    ObjectChangedError,
    ObjectGoneError,
    ObjectUnreadableError,
    StoreUnavailableError,
)
from ..face_api import NoFrame
from ..settings import Settings
from ..store import JSON, CreateResult, Digests, ListedObject, ObjectHead, Page, StoredObject
from .credentials import Credentials

T = TypeVar("T")

# Seconds to connect, and between two reads.
_TIMEOUT = (3.0, 10.0)
_CHUNK_BYTES = 64 * 1024
_MD5 = re.compile(r"[0-9a-f]{32}")
# What codes and ETags of COS are made of; anything else is neither logged nor sent back.
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
# The SDK reads no code at all where any other element of the body is missing.
_CODE_ELEMENT = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")
_ETAG = re.compile(r"[!#-~]{1,256}")
_META_PREFIX = "x-cos-meta-"
# A damaged or slow transfer, which passes by itself.
_TEMPORARY_CODES = ("BadDigest", "IncompleteBody", "EntitySizeNotMatch", "RequestTimeout")
# Not readable until they are restored; the variants across zones begin with MAZ_.
_ARCHIVE_CLASSES = ("ARCHIVE", "DEEP_ARCHIVE")
# COS refuses a signature whose time is further from its own clock than about this.
_MAX_SIGNATURE_OFFSET_SECONDS = 60.0
_CREATE_VERB = "create-only PUT"


class Session(requests.Session):
    """The connections that an instance keeps between invocations; they compare our clock."""

    clock_offset = 0.0
    """Seconds by which the clock of the host that replied last is ahead of ours."""

    def observe_clock(self, reply: requests.Response, **_: Any) -> None:
        with contextlib.suppress(*_UNREADABLE):
            self.clock_offset = _time(reply.headers["date"]) - time.time()


def new_session() -> Session:
    session = Session()
    session.hooks["response"].append(session.observe_clock)
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=16))
    return session


def new_client(
    settings: Settings, credentials: Credentials, session: requests.Session
) -> CosS3Client:
    """Return the SDK's client, without its retries; retry.py says why."""
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
    """An ObjectStore on COS. One try per verb; store.RetryingStore adds more."""

    def __init__(self, settings: Settings, credentials: Credentials, session: Session) -> None:
        self._token = credentials.token
        self._session = session
        self._client = new_client(settings, credentials, session)

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        try:
            headers = self._request("HEAD", bucket, key, self._client.head_object)
        except ObjectGoneError:
            return None
        except _BadRequestError:
            # A reply to HEAD has no body, so no code: ask again by GET.
            stored = self.get(bucket, key, max_bytes=0)
            return stored.head if stored else None
        return _read_head(key, headers)

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        try:
            headers = self._request("GET", bucket, key, self._client.get_object)
        except ObjectGoneError:
            return None
        body = b"".join(_chunks(headers.pop("body"), max_bytes))
        return StoredObject(_read_head(key, headers), body[:max_bytes])

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        headers = {_META_PREFIX + name: value for name, value in metadata.items()}
        self._put(bucket, key, body, content_type, headers)

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        try:
            # A header unknown to the SDK is passed on, and signed.
            extra = {"x-cos-forbid-overwrite": "true"}
            headers = self._put(bucket, key, body, JSON, extra, verb=_CREATE_VERB)
        except _KeyExists:
            return CreateResult(created=False, versioned=False, date=None)
        try:
            date = _time(headers["date"])
        except _UNREADABLE:
            date = None  # the time matters less than that the object exists now
        return CreateResult(created=True, versioned="x-cos-version-id" in headers, date=date)

    def delete(self, bucket: str, key: str) -> None:
        self._request("DELETE", bucket, key, self._client.delete_object)

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        reply = self._request(
            "GET Bucket", bucket, prefix, self._list, Prefix=prefix, Marker=after, MaxKeys=1000
        )
        try:
            items = tuple(_listed(item, prefix, after) for item in reply.get("contents", ()))
            more = reply["istruncated"] == "true"
        except _UNREADABLE:
            raise StoreUnavailableError(
                f"COS GET Bucket {prefix!r}: the reply is incomplete"
            ) from None
        return Page(items, items[-1].key if more and items else None)

    def _list(self, Bucket: str, Key: str, **options: Any) -> dict[str, Any]:
        """Call the SDK's listing as its verbs on objects are called."""
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
        headers = self._request(
            verb,
            bucket,
            key,
            self._client.put_object,
            Body=body,
            EnableMD5=True,  # COS refuses a body damaged in transit
            ContentType=content_type,
            Metadata=extra,
        )
        if "etag" not in headers:
            raise StoreUnavailableError(f"COS {verb} {key!r}: the reply carries no ETag")
        return headers

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        hashes = _Hashes()
        body, remaining = self._open_exact(bucket, key, etag)
        for chunk in _chunks(body):
            hashes.update(chunk)
            remaining -= len(chunk)
        if remaining:
            raise StoreUnavailableError(f"COS GET {key!r}: the body was truncated")
        return hashes.digests()

    def _open_exact(self, bucket: str, key: str, etag: str) -> tuple[Any, int]:
        """Return body and size of exactly that content.

        Raises ObjectChangedError, ObjectGoneError.
        """
        headers = self._request("GET", bucket, key, self._client.get_object, IfMatch=f'"{etag}"')
        head = _read_head(key, headers)
        if head.etag != etag:
            raise ObjectChangedError(f"COS GET {key!r}: a different content was returned")
        return headers["body"], head.size

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        # The SDK leaves the token out, without which a URL under temporary credentials is refused.
        params = {"x-cos-security-token": self._token} if self._token else {}
        url: str = self._client.get_presigned_url(bucket, key, "GET", seconds, Params=params)
        return url

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        stream, size = self._open_exact(bucket, key, etag)
        body = _HashingReader(stream.get_raw_stream(), size)
        try:
            reply = self._session.put(url, data=body, timeout=_TIMEOUT, allow_redirects=False)
        except _NETWORK as error:
            raise _unreachable("upload of", key, error) from None
        if reply.status_code != 200:
            raise StoreUnavailableError(f"upload of {key!r}: status {reply.status_code}")
        return body.hashes.digests()

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        """Read a best frame (see FrameSource): a plain GET of a temporary COS URL."""
        try:
            with self._session.get(
                url, timeout=_TIMEOUT, allow_redirects=False, stream=True
            ) as reply:
                if reply.status_code >= 500:
                    raise StoreUnavailableError(
                        f"the best frame's host answered {reply.status_code}"
                    )
                if reply.status_code != 200:
                    return NoFrame(f"its URL answered {reply.status_code}")
                body = b""
                for chunk in reply.iter_content(_CHUNK_BYTES):
                    body += chunk
                    if len(body) > max_bytes:
                        break
                return body
        except _NETWORK as error:
            raise _unreachable("GET of", "the best frame", error) from None

    def _request(
        self, verb: str, bucket: str, key: str, call: Callable[..., dict[str, Any]], **options: Any
    ) -> dict[str, Any]:
        """Call the SDK; return the headers, their names in lower case, and the body as `body`.

        Raises ObjectGoneError, ObjectChangedError, StoreUnavailableError, ConfigurationError.
        """
        try:
            reply = call(Bucket=bucket, Key=key, **options)
        except CosServiceError as error:
            raise _service_error(verb, bucket, key, error, self._session.clock_offset) from None
        except CosClientError as error:
            raise _unreachable(f"COS {verb}", key, error.__context__ or error) from None
        except _NETWORK as error:
            raise _unreachable(f"COS {verb}", key, error) from None
        return {name.lower(): value for name, value in reply.items()}


class _BadRequestError(LivenessError):
    """COS answered 400 without saying why."""


class _KeyExists(LivenessError):
    """The key of a create-only PUT exists already."""


class _HashingReader:
    """A body of known length that is hashed as it is sent, chunk by chunk."""

    def __init__(self, raw: Any, size: int) -> None:
        self._raw = raw
        self._size = size
        self.hashes = _Hashes()

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = _CHUNK_BYTES) -> bytes:
        chunk: bytes = self._raw.read(min(size, _CHUNK_BYTES) if size >= 0 else _CHUNK_BYTES)
        self.hashes.update(chunk)
        return chunk


class _Hashes:
    """Both digests of a body that comes in chunks."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, chunk: bytes) -> None:
        self._md5.update(chunk)
        self._sha256.update(chunk)

    def digests(self) -> Digests:
        return Digests(self._md5.hexdigest(), self._sha256.hexdigest())


# What reading a field raises if it is missing or malformed.
_UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, OverflowError)
# What the libraries raise for a broken connection or for HTTP that cannot be understood. The SDK
# evaluates a listing as Python, so this includes whatever an evaluation may raise.
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


def _chunks(body: Any, limit: int | None = None) -> Iterator[bytes]:
    """Read a reply's body chunk by chunk; at most one chunk past `limit` bytes."""
    raw = body.get_raw_stream()
    size = 0
    try:
        while limit is None or size <= limit:
            chunk = raw.read(_CHUNK_BYTES)
            if not chunk:
                break
            size += len(chunk)
            yield chunk
    except _NETWORK as error:
        raise _unreachable("COS GET", "an object", error) from None
    finally:
        if limit is not None and size > limit:
            raw.close()
        else:
            raw.release_conn()


def _code_of(error: CosServiceError) -> str:
    """Return the code of a refusal; none if there is no body, as in every reply to HEAD."""
    digest = error.get_digest_msg()
    if hasattr(digest, "get"):
        code = str(digest.get("code") or digest.get("Code") or "")
        return code if _CODE.fullmatch(code) else ""
    element = _CODE_ELEMENT.search(str(error.get_origin_msg())[:_CHUNK_BYTES])
    return element[1] if element else ""


def _service_error(
    verb: str, bucket: str, key: str, error: CosServiceError, clock_offset: float
) -> LivenessError:
    status = int(error.get_status_code())
    code = _code_of(error)
    text = f"COS {verb} {key!r} in {bucket!r}: {status} {code}".rstrip()
    if status == 404 and code == "NoSuchBucket":
        return ConfigurationError(f"{text}: no such bucket in this region")
    if status == 404:
        return ObjectGoneError(text)
    if status == 412:
        return ObjectChangedError(text)
    if code in _TEMPORARY_CODES:
        return StoreUnavailableError(text)
    if code == "InvalidObjectState":
        return ObjectUnreadableError("InputArchived", text)
    if status == 400 and verb == "HEAD":
        return _BadRequestError(text)
    if status == 400 and verb == "GET":
        return ObjectUnreadableError("InputEncrypted", text)
    if code == "FileAlreadyExists" and verb == _CREATE_VERB:
        return _KeyExists(text)
    if status == 403 and abs(clock_offset) > _MAX_SIGNATURE_OFFSET_SECONDS:
        direction = "behind" if clock_offset > 0 else "ahead of"
        return ConfigurationError(
            f"{text}: this machine's clock is {abs(clock_offset):.0f} s {direction} COS's, so "
            "its signatures are refused; set the clock"
        )
    if status == 403:
        return ConfigurationError(f"{text}: check the execution role's policy")
    if status >= 500 or status in (408, 409, 429):  # a conflict with another request is temporary
        return StoreUnavailableError(text)
    return ConfigurationError(text)


def _unreachable(verb: str, key: str, error: BaseException) -> StoreUnavailableError:
    # Only the kind: an exception's text quotes the URL, and with it a signature.
    return StoreUnavailableError(f"{verb} {key!r}: {type(error).__name__}")


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
            is_archived=_is_archived(headers),
            metadata={
                name[len(_META_PREFIX) :]: value
                for name, value in headers.items()
                if name.startswith(_META_PREFIX)
            },
        )
    except _UNREADABLE:
        raise StoreUnavailableError(
            f"COS HEAD {key!r}: the reply's headers are incomplete"
        ) from None


def _time(text: str) -> float:
    """`Sun, 22 Nov 2026 12:00:00 GMT`. Raises what is in _UNREADABLE."""
    return parsedate_to_datetime(text).timestamp()


def _listed(item: dict[str, str], prefix: str, after: str) -> ListedObject:
    """Read one object of a listing. Raises what is in _UNREADABLE.

    A key that was not asked for must not be processed, and one from before `after` would have the
    listing go round in circles.
    """
    key, modified = item["Key"], item["LastModified"]
    if not key.startswith(prefix) or key <= after:
        raise ValueError
    # `2026-11-22T12:00:00.000Z`; Python 3.10 does not read the Z.
    written_at = datetime.fromisoformat(modified[:19] + "+00:00").timestamp()
    return ListedObject(key, written_at, (item.get("ETag") or "").strip('"'))


def _is_archived(headers: Mapping[str, str]) -> bool:
    """Whether the object is in archive storage, and no restored copy of it can be read."""
    storage_class = headers.get("x-cos-storage-class", "").upper().removeprefix("MAZ_")
    restored = 'ongoing-request="false"' in headers.get("x-cos-restore", "")
    return storage_class in _ARCHIVE_CLASSES and not restored


def _etag_is_md5(etag: str, headers: Mapping[str, str]) -> bool:
    """Whether it is: only simple uploads, plain or SSE-COS, have the content's MD5 as ETag."""
    return (
        bool(_MD5.fullmatch(etag))
        and headers.get("x-cos-server-side-encryption", "AES256") == "AES256"
        and not any("customer-algorithm" in name for name in headers)
        and headers.get("x-cos-object-type", "normal") == "normal"
    )
