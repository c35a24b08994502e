"""HTTP on persistent connections: the standard library's client, and what it leaves to its users.

That is: a connection is kept for the next request, proxies are read from the environment, hosts are
verified against certifi's authorities, and connecting has a time limit of its own. The SDKs' HTTP
library does this, too, at several times the CPU: it reads the environment for each request.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import (  # type: ignore[attr-defined]  # the second is in no stub
    getproxies_environment,
    proxy_bypass_environment,
)

import certifi
from urllib3.util.wait import wait_for_read

from .response import Response

CHUNK_BYTES = 64 * 1024
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0  # between two reads
_MAX_IDLE = 128
# A connection that was idle longer may have been dropped silently, above all while the instance was
# frozen: a request on it would get no reply, and neither would a retry on the next such connection.
_MAX_IDLE_SECONDS = 30.0
# What is raised for a broken connection, or for HTTP that cannot be understood.
NETWORK_ERRORS = (HTTPException, OSError, ValueError)
_tls_lock = threading.Lock()


class Origin(NamedTuple):
    """A host, and the URL of the proxy through which it is reached, if any."""

    scheme: str
    host: str
    proxy: str = ""


class _Idle(NamedTuple):
    """A connection that is kept, and since when (monotonic)."""

    connection: HTTPConnection
    since: float


class Reply:
    """A reply whose body is read piece by piece; `close` keeps the connection if it is usable."""

    def __init__(
        self, connections: Connections, origin: Origin, connection: HTTPConnection
    ) -> None:
        self._connections = connections
        self._origin = origin
        self._connection = connection
        self._is_closed = False
        response = connection.getresponse()
        assert isinstance(response, Response)
        self._response = response
        if self._response.status < 200:  # the client has read past it: the reply proper is lost
            raise HTTPException("an interim reply")
        if self._response.length == 0:
            self._response.close()
        self.status = self._response.status
        self.headers = self._response.fields

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Read the next piece of the body; empty at its end. Raises one of NETWORK_ERRORS."""
        try:
            chunk = self._response.read(size)
            if not chunk and self._response.length:
                raise ConnectionError("the body ended early")
        except BaseException:
            self._connection.close()  # where the next reply would begin is unknown
            raise
        return chunk

    def read_all(self, max_bytes: int) -> bytes:
        """Read the body, but hardly more than `max_bytes`. Raises one of NETWORK_ERRORS."""
        body = b""
        while len(body) <= max_bytes and (chunk := self.read()):
            body += chunk
        return body

    def close(self) -> None:
        """Give the connection back, only once: after that it may be another request's."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._response.isclosed() and self._connection.sock is not None:
            self._connections.keep(self._origin, self._connection)
        else:  # the rest of the body is in the way
            self._response.close()
            self._connection.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Connections:
    """The connections that an instance keeps from one invocation to the next."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._idle: dict[Origin, list[_Idle]] = {}
        self._proxies: dict[str, str] = {}
        self._origins: dict[tuple[str, str], Origin] = {}
        self.close = weakref.finalize(self, _close, self._idle)
        """Closes the idle connections."""

    def read_environment(self) -> None:
        """Read which proxies to use from now on; requests do not read the environment."""
        self._proxies, self._origins = getproxies_environment(), {}

    def idle(self, scheme: str, host: str) -> int:
        """Return how many connections to a host are kept."""
        return len(self._idle.get(self._origin(scheme, host), ()))

    def open(self, scheme: str, host: str) -> None:
        """Open a connection for a later request. Raises one of NETWORK_ERRORS."""
        origin = self._origin(scheme, host)
        self.keep(origin, self._connect(origin))

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any = None,
        read_seconds: float = _READ_SECONDS,
        before_sending: Callable[[], None] = lambda: None,
    ) -> Reply:
        """Send a request; follow no redirect. Raises one of NETWORK_ERRORS.

        A body that is not bytes has a method `read`, and its length is in the headers. Between two
        reads of the reply at most `read_seconds` pass. `before_sending` is called once there is a
        connection; if it raises, nothing is sent.
        """
        parts = urlsplit(url)
        origin = self._origin(parts.scheme, parts.hostname or "")
        if parts.port is not None or parts.username is not None or not origin.host:
            raise ValueError("the URL is not on a host's own port")
        target = url if origin.proxy and parts.scheme == "http" else url[url.index("/", 8) :]
        if origin.proxy and parts.scheme == "http":
            headers = {**headers, **_authorization(origin.proxy)}
        connection = self._connection(origin)
        try:
            connection.sock.settimeout(read_seconds)
            before_sending()
            with contextlib.suppress(BrokenPipeError):  # a reply may say why
                connection.request(method, target, body, dict(headers))
            return Reply(self, origin, connection)
        except BaseException:
            connection.close()
            raise

    def _origin(self, scheme: str, host: str) -> Origin:
        origin = self._origins.get((scheme, host))
        if origin is None:
            proxy = self._proxies.get(scheme) or self._proxies.get("all", "")
            bypassed = proxy and proxy_bypass_environment(host, self._proxies)
            origin = Origin(scheme, host, "" if bypassed else proxy)
            self._origins[scheme, host] = origin
        return origin

    def _connection(self, origin: Origin) -> HTTPConnection:
        """Return an idle connection, or a new one."""
        idle = self._idle.get(origin, [])
        while True:
            try:
                connection, since = idle.pop()
            except IndexError:
                return self._connect(origin)
            is_fresh = self._monotonic() - since <= _MAX_IDLE_SECONDS
            if is_fresh and _is_quiet(connection.sock):
                return connection
            connection.close()

    def _connect(self, origin: Origin) -> HTTPConnection:
        proxy = urlsplit(origin.proxy if "://" in origin.proxy else f"http://{origin.proxy}")
        if proxy.scheme != "http":
            raise ValueError("a proxy's URL must begin with http://")
        host, port = (
            (proxy.hostname or "", proxy.port or 80) if origin.proxy else (origin.host, None)
        )
        connection: HTTPConnection
        if origin.scheme == "https":
            tls = tls_context()
            connection = HTTPSConnection(host, port, timeout=_CONNECT_SECONDS, context=tls)
            if origin.proxy:
                connection.set_tunnel(origin.host, 443, _authorization(origin.proxy))
        else:
            connection = HTTPConnection(host, port, timeout=_CONNECT_SECONDS)
        connection.response_class = Response
        try:
            connection.connect()
        except BaseException:  # a tunnel that fails leaves its socket open
            connection.close()
            raise
        connection.blocksize = CHUNK_BYTES  # for a body that is read from a stream
        return connection

    def keep(self, origin: Origin, connection: HTTPConnection) -> None:
        """Take back a connection that can be used again."""
        if sum(map(len, tuple(self._idle.values()))) < _MAX_IDLE:
            self._idle.setdefault(origin, []).append(_Idle(connection, self._monotonic()))
        else:
            connection.close()


def _close(idle: Mapping[Origin, list[_Idle]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().connection.close()


def _is_quiet(sock: socket.socket) -> bool:
    """Whether nothing arrived on an idle connection, neither its end nor stray data.

    TLS 1.3 sends tickets after its handshake; they are read here, and are not stray data. Data that
    TLS has decrypted but nobody has read cannot be seen on the socket.
    """
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return False
    if not wait_for_read(sock, timeout=0.0):
        return True
    if isinstance(sock, ssl.SSLSocket):
        sock.setblocking(False)
        try:
            sock.recv(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
    return False


def tls_context() -> ssl.SSLContext:
    """Return this process's context, which verifies hosts.

    It trusts certifi's authorities, or the environment's. Reading them takes 20 ms of a core, so
    that is done once, and not for each connection of a cold start.
    """
    with _tls_lock:
        return _new_tls_context()


@lru_cache
def _new_tls_context() -> ssl.SSLContext:
    # The variables that the SDKs' HTTP library reads.
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle and os.path.isdir(bundle):
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle or certifi.where())


def _authorization(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if parts.username is None:
        return {}
    plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(plain.encode()).decode()}"}
