"""Let pages of one origin upload to the bucket: a CORS rule, in addition to existing ones.

    python examples/app_upload/allow_origin.py https://app.example.com

The key in the environment may read and write the bucket's CORS rules (name/cos:GetBucketCORS and
name/cos:PutBucketCORS). The app's own keys need nothing for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

_ID = "liveness-upload"


def allow_origin(environ: Mapping[str, str], origin: str) -> None:
    """Add the rule, or replace the one that an earlier call added."""
    if not origin.startswith(("https://", "http://localhost:", "http://127.0.0.1:")):
        raise ValueError(f"{origin} is no origin of an app: give one like https://app.example.com")
    cos = CosS3Client(
        CosConfig(
            Region=environ["TENCENTCLOUD_REGION"],
            SecretId=environ["TENCENTCLOUD_SECRETID"],
            SecretKey=environ["TENCENTCLOUD_SECRETKEY"],
            Scheme=environ.get("LIVENESS_ENDPOINT_SCHEME", "https"),
        )
    )
    bucket = environ["LIVENESS_BUCKET"]
    rule = {
        "ID": _ID,
        "AllowedOrigin": [origin.rstrip("/")],
        "AllowedMethod": ["PUT", "POST", "GET"],  # whole; in parts; which parts are there
        "AllowedHeader": ["*"],
        "ExposeHeader": ["ETag", "x-cos-request-id"],
        "MaxAgeSeconds": 600,
    }
    kept = [each for each in _rules(cos, bucket) if each.get("ID") != _ID]
    cos.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRule": [rule, *kept]})


def _rules(cos: CosS3Client, bucket: str) -> list[dict[str, Any]]:
    try:
        return list(cos.get_bucket_cors(Bucket=bucket)["CORSRule"])
    except CosServiceError as error:
        if error.get_status_code() == 404:
            return []
        raise


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        allow_origin(os.environ, sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
