"""Settings of buckets, with the COS SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import requests
import urllib3
from qcloud_cos import CosS3Client
from qcloud_cos.cos_exception import CosClientError, CosServiceError

from liveness.cloud.cos import sdk_config
from liveness.cloud.credentials import Credentials
from liveness.settings import CORRECT_BUCKET, Settings

from ..errors import meaning_of_exception
from ..text import redact
from .errors import RequestFailed, RequestRefused, parsing_reply

T = TypeVar("T")
_NO_VALID_REPLY = (
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
# The groups of everybody, and of everybody who has an account.
_EVERYBODY = ("/AllUsers", "/AuthenticatedUsers")


class Buckets:
    """Each method makes one request. All raise RequestRefused and RequestFailed."""

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._settings = settings
        self._client = CosS3Client(sdk_config(settings, credentials), retry=0)

    def require(self, bucket: str) -> None:
        """Raise RequestRefused with the code NO_BUCKET if the region has no such bucket."""
        self._request("HEAD Bucket", bucket, lambda: self._client.head_bucket(Bucket=bucket))

    def versioning(self, bucket: str) -> str | None:
        """Return None if versioning was never enabled, else Enabled or Suspended."""
        reply = self._request(
            "GET Bucket versioning",
            bucket,
            lambda: self._client.get_bucket_versioning(Bucket=bucket),
        )
        status = (reply or {}).get("Status")
        return None if status is None else str(status)

    def create(self, bucket: str) -> None:
        """Create a private bucket whose objects are encrypted by SSE-COS; it may be ours already.

        Raises RequestRefused if another account has the name, or it is in another region.
        """
        try:
            self._request(
                "PUT Bucket",
                bucket,
                lambda: self._client.create_bucket(Bucket=bucket, ACL="private"),
            )
        except RequestRefused as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._request(
            "PUT Bucket encryption",
            bucket,
            lambda: self._client.put_bucket_encryption(
                Bucket=bucket, ServerSideEncryptionConfiguration={"Rule": [rule]}
            ),
        )

    def is_public(self, bucket: str) -> bool:
        """Whether the bucket's ACL lets anybody read or write (436/7733)."""
        reply = self._request(
            "GET Bucket acl", bucket, lambda: self._client.get_bucket_acl(Bucket=bucket)
        )
        with parsing_reply("GET Bucket acl"):
            grants = ((reply or {}).get("AccessControlList") or {}).get("Grant") or []
            return any(
                str((each.get("Grantee") or {}).get("URI") or "").endswith(_EVERYBODY)
                for each in grants
            )

    def lifecycle(self, bucket: str) -> list[dict[str, Any]]:
        """Return the bucket's rules in the SDK's form."""
        try:
            reply = self._request(
                "GET Bucket lifecycle",
                bucket,
                lambda: self._client.get_bucket_lifecycle(Bucket=bucket),
            )
        except RequestRefused as error:
            if error.code == "NoSuchLifecycleConfiguration":
                return []
            raise
        rules: list[dict[str, Any]] = list((reply or {}).get("Rule", []))
        return rules

    def put_lifecycle(self, bucket: str, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replace all rules of the bucket (436/8280)."""
        if not rules:  # PUT does not accept an empty list
            self._request(
                "DELETE Bucket lifecycle",
                bucket,
                lambda: self._client.delete_bucket_lifecycle(Bucket=bucket),
            )
            return
        self._request(
            "PUT Bucket lifecycle",
            bucket,
            lambda: self._client.put_bucket_lifecycle(
                Bucket=bucket, LifecycleConfiguration={"Rule": list(rules)}
            ),
        )

    def _request(self, operation: str, bucket: str, call: Callable[[], T]) -> T:
        request = f"{operation} of {bucket}"
        try:
            return call()
        except CosServiceError as error:
            code, meaning = _code(error), ""
            if code == NO_BUCKET:
                meaning = f"{self._settings.missing_bucket(bucket)}: {CORRECT_BUCKET}"
            raise RequestRefused(request, code, meaning) from None
        except _NO_VALID_REPLY as error:
            cause = type(error.__context__ or error).__name__
            meaning = meaning_of_exception(cause)
            reason = f"({cause}): {meaning}" if meaning else f"({cause})"
            raise RequestFailed(f"{request}: no intelligible reply {reason}") from None


def _code(error: CosServiceError) -> str:
    digest = error.get_digest_msg()
    code = digest.get("code") or digest.get("Code") if hasattr(digest, "get") else None
    status = int(error.get_status_code())
    if code in (None, "NoSuchResource"):  # the reply to a HEAD has no body, hence no code
        return NO_BUCKET if status == 404 else f"status {status}"
    return redact(code)
