"""HTTP as the services see it: a request, whose target is decoded exactly once, and a reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from aiohttp import MultipartReader, web

from .blobs import BlobSlice

CHUNK_BYTES = 256 * 1024


class MalformedTarget(Exception):
    """The decoded request target is not UTF-8."""


@dataclass(frozen=True)
class Reply:
    """A reply. `body` may be a slice of a stored blob, which is streamed."""

    status: int
    body: bytes | BlobSlice = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class WireRequest:
    """A request. Header names are in lower case; of repeated headers only the first counts."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.method = request.method
        self.headers: dict[str, str] = {}
        for name, value in request.headers.items():
            self.headers.setdefault(name.lower(), value)
        authority, raw_path, raw_query = _split_target(
            request.raw_path, self.headers.get("host", "")
        )
        self.host = authority.rpartition("@")[2].partition(":")[0].lower()
        self.path = _decode_path(raw_path)
        self.raw_query = raw_query
        # `requests` and the SDKs write a space in a query as `+`, so a plus is a space here. In a
        # path it is a plus.
        self.query: dict[str, str] = dict(parse_qsl(raw_query, keep_blank_values=True))
        self.source_ip = request.remote or "127.0.0.1"
        self.bytes_in = 0
        self.request_id = ""
        self.error_code = ""

    @property
    def has_length(self) -> bool:
        return "content-length" in self.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in chunks, so that it need not fit in memory."""
        if (
            self.headers.get("expect", "").lower() == "100-continue"
            and self._request.transport is not None
        ):
            self._request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for chunk in self._request.content.iter_chunked(CHUNK_BYTES):
            self.bytes_in += len(chunk)
            yield chunk

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks()])

    async def discard(self) -> None:
        """Read and discard the rest of the body."""
        async for _ in self.chunks():
            pass

    def form(self) -> MultipartReader:
        """Return a reader of the body as multipart/form-data."""
        return MultipartReader(self._request.headers, self._request.content)


def _split_target(target: str, host_header: str) -> tuple[str, str, str]:
    """Split an origin-form or absolute-form target (RFC 9112, 3.2), without decoding it.

    Return authority, path and query.
    """
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return host_header, path, query
    parts = urlsplit(target)
    # A proxy must take the host from the target, and ignore the Host header (RFC 9112, 3.2.2).
    return parts.netloc, parts.path or "/", parts.query


def _decode_path(raw: str) -> str:
    try:
        # Clients may send UTF-8 unescaped; the parser returns it with surrogate escapes.
        return unquote(raw.encode("utf-8", "surrogateescape"), errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedTarget(quote(raw, errors="surrogateescape")) from error
