"""Trigger messages, which tell a function about a new object.

The fields are those of a message that a real bucket sent in 2022, including its `unkown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..hosts import object_url
from .store import Bucket, CreationInfo, StoredObject

# The short codes of old region names. Not all are public; the fallback is the end of the name.
_SHORT_REGIONS = {
    "ap-bangkok": "th",
    "ap-beijing": "bj",
    "ap-chengdu": "cd",
    "ap-guangzhou": "gz",
    "ap-hongkong": "hk",
    "ap-shanghai": "sh",
    "ap-singapore": "sgp",
}


def trigger_message(
    bucket: Bucket, stored: StoredObject, creation: CreationInfo, function: str, moment: datetime
) -> dict[str, Any]:
    name = bucket.name.removesuffix(f"-{bucket.appid}")
    queue = f"qcs:0:scf:{bucket.region}:appid/{bucket.appid}"
    return {
        "Records": [
            {
                "cos": {
                    "cosSchemaVersion": "1.0",
                    "cosObject": {
                        # Not encoded here, but percent-encoded in `url` [obs].
                        "key": f"/{bucket.appid}/{name}/{stored.key}",
                        "url": object_url(bucket.name, bucket.region, stored.key),
                        "size": stored.size,
                        "vid": stored.version_id or "",
                        "meta": _meta(stored, creation),
                    },
                    "cosBucket": {
                        "appid": bucket.appid,
                        "name": name,
                        "region": _SHORT_REGIONS.get(
                            bucket.region, bucket.region.rpartition("-")[2]
                        ),
                        "cosRegion": bucket.region,
                        "s3Region": bucket.region,
                    },
                    "cosNotificationId": "unkown",
                },
                "event": {
                    "eventName": f"cos:ObjectCreated:{creation.kind}",
                    "eventQueue": f"{queue}:default.{function}.$DEFAULT",
                    "eventSource": "qcs::cos",
                    "eventTime": int(moment.timestamp()),
                    "eventVersion": "1.0",
                    "reqid": 0,
                    "requestParameters": {
                        "requestSourceIP": creation.source_ip,
                        # The uploader's signature, as on the platform: logging an event leaks it.
                        "requestHeaders": {"Authorization": creation.authorization},
                    },
                    "reservedInfo": "",
                },
            }
        ]
    }


def _meta(stored: StoredObject, creation: CreationInfo) -> Mapping[str, str]:
    return {
        "Content-Type": stored.content_type,
        "ETag": stored.etag,
        "x-cos-request-id": creation.request_id,
        "x-cos-storage-class": "Standard"
        if stored.storage_class == "STANDARD"
        else stored.storage_class,
        **stored.metadata,
    }
