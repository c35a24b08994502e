"""Calls of API 3.0 by the vendor's SDK: one answer, or one of two errors."""

from __future__ import annotations

from typing import Any

from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from liveness.credentials import Credentials

from ..operator.wording import harmless
from .errors import Refused, Unreachable

# Of SCF and CAM; the SDK makes the host's name of the product.
_VERSIONS = {"scf": "2018-04-16", "cam": "2019-01-16"}
_TIMEOUT_SECONDS = 15
# How the SDK's own codes begin, where the service said nothing.
_OWN = ("Client", "ServerNetworkError")


class Api:
    """One product in one region. Nothing is tried twice."""

    def __init__(self, product: str, region: str, scheme: str, credentials: Credentials) -> None:
        http = HttpProfile(protocol=scheme, reqTimeout=_TIMEOUT_SECONDS)
        self._client = CommonClient(
            product,
            _VERSIONS[product],
            Credential(*credentials),
            region,
            ClientProfile(httpProfile=http, language="en-US"),
        )

    def __call__(self, action: str, **params: Any) -> dict[str, Any]:
        """What stands in `Response`. Raises Refused, Unreachable."""
        try:
            reply = self._client.call_json(action, params)
            response: dict[str, Any] = dict(reply["Response"])
            return response
        except TencentCloudSDKException as error:
            code = str(error.code)
            if code.startswith(_OWN):
                raise Unreachable(f"{action}: no answer that can be understood") from None
            raise Refused(action, harmless(code)) from None
        except Exception as error:  # the SDK trips over replies of another shape
            raise Unreachable(f"{action}: {type(error).__name__}") from None
