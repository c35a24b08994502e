"""A loopback proxy between the function and the sandbox that tampers with replies.

A request always takes effect; its reply may be replaced by anything, down to the bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tests.fuzz.canaries import SentRequest

Headers = tuple[tuple[str, str], ...]


class Target(NamedTuple):
    """The target of a request; `action` is that of the face API, else empty."""

    method: str
    host: str
    key: str
    query: str
    action: str


class Reply(NamedTuple):
    """An HTTP reply before it is written; header names in lower case."""

    status: int
    headers: Headers
    body: bytes

    def with_header(self, name: str, value: str | None) -> Reply:
        """Set a header to another value; None removes it."""
        remaining = tuple(pair for pair in self.headers if pair[0] != name)
        return self._replace(headers=remaining if value is None else (*remaining, (name, value)))

    def with_body(self, body: bytes) -> Reply:
        """Replace the body and declare its length."""
        return self._replace(body=body).with_header("content-length", str(len(body)))

    def bytes(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Tampered", *(": ".join(pair) for pair in self.headers)]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return head + b"\r\n\r\n" + self.body


# Returns another reply, or its raw bytes; None leaves the reply unchanged.
Tamper = Callable[[Target, Reply], Reply | bytes | None]


class Proxy:
    """Forwards requests to `upstream`; `tamper` may be set and removed at any time."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self.tamper: Tamper | None = None
        self.sent: list[SentRequest] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen on a free loopback port; yield the URL."""
        threads: list[threading.Thread] = []
        connections: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:

            def accept() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return  # closed
                    connections.append(connection)
                    threads.append(threading.Thread(target=self._serve, args=(connection,)))
                    threads[-1].start()

            acceptor = threading.Thread(target=accept)
            acceptor.start()
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                acceptor.join()
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                for thread in threads:
                    thread.join()

    def _serve(self, connection: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", self._upstream))
        # The function may hang up at any time; at its end the test hangs up on both sides.
        with connection, upstream, contextlib.suppress(OSError):
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for head, body in _messages(connection):
                target, sent = _parse_request(head)
                self.sent.append(sent)
                upstream.sendall(head + body)
                reply = _read_reply(upstream, target.method)
                tampered = self.tamper(target, reply) if self.tamper else None
                if isinstance(tampered, bytes):
                    connection.sendall(tampered)
                    return
                connection.sendall((tampered or reply).bytes())
                if tampered is not None and not _is_framed(target, tampered):
                    return


def _messages(connection: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Yield head, with its empty line, and body of each message until the connection ends."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            data += (chunk := _receive(connection))
            if not chunk:
                return
        head, _, data = data.partition(b"\r\n\r\n")
        length = int(dict(_headers(head)).get("content-length", "0"))
        while len(data) < length:
            data += (chunk := _receive(connection))
            if not chunk:
                return
        yield head + b"\r\n\r\n", data[:length]
        data = data[length:]


def _receive(connection: socket.socket) -> bytes:
    # A client that sends head and body separately waits until the head is acknowledged.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return connection.recv(65536)


def _headers(head: bytes) -> Headers:
    lines = head.decode("latin-1").split("\r\n")[1:]
    fields = (line.partition(":") for line in lines)
    return tuple((name.lower(), value.strip()) for name, _, value in fields)


def _parse_request(head: bytes) -> tuple[Target, SentRequest]:
    method, url, _ = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    headers, parts = dict(_headers(head)), urlsplit(url)
    action = headers.get("x-tc-action", "")
    target = Target(method, parts.netloc, unquote(parts.path)[1:], parts.query, action)
    return target, SentRequest(url, headers)


def _read_reply(upstream: socket.socket, method: str) -> Reply:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _receive_upstream(upstream)
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    headers = _headers(head)
    bodiless = method == "HEAD" or status in (204, 304)
    length = 0 if bodiless else int(dict(headers)["content-length"])
    while len(body) < length:
        body += _receive_upstream(upstream)
    return Reply(status, headers, body)


def _receive_upstream(upstream: socket.socket) -> bytes:
    chunk = upstream.recv(65536)
    if not chunk:
        raise ConnectionError("the sandbox hung up")
    return chunk


def _is_framed(target: Target, reply: Reply) -> bool:
    """Tell whether the client can see where this reply ends and the next one starts."""
    lengths = [value for name, value in reply.headers if name == "content-length"]
    if target.method == "HEAD" or reply.status in (204, 304):
        return reply.body == b""
    return lengths == [str(len(reply.body))]
