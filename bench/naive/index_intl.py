"""The naive handler on tencentcloud-sdk-python-intl-en, which has a generated client."""

import json
from typing import Any

import job  # type: ignore[import-not-found]  # this folder is sys.path[0] when it runs
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.faceid.v20180301 import faceid_client, models

http_profile = HttpProfile(protocol=job.scheme, endpoint="faceid.intl.tencentcloudapi.com")
client = faceid_client.FaceidClient(
    Credential(job.secret_id, job.secret_key, job.token),
    job.region,
    ClientProfile(httpProfile=http_profile),
)


def detect(params: dict[str, str]) -> dict[str, Any]:
    request = models.DetectReflectLivenessAndCompareRequest()
    request.from_json_string(json.dumps(params))
    response = client.DetectReflectLivenessAndCompare(request)
    answer: dict[str, Any] = json.loads(response.to_json_string())
    return answer


def main_handler(event: Any, context: Any) -> dict[str, Any]:
    summary: dict[str, Any] = job.handle(event, detect)
    return summary
