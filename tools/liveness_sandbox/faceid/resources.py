"""The vendor's own buckets, which keep best frames and uploaded resources for two hours."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from ..clock import Clock
from ..cos.signature import presigned_query
from ..cos.store import Bucket, Store, StoredObject
from ..credentials import Credentials, KeyRing
from ..hosts import bucket_host

VENDOR_APPID = "1254418846"
LIFETIME = timedelta(hours=2)
# `sg` is in the document's sample; the others are guesses modelled on it.
_BUCKETS = {
    "ap-bangkok": f"faceid-resource-bk-{VENDOR_APPID}",
    "ap-hongkong": f"faceid-resource-hk-{VENDOR_APPID}",
    "ap-singapore": f"faceid-resource-sg-{VENDOR_APPID}",
}
REGIONS = tuple(_BUCKETS)


class ResourceBuckets:
    def __init__(self, store: Store, keys: KeyRing, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys
        self._credentials = keys.issue(VENDOR_APPID)

    def bucket(self, region: str) -> Bucket:
        bucket = self._store.find(_BUCKETS[region])
        if bucket is None:
            bucket = self._store.create_volatile(_BUCKETS[region], region)
            bucket.requires_length = True
            bucket.object_lifetime = LIFETIME
        return bucket

    def new_key(self, action: str, appid: str) -> str:
        return f"faceid/{action}/{appid}/{uuid.uuid4()}"

    def add(self, region: str, key: str, body: bytes, redirect: str | None = None) -> StoredObject:
        return self.bucket(region).put(key, body, content_type="image/jpeg", redirect=redirect)

    def download_url(self, region: str, key: str) -> str:
        """Return a link to an object; the object itself expires by the sandbox's clock."""
        return self._presigned_url(self._credentials, "GET", region, key)

    def upload_url(self, region: str, key: str) -> str:
        """Return a link to upload a resource with; it expires by the sandbox's clock."""
        keys = self._keys.issue_for_link(VENDOR_APPID, LIFETIME.total_seconds())
        return self._presigned_url(keys, "PUT", region, key)

    def _presigned_url(self, keys: Credentials, method: str, region: str, key: str) -> str:
        host = bucket_host(self.bucket(region).name, region)
        query = presigned_query(keys, method, host, f"/{key}", int(LIFETIME.total_seconds()))
        return f"http://{host}/{quote(key, safe='')}?{urlencode(query)}"

    def plain_url(self, region: str, key: str) -> str:
        return f"https://{bucket_host(self.bucket(region).name, region)}/{quote(key, safe='')}"

    def expiry(self) -> datetime:
        return self._clock.now() + LIFETIME
