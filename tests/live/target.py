"""The target of a check: the real services or the sandbox, used by the same clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

TIMEOUT_S = 20
_LIST_PATIENCE_S = 60


@dataclass(frozen=True)
class Target:
    name: str
    bucket: str
    region: str
    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    """None for permanent credentials."""
    suspended_bucket: Callable[[], str]
    """Returns the name of a bucket whose versioning was enabled and is now suspended."""
    events: Callable[[Sequence[str]], list[Any]] = field(repr=False)
    """Returns messages about new objects whose keys end in these names."""
    scheme: str
    proxy: str | None = None
    """URL of the sandbox; None for the real services."""
    prefix: str = field(default_factory=lambda: f"liveness-live-test/{uuid4().hex}/")
    written: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """Bucket and key of each object to remove at the end."""

    def key(self, name: str, bucket: str | None = None) -> str:
        """Return a unique key whose object is removed at the end."""
        key = self.prefix + name
        self.written.append((bucket or self.bucket, key))
        return key

    @contextmanager
    def session(self) -> Iterator[requests.Session]:
        """Open a plain HTTP client without credentials."""
        with requests.Session() as session:
            if self.proxy:
                session.trust_env = False
                session.proxies = {"http": self.proxy}
            yield session

    @contextmanager
    def cos(self) -> Iterator[CosS3Client]:
        with requests.Session() as session:
            config = CosConfig(
                Region=self.region,
                SecretId=self.secret_id,
                SecretKey=self.secret_key,
                Token=self.token,
                Scheme=self.scheme,
                Proxies={"http": self.proxy} if self.proxy else None,
                Timeout=TIMEOUT_S,
            )
            # Without retries: a second PUT after a lost reply would find its own object.
            yield CosS3Client(config, retry=0, session=session)

    def face_api(self) -> CommonClient:
        profile = HttpProfile(
            protocol=self.scheme, endpoint="faceid.intl.tencentcloudapi.com", reqTimeout=60
        )
        profile.proxy = self.proxy
        return CommonClient(
            "faceid",
            "2018-03-01",
            Credential(self.secret_id, self.secret_key, self.token),
            self.region,
            ClientProfile(httpProfile=profile),
        )

    def clean_up(self) -> None:
        """Remove objects by the keys handed out: a listing may omit the newest ones."""
        with self.cos() as cos:
            for bucket, key in self.written:
                cos.delete_object(bucket, key)
            uploads = cos.list_multipart_uploads(self.bucket, Prefix=self.prefix)
            for upload in uploads.get("Upload", []):
                cos.abort_multipart_upload(self.bucket, upload["Key"], upload["UploadId"])


def status_of(call: Callable[[], Any]) -> int:
    """Return the HTTP status of a call, which the SDK raises for errors."""
    try:
        call()
    except CosServiceError as error:
        status: int = error.get_status_code()
        return status
    return 200


def wait_until_listed(cos: CosS3Client, target: Target, keys: Sequence[str]) -> None:
    """Wait for the listing, which is only eventually consistent [doc 436/30614]."""
    deadline = time.monotonic() + _LIST_PATIENCE_S
    while True:
        page = cos.list_objects(target.bucket, Prefix=target.prefix)
        if set(keys) <= {entry["Key"] for entry in page.get("Contents", [])}:
            return
        assert time.monotonic() < deadline, "the listing never became complete"
        time.sleep(0.5)
