"""How the face API downloads its inputs: by GET, from default COS domains of its region only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import SplitResult, unquote, urlsplit

import aiohttp
from yarl import URL

from ..api.errors import ApiError
from ..blobs import Blob, BlobStore
from ..hosts import CosHost, host_of
from ..wire import CHUNK_BYTES
from .resources import VENDOR_APPID, ResourceBuckets

USER_AGENT = "faceid-resource-fetcher"
_TIMEOUT_SECONDS = 30


class Downloader:
    def __init__(
        self, resources: ResourceBuckets, blobs: BlobStore, own_url: Callable[[], str]
    ) -> None:
        self._resources = resources
        self._blobs = blobs
        self._own_url = own_url
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, md5: str, region: str) -> Blob:
        parts = urlsplit(url)
        host = host_of((parts.hostname or "").lower())
        if not isinstance(host, CosHost) or not host.plain or host.region != region:
            raise ApiError("InvalidParameterValue", "invalid resourceUrl")
        if parts.scheme not in ("http", "https"):
            raise ApiError("InvalidParameterValue", "invalid resourceUrl")
        blob = await self._get(self._signed(parts, host, region))
        if blob.md5 != md5.lower():
            raise ApiError("InvalidParameterValue", "MD5 Error")
        return blob

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _signed(self, parts: SplitResult, host: CosHost, region: str) -> str:
        """Sign links to the vendor's own bucket; any other link must work for anyone who has it."""
        if host.bucket.endswith(f"-{VENDOR_APPID}") and not parts.query:
            return self._resources.download_url(region, unquote(parts.path[1:]))
        # TLS ends before COS, and the signature does not cover the scheme, so http replaces https.
        return parts._replace(scheme="http").geturl()

    async def _get(self, url: str) -> Blob:
        if self._session is None:
            # Unlimited, because the rate limiter bounds concurrency, not the connection pool.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                headers={"User-Agent": USER_AGENT},
                auto_decompress=False,
            )
        try:
            async with self._session.get(
                URL(url, encoded=True),
                proxy=self._own_url(),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            ) as response:
                if response.status != 200:
                    raise ApiError("FailedOperation.DownLoadError", "File download failed.")
                return await self._blobs.receive(response.content.iter_chunked(CHUNK_BYTES))
        except asyncio.TimeoutError:
            raise ApiError(
                "FailedOperation.DownLoadTimeoutError", "File download timed out."
            ) from None
        except aiohttp.ClientError:
            raise ApiError("FailedOperation.DownLoadError", "File download failed.") from None
