"""The object store on COS: cos-python-sdk-v5 addresses and signs requests, and we send them.

The SDK's own client takes three to four times the CPU per request. Going without it also means that
its retries are off. Other pitfalls of the SDK and of COS: the session token must be put into
pre-signed URLs by hand, a success without an ETag is not a success, and a 409 does not say whose
object exists.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import SimpleNamespace
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree

from qcloud_cos import CosConfig, CosS3Auth

from .. import __version__
from ..errors import (
    ConfigurationError,
    LivenessError,
    ObjectChangedError,
    ObjectGoneError,
    ObjectUnreadableError,
    StoreUnavailableError,
    UnreadableReplyError,
)
from ..face_api import NoFrame
from ..settings import CORRECT_BUCKET, Settings
from ..store import JSON, CreateResult, Digests, ListedObject, ObjectHead, Page, StoredObject
from .connections import CHUNK_BYTES, NETWORK_ERRORS, Connections, Reply
from .credentials import Credentials
from .response import UnreadableFieldsError

_MD5 = re.compile(r"[0-9a-f]{32}")
# The form of COS's codes and ETags; anything else is neither logged nor sent back.
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_CODE_ELEMENT = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_ETAG = re.compile(r"[!#-~]{1,256}")
_META_PREFIX = "x-cos-meta-"
# Damaged or slow transfers, which are temporary.
_TEMPORARY_CODES = ("BadDigest", "IncompleteBody", "EntitySizeNotMatch", "RequestTimeout")
# Not readable until they are restored; the variants across zones begin with MAZ_.
_ARCHIVE_CLASSES = ("ARCHIVE", "DEEP_ARCHIVE")
# COS refuses a signature whose time is further from its own clock than about this.
_MAX_SIGNATURE_OFFSET_SECONDS = 60.0
_SIGNATURE_SECONDS = 10_000  # the SDK's own
_CREATE_VERB = "create-only PUT"
# A page has at most 1,000 keys of at most 850 bytes, each byte written as up to three characters.
_MAX_LISTING_BYTES = 16 * 1024 * 1024
_AGENT = f"liveness-scf/{__version__}"


def sdk_config(settings: Settings, credentials: Credentials) -> CosConfig:
    """Return what the SDK needs to address and sign a request."""
    return CosConfig(
        Region=settings.region,
        SecretId=credentials.secret_id,
        SecretKey=credentials.secret_key,
        Token=credentials.token,
        Scheme=settings.endpoint_scheme,
        Timeout=(3.0, 10.0),
    )


class CosStore:
    """An ObjectStore on COS. One try per verb; store.RetryingStore adds more."""

    def __init__(
        self, settings: Settings, credentials: Credentials, connections: Connections
    ) -> None:
        self._settings = settings
        self._token = credentials.token
        self._connections = connections
        self._config = sdk_config(settings, credentials)
        connections.read_environment()

    def head(self, bucket: str, key: str) -> ObjectHead | None:
        try:
            with self._request("HEAD", bucket, key) as reply:
                return _read_head(key, reply.headers)
        except ObjectGoneError:
            return None
        except _BadRequestError:
            # A reply to HEAD has no body that may say why: ask again by GET.
            stored = self.get(bucket, key, max_bytes=0)
            return stored.head if stored else None

    def get(self, bucket: str, key: str, max_bytes: int) -> StoredObject | None:
        try:
            with self._request("GET", bucket, key) as reply:
                body = _read_all("GET", key, reply, max_bytes)
                return StoredObject(_read_head(key, reply.headers), body[:max_bytes])
        except ObjectGoneError:
            return None

    def put(
        self, bucket: str, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        headers = {_META_PREFIX + name: value for name, value in metadata.items()}
        self._put("PUT", bucket, key, body, content_type, headers)

    def create(self, bucket: str, key: str, body: bytes) -> CreateResult:
        try:
            extra = {"x-cos-forbid-overwrite": "true"}
            headers = self._put(_CREATE_VERB, bucket, key, body, JSON, extra)
        except _KeyExists:
            return CreateResult(created=False, versioned=False, date=None)
        try:
            date = _time(headers["date"])
        except _UNREADABLE:
            date = None  # the time matters less than that the object exists now
        return CreateResult(created=True, versioned="x-cos-version-id" in headers, date=date)

    def delete(self, bucket: str, key: str) -> None:
        self._request("DELETE", bucket, key).close()

    def list(self, bucket: str, prefix: str, after: str) -> Page:
        # Without encoding, a key that is not valid in XML would make the whole page unreadable.
        params = {"prefix": prefix, "marker": after, "max-keys": "1000", "encoding-type": "url"}
        with self._request("GET Bucket", bucket, prefix, params=params) as reply:
            body = _read_all("GET Bucket", prefix, reply, _MAX_LISTING_BYTES)
        try:
            return _read_page(body, prefix, after)
        except (*_UNREADABLE, ElementTree.ParseError):
            raise StoreUnavailableError(
                f"COS GET Bucket {prefix!r}: the reply is incomplete"
            ) from None

    def _put(
        self,
        verb: str,
        bucket: str,
        key: str,
        body: bytes,
        content_type: str,
        extra: Mapping[str, str],
    ) -> Mapping[str, str]:
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        headers = {
            "content-type": content_type,
            "content-md5": base64.b64encode(md5).decode(),  # a body damaged in transit is refused
            "content-length": str(len(body)),
            **extra,
        }
        with self._request(verb, bucket, key, headers, body=body) as reply:
            if "etag" not in reply.headers:
                raise StoreUnavailableError(f"COS {verb} {key!r}: the reply carries no ETag")
            return reply.headers

    def digest(self, bucket: str, key: str, etag: str) -> Digests:
        hashes = _Hashes()
        with self._open_exact(bucket, key, etag) as reply:
            remaining = _read_head(key, reply.headers).size
            try:
                while chunk := reply.read():
                    hashes.update(chunk)
                    remaining -= len(chunk)
            except NETWORK_ERRORS as error:
                raise _unreachable("COS GET", key, error) from None
        if remaining:
            raise StoreUnavailableError(f"COS GET {key!r}: the body was truncated")
        return hashes.digests()

    def _open_exact(self, bucket: str, key: str, etag: str) -> Reply:
        """Open exactly that content. Raises ObjectChangedError, ObjectGoneError."""
        reply = self._request("GET", bucket, key, {"if-match": f'"{etag}"'})
        try:
            if _read_head(key, reply.headers).etag != etag:
                raise ObjectChangedError(f"COS GET {key!r}: a different content was returned")
        except LivenessError:
            reply.close()
            raise
        return reply

    def presign(self, bucket: str, key: str, seconds: int) -> str:
        url = self._config.uri(bucket=bucket, path=key)
        # The SDK omits the token, but COS refuses a URL under temporary credentials without it.
        params = {"x-cos-security-token": self._token} if self._token else {}
        headers: dict[str, str] = {}
        self._sign("GET", url, key, headers, params, seconds)
        fields = (field.partition("=")[::2] for field in headers["Authorization"].split("&"))
        return f"{url}?{urlencode([*fields, *params.items()])}"

    def upload_to_url(self, bucket: str, key: str, etag: str, url: str) -> Digests:
        with self._open_exact(bucket, key, etag) as source:
            size = _read_head(key, source.headers).size
            body = _HashingReader(source)
            headers = {"content-length": str(size), "user-agent": _AGENT}
            try:
                with self._connections.request("PUT", _quoted(url), headers, body) as reply:
                    if reply.status != 200:
                        raise StoreUnavailableError(f"upload of {key!r}: status {reply.status}")
            except NETWORK_ERRORS as error:
                raise _unreachable("upload of", key, error) from None
        return body.hashes.digests()

    def fetch(self, url: str, max_bytes: int) -> bytes | NoFrame:
        """Read a best frame (see FrameSource): a plain GET of a temporary COS URL."""
        try:
            with self._connections.request("GET", _quoted(url), {"user-agent": _AGENT}) as reply:
                if reply.status >= 500:
                    raise StoreUnavailableError(f"the best frame's host answered {reply.status}")
                if reply.status != 200:
                    return NoFrame(f"its URL answered {reply.status}")
                return reply.read_all(max_bytes)
        except NETWORK_ERRORS as error:
            raise _unreachable("GET of", "the best frame", error) from None

    def _request(
        self,
        verb: str,
        bucket: str,
        key: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send a signed request and return a successful reply.

        With `params`, the request is for the bucket, not the key. Raises ObjectGoneError,
        ObjectChangedError, StoreUnavailableError, ConfigurationError.
        """
        url = self._config.uri(bucket=bucket, path=None if params else key)
        method = "PUT" if verb == _CREATE_VERB else verb.partition(" ")[0]
        signed = {"host": self._config.get_host(bucket), "user-agent": _AGENT, **(headers or {})}
        if self._token:
            signed["x-cos-security-token"] = self._token
        self._sign(method, url, "" if params else key, signed, params or {}, _SIGNATURE_SECONDS)
        if params:
            url = f"{url}?{urlencode(params, quote_via=quote)}"
        try:
            reply = self._connections.request(method, url, signed, body)
            if reply.status < 300:
                return reply
            with reply:
                text = b"" if method == "HEAD" else reply.read_all(CHUNK_BYTES)
        except NETWORK_ERRORS as error:
            raise _unreachable(f"COS {verb}", key, error) from None
        raise _service_error(self._settings, verb, bucket, key, reply, text)

    def _sign(
        self,
        method: str,
        url: str,
        key: str,
        headers: dict[str, str],
        params: Mapping[str, str],
        seconds: int,
    ) -> None:
        """Add the SDK's signature to the headers."""
        request = SimpleNamespace(method=method, url=url, headers=headers)
        CosS3Auth(self._config, key, params, seconds)(request)


class _BadRequestError(LivenessError):
    """COS answered 400 without saying why."""


class _KeyExists(LivenessError):
    """The key of a create-only PUT exists already."""


class _HashingReader:
    """A body that is hashed as it is sent on, chunk by chunk."""

    def __init__(self, source: Reply) -> None:
        self._source = source
        self.hashes = _Hashes()

    def read(self, size: int) -> bytes:
        chunk = self._source.read(size)
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


def _quoted(url: str) -> str:
    """Quote a URL from outside so that it can be sent; what is quoted already stays."""
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~")


def _read_all(verb: str, key: str, reply: Reply, max_bytes: int) -> bytes:
    try:
        return reply.read_all(max_bytes)
    except NETWORK_ERRORS as error:
        raise _unreachable(f"COS {verb}", key, error) from None


def _code_of(verb: str, reply: Reply, text: bytes) -> str:
    """Return the code of a refusal; empty if none is given, and for every HEAD's 404."""
    if verb == "HEAD" and reply.status == 404:
        return ""
    in_header = reply.headers.get("x-cos-error-code")
    if in_header is not None:
        return in_header if _CODE.fullmatch(in_header) else ""
    element = _CODE_ELEMENT.search(text)
    return element[1].decode() if element else ""


def _service_error(
    settings: Settings, verb: str, bucket: str, key: str, reply: Reply, body: bytes
) -> LivenessError:
    status = reply.status
    code = _code_of(verb, reply, body)
    text = f"COS {verb} {key!r} in {bucket!r}: {status} {code}".rstrip()
    if status < 400:
        return StoreUnavailableError(text)  # a redirect, which a signed request cannot follow
    if status == 404 and code == "NoSuchBucket":
        missing = settings.missing_bucket(bucket)
        return ConfigurationError(f"{text}: {missing}: {CORRECT_BUCKET}")
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
    clock_offset = _clock_offset(reply.headers)
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


def _clock_offset(headers: Mapping[str, str]) -> float:
    """Return the seconds by which the clock of the host that replied is ahead of ours."""
    try:
        return _time(headers["date"]) - time.time()
    except _UNREADABLE:
        return 0.0


def _unreachable(verb: str, key: str, error: BaseException) -> StoreUnavailableError:
    # Only the type: an exception's text quotes the URL, and with it a signature.
    text = f"{verb} {key!r}: {type(error).__name__}"
    if isinstance(error, UnreadableFieldsError):
        return UnreadableReplyError(text)
    return StoreUnavailableError(text)


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
        raise UnreadableReplyError(
            f"COS HEAD {key!r}: the reply's headers are incomplete"
        ) from None


@lru_cache(maxsize=64)
def _time(text: str) -> float:
    """`Sun, 22 Nov 2026 12:00:00 GMT`. Raises one of _UNREADABLE."""
    return parsedate_to_datetime(text).timestamp()


def _read_page(body: bytes, prefix: str, after: str) -> Page:
    """Read a listing. Raises one of _UNREADABLE, and ParseError."""
    text = body.decode()
    if "<!DOCTYPE" in text:  # it may define entities without end
        raise ValueError
    root = ElementTree.fromstring(text)
    items = tuple(_listed(item, prefix, after) for item in root.iterfind("Contents"))
    more = _text(root, "IsTruncated") == "true"
    return Page(items, items[-1].key if more and items else None)


def _listed(item: ElementTree.Element, prefix: str, after: str) -> ListedObject:
    """Read one object of a listing. Raises one of _UNREADABLE.

    A key that was not asked for must not be processed, and one that sorts before `after` would make
    the listing loop.
    """
    key = unquote(_text(item, "Key"))
    if not key.startswith(prefix) or key <= after:
        raise ValueError
    # `2026-11-22T12:00:00.000Z`; Python 3.10 does not read the Z.
    modified = _text(item, "LastModified")[:19]
    written_at = datetime.fromisoformat(modified + "+00:00").timestamp()
    size = int(item.findtext("Size") or -1)
    return ListedObject(key, written_at, (item.findtext("ETag") or "").strip('"'), size)


def _text(element: ElementTree.Element, name: str) -> str:
    text = element.findtext(name)
    if text is None:
        raise ValueError
    return text


def _is_archived(headers: Mapping[str, str]) -> bool:
    """Whether the object is in archive storage, and no restored copy of it can be read."""
    storage_class = headers.get("x-cos-storage-class", "").upper().removeprefix("MAZ_")
    restored = 'ongoing-request="false"' in headers.get("x-cos-restore", "")
    return storage_class in _ARCHIVE_CLASSES and not restored


def _etag_is_md5(etag: str, headers: Mapping[str, str]) -> bool:
    """Whether the ETag is the content's MD5: only for simple uploads, plain or SSE-COS."""
    return (
        bool(_MD5.fullmatch(etag))
        and headers.get("x-cos-server-side-encryption", "AES256") == "AES256"
        and not any(
            "customer-algorithm" in name for name in headers if not name.startswith(_META_PREFIX)
        )
        and headers.get("x-cos-object-type", "normal") == "normal"
    )
