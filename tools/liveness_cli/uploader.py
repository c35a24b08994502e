"""Uploads and downloads with the real COS SDK, as a customer's programs make them."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import click
import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosException, CosServiceError

from liveness.cloud.credentials import Credentials
from liveness.logs import silence_vendors
from liveness.settings import CORRECT_BUCKET, Settings

from .errors import meaning_of_code, meaning_of_exception
from .permissions import language

_TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1024 * 1024
_NO_BUCKET = "NoSuchBucket"
_WITHOUT_CODE = "without a code"
_DENIED = ("AccessDenied", _WITHOUT_CODE)
# By the word for it in messages.
_ACTIONS = {
    "upload": "name/cos:PutObject",
    "read": "name/cos:HeadObject",
    "download": "name/cos:GetObject",
}
# A header unknown to the SDK is passed on, and signed.
_CREATE_ONLY = {"x-cos-forbid-overwrite": "true"}


class KeyExists(Exception):
    """A create-only upload found an object under its key; str() is the key."""


class NotAllowed(click.ClickException):
    """The key may not do this; the message names the action and the resource."""


class BucketUnavailable(click.ClickException):
    """COS did not answer properly, or at all; the same request may succeed later."""


class BucketClient:
    """Uploads to and downloads from the bucket of the settings; a context manager.

    With `proxy`, the URL of a sandbox, every request goes there, whatever the environment says;
    otherwise the environment's proxies apply.
    """

    def __init__(
        self, settings: Settings, credentials: Credentials, proxy: str | None = None
    ) -> None:
        silence_vendors()
        config = CosConfig(
            Region=settings.region,
            SecretId=credentials.secret_id,
            SecretKey=credentials.secret_key,
            Token=credentials.token,
            Scheme=settings.endpoint_scheme,
            Proxies={"http": proxy} if proxy else None,
            Timeout=_TIMEOUT_SECONDS,
        )
        self._session = requests.Session()
        self._session.trust_env = proxy is None
        self._client = CosS3Client(config, retry=0, session=self._session)
        self._settings = settings
        self._bucket = settings.bucket
        self._result_bucket = settings.result_bucket

    def __enter__(self) -> BucketClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def upload(self, path: Path, key: str) -> int:
        """Upload a file over any existing one; returns its size in bytes. Raises NotAllowed."""
        try:
            with path.open("rb") as body:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
                return body.tell()
        except (OSError, CosException) as error:
            raise self._error("upload", path.name, error, self._bucket, key) from None

    def create(self, path: Path, key: str, md5: bytes, observe: Callable[[int], None]) -> str:
        """Upload a file under a key that is free; COS compares its MD5 and returns the ETag.

        `observe` is called with the number of bytes read so far. Raises KeyExists, NotAllowed.
        """
        try:
            with _ObservedFile(path, observe) as body:
                reply = self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentMD5=base64.b64encode(md5).decode(),
                    Metadata=_CREATE_ONLY,
                )
            return str(reply["ETag"]).strip('"')
        except (OSError, CosException) as error:
            if isinstance(error, CosServiceError) and error.get_status_code() == 409:
                raise KeyExists(key) from None
            raise self._error("upload", path.name, error, self._bucket, key) from None

    def etag(self, key: str) -> str | None:
        """Return the ETag of an input; None if it does not exist or this key may not read it."""
        try:
            return str(self._client.head_object(Bucket=self._bucket, Key=key)["ETag"]).strip('"')
        except CosException as error:
            if isinstance(error, CosServiceError) and error.get_status_code() in (403, 404):
                return None
            raise self._error("read", key, error, self._bucket, key) from None

    def download(self, key: str) -> bytes | None:
        """Return the content of a result or a best frame, or None if it does not exist.

        Raises BucketUnavailable, NotAllowed.
        """
        try:
            reply = self._client.get_object(Bucket=self._result_bucket, Key=key)
            return bytes(reply["Body"].get_raw_stream().read())
        except CosException as error:
            is_missing = isinstance(error, CosServiceError) and error.get_status_code() == 404
            if is_missing and _code(error) != _NO_BUCKET:
                return None
            raise self._error("download", key, error, self._result_bucket, key) from None

    def _error(
        self, verb: str, name: str, error: Exception, bucket: str, key: str
    ) -> click.ClickException:
        if not isinstance(error, CosServiceError):
            return _failure(verb, name, error)
        if _code(error) == _NO_BUCKET:
            missing = self._settings.missing_bucket(bucket)
            return click.ClickException(f"cannot {verb} {name}: {missing}: {CORRECT_BUCKET}")
        if error.get_status_code() == 403 and _code(error) in _DENIED:
            resource = language.key(self._settings.region, bucket, key)
            return NotAllowed(
                f"cannot {verb} {name}: COS answered 403 {_code(error)}: the policies of this key "
                f"do not allow {_ACTIONS[verb]} on {resource}"
            )
        return _failure(verb, name, error)


def md5_of(path: Path) -> bytes:
    """Return the MD5 of a file's content."""
    digest = hashlib.md5()
    try:
        with path.open("rb") as body:
            while chunk := body.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise _failure("read", path.name, error) from None
    return digest.digest()


class _ObservedFile(io.FileIO):
    """A file that reports how far it has been read."""

    def __init__(self, path: Path, observe: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._observe = observe

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(-1 if size is None else size)
        self._observe(self.tell())
        return content or b""


def _failure(verb: str, name: str, error: Exception) -> click.ClickException:
    passes_by_itself = (
        error.get_status_code() >= 500
        if isinstance(error, CosServiceError)
        else isinstance(error, CosException)
    )
    kind = BucketUnavailable if passes_by_itself else click.ClickException
    return kind(f"cannot {verb} {name}: {_describe(error)}")


def _describe(error: Exception) -> str:
    if isinstance(error, CosServiceError):
        code = _code(error)
        meaning = meaning_of_code(code)
        return f"COS answered {error.get_status_code()} {code}" + (meaning and f": {meaning}")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # The SDK's error quotes what its HTTP library raised.
    return meaning_of_exception(str(error)) or type(error).__name__


def _code(error: CosServiceError) -> str:
    try:
        return str(error.get_error_code())
    except KeyError:  # a reply to HEAD has no body, so no code
        return _WITHOUT_CODE
