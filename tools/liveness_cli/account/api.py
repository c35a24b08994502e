"""Calls of API 3.0 with the vendor's SDK."""

from __future__ import annotations

from typing import Any

from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from liveness.cloud.credentials import Credentials

from ..errors import meaning_of_exception
from ..text import redact
from .errors import RequestFailed, RequestRefused

# The SDK derives the host name from the product.
_VERSIONS = {"scf": "2018-04-16", "cam": "2019-01-16", "sts": "2018-08-13"}
_TIMEOUT_SECONDS = 15
# The prefixes of the SDK's own error codes, used when the service did not answer.
_SDK_CODES = ("Client", "ServerNetworkError")


class Api:
    """One product in one region. Makes every request once, without retries."""

    def __init__(
        self,
        product: str,
        region: str,
        scheme: str,
        credentials: Credentials,
        timeout_seconds: int = _TIMEOUT_SECONDS,
    ) -> None:
        http = HttpProfile(protocol=scheme, reqTimeout=timeout_seconds)
        self._client = CommonClient(
            product,
            _VERSIONS[product],
            Credential(*credentials),
            region,
            ClientProfile(httpProfile=http, language="en-US"),
        )

    def __call__(self, action: str, **params: Any) -> dict[str, Any]:
        """Return the content of `Response`. Raises RequestRefused, RequestFailed."""
        try:
            reply = self._client.call_json(action, params)
            response: dict[str, Any] = dict(reply["Response"])
            return response
        except TencentCloudSDKException as error:
            code = str(error.code)
            if code.startswith(_SDK_CODES):
                meaning = meaning_of_exception(code) or "no intelligible reply"
                raise RequestFailed(f"{action}: {meaning}") from None
            raise RequestRefused(action, redact(code)) from None
        except Exception as error:  # the SDK fails in many ways on a malformed reply
            raise RequestFailed(f"{action}: {type(error).__name__}") from None
