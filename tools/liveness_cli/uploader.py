"""The customer's side: uploads and downloads with the real COS SDK."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import click
import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosException, CosServiceError

from liveness.logs import silence_vendors

from .local_cloud import LocalCloud

_TIMEOUT_SECONDS = 30


class BucketClient:
    """Uploads to and downloads from the bucket of a local cloud; a context manager."""

    def __init__(self, cloud: LocalCloud) -> None:
        silence_vendors()
        keys = cloud.sandbox.credentials
        config = CosConfig(
            Region=cloud.settings.region,
            SecretId=keys.secret_id,
            SecretKey=keys.secret_key,
            Scheme="http",
            Proxies={"http": cloud.sandbox.url},
            Timeout=_TIMEOUT_SECONDS,
        )
        self._session = requests.Session()
        self._session.trust_env = False  # ignores the machine's own proxy and .netrc
        self._client = CosS3Client(config, retry=0, session=self._session)
        self._bucket = cloud.settings.bucket

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
        """Upload a file; returns its size in bytes."""
        try:
            with path.open("rb") as body:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
                return body.tell()
        except (OSError, CosException) as error:
            raise click.ClickException(f"cannot upload {path.name}: {_describe(error)}") from None

    def download(self, key: str) -> bytes | None:
        """Return the object's content, or None if the object does not exist."""
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
            return bytes(reply["Body"].get_raw_stream().read())
        except CosException as error:
            if isinstance(error, CosServiceError) and error.get_status_code() == 404:
                return None
            raise click.ClickException(f"cannot download {key}: {_describe(error)}") from None


def _describe(error: Exception) -> str:
    if isinstance(error, CosServiceError):
        return f"COS answered {error.get_status_code()} {error.get_error_code()}"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
