"""The baseline: the job as the vendor's demos would do it, one step after another, without claims.

It handles the first record and does all the useful work: it looks up both inputs, signs URLs, which
needs no download, and writes best frame and result. It does nothing about duplicates, crashes,
throttling or content that changes.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import requests
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

ACTION = "DetectReflectLivenessAndCompare"

region = os.environ["TENCENTCLOUD_REGION"]
appid = os.environ["TENCENTCLOUD_APPID"]
secret_id = os.environ["TENCENTCLOUD_SECRETID"]
secret_key = os.environ["TENCENTCLOUD_SECRETKEY"]
token = os.environ["TENCENTCLOUD_SESSIONTOKEN"]
scheme = os.environ.get("LIVENESS_ENDPOINT_SCHEME", "https")

cos = CosS3Client(
    CosConfig(Region=region, SecretId=secret_id, SecretKey=secret_key, Token=token, Scheme=scheme)
)


def handle(event: Any, detect: Callable[[dict[str, str]], dict[str, Any]]) -> dict[str, Any]:
    """Judge the pair that the first record belongs to; `detect` makes the API call."""
    record = event["Records"][0]["cos"]
    name = record["cosBucket"]["name"]
    bucket = f"{name}-{appid}"
    key = record["cosObject"]["key"].replace(f"/{appid}/{name}/", "", 1)
    print("Key is " + key)
    folder = key.rpartition("/")[0]
    live = head(bucket, f"{folder}/live.bin")
    image_key = f"{folder}/reference.jpg"
    image = head(bucket, image_key)
    if live is None or image is None:
        return {"state": "waiting"}

    answer = detect(
        {
            "LiveDataUrl": signed_url(bucket, f"{folder}/live.bin"),
            "LiveDataMd5": live["ETag"].strip('"'),
            "ImageUrl": signed_url(bucket, image_key),
            "ImageMd5": image["ETag"].strip('"'),
        }
    )
    print("RequestId is " + answer["RequestId"])

    results = folder.replace("/incoming/", "/results/", 1)
    if answer.get("BestFrameUrl"):
        frame = requests.get(answer["BestFrameUrl"], timeout=30)
        frame.raise_for_status()
        cos.put_object(Bucket=bucket, Key=f"{results}/best-frame.jpg", Body=frame.content)
    status = "passed" if answer["Result"] == "Success" and answer["Sim"] >= 70 else "rejected"
    result = {"status": status, "result": answer["Result"], "sim": answer["Sim"]}
    cos.put_object(Bucket=bucket, Key=f"{results}/result.json", Body=json.dumps(result).encode())
    return {"state": "published"}


def head(bucket: str, key: str) -> dict[str, str] | None:
    try:
        headers: dict[str, str] = cos.head_object(Bucket=bucket, Key=key)
    except CosServiceError as error:
        if error.get_status_code() == 404:
            return None
        raise
    return headers


def signed_url(bucket: str, key: str) -> str:
    params = {"x-cos-security-token": token}
    url: str = cos.get_presigned_url(bucket, key, "GET", Params=params)
    return url
