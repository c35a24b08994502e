"""The vendor's real SDKs, pointed at a sandbox, and helpers that use them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from qcloud_cos import CosConfig, CosS3Client
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from liveness_sandbox import Credentials, Sandbox

BUCKET = "faces-1250000000"
DETECT = "DetectReflectLivenessAndCompare"
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9"


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def wait_until(condition: Callable[[], object], timeout_seconds: float = 100) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)


def cos_client(
    sandbox: Sandbox, credentials: Credentials | None = None, **settings: Any
) -> CosS3Client:
    keys = credentials or sandbox.credentials
    config = CosConfig(
        **{
            "Region": sandbox.region,
            "SecretId": keys.secret_id,
            "SecretKey": keys.secret_key,
            "Token": keys.token,
            "Scheme": "http",
            "Proxies": {"http": sandbox.url},
            "Timeout": 10,
            **settings,
        }
    )
    return CosS3Client(config, retry=0, session=requests.Session())


def face_client(
    sandbox: Sandbox, credentials: Credentials | None = None, region: str | None = None
) -> CommonClient:
    host = "faceid.intl.tencentcloudapi.com"
    return api_client(sandbox, "faceid", "2018-03-01", credentials, region, host)


def api_client(
    sandbox: Sandbox,
    product: str,
    version: str,
    credentials: Credentials | None = None,
    region: str | None = None,
    host: str | None = None,
) -> CommonClient:
    """Return a client of a product of API 3.0; `host` is None if the SDK knows it."""
    return CommonClient(product, version, *profile_of(sandbox, credentials, region, host))


def profile_of(
    sandbox: Sandbox,
    credentials: Credentials | None = None,
    region: str | None = None,
    host: str | None = None,
) -> tuple[Credential, str, ClientProfile]:
    """Return what a client of API 3.0 is made of: credential, region and profile."""
    keys = credentials or sandbox.credentials
    profile = HttpProfile(protocol="http", endpoint=host, reqTimeout=10)
    profile.proxy = sandbox.url
    credential = Credential(keys.secret_id, keys.secret_key, keys.token)
    return credential, region or sandbox.region, ClientProfile(httpProfile=profile)


class GeneratedClient:
    """One of the vendor's generated clients, called by an action's name and plain parameters."""

    def __init__(self, client: Any, models: Any) -> None:
        self._client = client
        self._models = models

    def request(self, action: str, params: Mapping[str, Any]) -> Any:
        request = getattr(self._models, f"{action}Request")()
        request.from_json_string(json.dumps(params))
        return request

    def __call__(self, action: str, **params: Any) -> dict[str, Any]:
        response = getattr(self._client, action)(self.request(action, params))
        reply: dict[str, Any] = json.loads(response.to_json_string())
        return reply

    def refused(self, action: str, **params: Any) -> str:
        """Make a request that must be refused; return the error's code."""
        with pytest.raises(TencentCloudSDKException) as caught:
            self(action, **params)
        return str(caught.value.code)


class Pair:
    """A liveness package and a reference image in the bucket, ready to be judged."""

    def __init__(self, sandbox: Sandbox, live: bytes, image: bytes) -> None:
        self.sandbox = sandbox
        cos = cos_client(sandbox)
        bucket = sandbox.bucket(BUCKET)
        bucket.put("pair/live.bin", live)
        bucket.put("pair/reference.jpg", image)
        self.params = {
            "LiveDataUrl": cos.get_presigned_url(BUCKET, "pair/live.bin", "GET"),
            "LiveDataMd5": md5(live),
            "ImageUrl": cos.get_presigned_url(BUCKET, "pair/reference.jpg", "GET"),
            "ImageMd5": md5(image),
        }

    def judge(self, **changed: Any) -> dict[str, Any]:
        reply = face_client(self.sandbox).call_json(DETECT, {**self.params, **changed})
        response: dict[str, Any] = reply["Response"]
        return response
