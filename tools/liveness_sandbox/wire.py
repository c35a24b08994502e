"""HTTP as the services see it: a request, its target decoded exactly once, and a reply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from aiohttp import MultipartReader, web

from .blobs import BlobSlice

CHUNK_BYTES = 256 * 1024


class MalformedTarget(Exception):
    """The request target is no UTF-8 once decoded."""


@dataclass(frozen=True)
class Reply:
    """What is sent back. `body` may be a slice of a stored blob, which is streamed."""

    status: int
    body: bytes | BlobSlice = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class WireRequest:
    """One request. Names of headers are lower case; the first one of a name counts."""

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
        # `requests` and the SDKs write a space in a query as `+`: here a plus is a space, in a path
        # it is a plus.
        self.query: dict[str, str] = dict(parse_qsl(raw_query, keep_blank_values=True))
        self.source_ip = request.remote or "127.0.0.1"
        self.bytes_in = 0
        self.request_id = ""
        self.error_code = ""

    @property
    def has_length(self) -> bool:
        return "content-length" in self.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece, so that it need not fit in memory."""
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
        """Take in what is left of the body."""
        async for _ in self.chunks():
            pass

    def form(self) -> MultipartReader:
        """The body as multipart/form-data."""
        return MultipartReader(self._request.headers, self._request.content)


def _split_target(target: str, host_header: str) -> tuple[str, str, str]:
    """(authority, path, query), undecoded, of an origin or absolute form (RFC 9112, 3.2)."""
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return host_header, path, query
    parts = urlsplit(target)
    # A proxy must take the host from the target and ignore the Host header (RFC 9112, 3.2.2).
    return parts.netloc, parts.path or "/", parts.query


def _decode_path(raw: str) -> str:
    try:
        # Clients may send UTF-8 unescaped; the parser hands it over with surrogate escapes.
        return unquote(raw.encode("utf-8", "surrogateescape"), errors="strict")
    except UnicodeDecodeError as error:
        raise MalformedTarget(quote(raw, errors="surrogateescape")) from error
