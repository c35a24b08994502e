"""The customer's side: the bucket by the real COS SDK."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import click
import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosException, CosServiceError

from liveness.logs import silence_vendors

from .cloud import Cloud

_TIMEOUT_SECONDS = 30


class Customer:
    """Uploads and downloads; to be closed by `with`."""

    def __init__(self, cloud: Cloud) -> None:
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
        self._session.trust_env = False  # no proxy of the machine's own, no .netrc
        self._client = CosS3Client(config, retry=0, session=self._session)
        self._bucket = cloud.settings.bucket

    def __enter__(self) -> Customer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def upload(self, path: Path, key: str) -> int:
        """Returns how many bytes it was."""
        try:
            with path.open("rb") as body:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body)
                return body.tell()
        except (OSError, CosException) as error:
            raise click.ClickException(f"cannot upload {path.name}: {_why(error)}") from None

    def download(self, key: str) -> bytes | None:
        """None where there is no such object."""
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=key)
            return bytes(reply["Body"].get_raw_stream().read())
        except CosException as error:
            if isinstance(error, CosServiceError) and error.get_status_code() == 404:
                return None
            raise click.ClickException(f"cannot download {key}: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, CosServiceError):
        return f"COS answered {error.get_status_code()} {error.get_error_code()}"
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__
