"""The baseline of the waiting path: HEAD each key, with only the COS SDK.

bare_heads.py BUCKET KEY...
"""

import os
import sys

from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

client = CosS3Client(
    CosConfig(
        Region=os.environ["TENCENTCLOUD_REGION"],
        SecretId=os.environ["TENCENTCLOUD_SECRETID"],
        SecretKey=os.environ["TENCENTCLOUD_SECRETKEY"],
        Token=os.environ["TENCENTCLOUD_SESSIONTOKEN"],
        Scheme="http",
    )
)
bucket, *keys = sys.argv[1:]
for key in keys:
    try:
        client.head_object(Bucket=bucket, Key=key)
        print(key)
    except CosServiceError as error:
        if error.get_status_code() != 404:
            raise
