"""The naive handler on the function's own two SDKs."""

from typing import Any

import job  # type: ignore[import-not-found]  # this folder is sys.path[0] when it runs
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

http_profile = HttpProfile(protocol=job.scheme, endpoint="faceid.intl.tencentcloudapi.com")
client = CommonClient(
    "faceid",
    "2018-03-01",
    Credential(job.secret_id, job.secret_key, job.token),
    job.region,
    ClientProfile(httpProfile=http_profile),
)


def detect(params: dict[str, str]) -> dict[str, Any]:
    response: dict[str, Any] = client.call_json(job.ACTION, params)["Response"]
    return response


def main_handler(event: Any, context: Any) -> dict[str, Any]:
    summary: dict[str, Any] = job.handle(event, detect)
    return summary
