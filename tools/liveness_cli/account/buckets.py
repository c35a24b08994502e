"""Settings of buckets, by the COS SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import requests
import urllib3
from qcloud_cos.cos_exception import CosClientError, CosServiceError

from liveness.cos import new_client, new_session
from liveness.credentials import Credentials
from liveness.settings import Settings

from ..operator.wording import harmless
from .errors import Refused, Unreachable

T = TypeVar("T")
_NETWORK = (
    CosClientError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    ParseError,
    ValueError,
    KeyError,
    TypeError,
)
NO_BUCKET = "NoSuchBucket"


class Buckets:
    """Every call is one request. All raise Refused and Unreachable."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._client = new_client(settings, credentials, new_session())

    def require(self, bucket: str) -> None:
        """Refused with NO_BUCKET where there is none in the region."""
        self._ask("HEAD Bucket", bucket, lambda: self._client.head_bucket(Bucket=bucket))

    def versioning(self, bucket: str) -> str | None:
        """None where it never was enabled; else Enabled or Suspended."""
        reply = self._ask(
            "GET Bucket versioning",
            bucket,
            lambda: self._client.get_bucket_versioning(Bucket=bucket),
        )
        status = (reply or {}).get("Status")
        return None if status is None else str(status)

    def lifecycle(self, bucket: str) -> list[dict[str, Any]]:
        """The rules as COS has them; none where there are none."""
        try:
            reply = self._ask(
                "GET Bucket lifecycle",
                bucket,
                lambda: self._client.get_bucket_lifecycle(Bucket=bucket),
            )
        except Refused as error:
            if error.code == "NoSuchLifecycleConfiguration":
                return []
            raise
        rules: list[dict[str, Any]] = list((reply or {}).get("Rule", []))
        return rules

    def put_lifecycle(self, bucket: str, rules: Sequence[Mapping[str, Any]]) -> None:
        """All rules at once, in place of those there were (436/8280)."""
        if not rules:  # PUT takes no empty list
            self._ask(
                "DELETE Bucket lifecycle",
                bucket,
                lambda: self._client.delete_bucket_lifecycle(Bucket=bucket),
            )
            return
        self._ask(
            "PUT Bucket lifecycle",
            bucket,
            lambda: self._client.put_bucket_lifecycle(
                Bucket=bucket, LifecycleConfiguration={"Rule": list(rules)}
            ),
        )

    def _ask(self, what: str, bucket: str, call: Callable[[], T]) -> T:
        asked = f"{what} of {bucket}"
        try:
            return call()
        except CosServiceError as error:
            raise Refused(asked, _code(error)) from None
        except _NETWORK as error:
            kind = type(error.__context__ or error).__name__
            raise Unreachable(f"{asked}: no answer that can be understood ({kind})") from None


def _code(error: CosServiceError) -> str:
    digest = error.get_digest_msg()
    code = digest.get("code") or digest.get("Code") if hasattr(digest, "get") else None
    status = int(error.get_status_code())
    if code in (None, "NoSuchResource"):  # a HEAD has no body, so no code
        return NO_BUCKET if status == 404 else f"status {status}"
    return harmless(code)
