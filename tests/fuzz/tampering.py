"""A loopback proxy between the function and the sandbox that changes replies on their way.

The request always has its effect; what comes back may be anything, down to the bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tests.fuzz.canaries import Sent

Headers = tuple[tuple[str, str], ...]


class Asked(NamedTuple):
    """What a request wants: `action` is the face API's, else empty."""

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
        """Another value for a header; None takes it away."""
        others = tuple(pair for pair in self.headers if pair[0] != name)
        return self._replace(headers=others if value is None else (*others, (name, value)))

    def with_body(self, body: bytes) -> Reply:
        """Another body of the length that is declared."""
        return self._replace(body=body).with_header("content-length", str(len(body)))

    def bytes(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Said", *(": ".join(pair) for pair in self.headers)]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return head + b"\r\n\r\n" + self.body


# Another reply, or the very bytes; None leaves it as it is.
Tamper = Callable[[Asked, Reply], Reply | bytes | None]


class Proxy:
    """Passes requests on to `upstream`; `tamper` may be set and taken away at any time."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self.tamper: Tamper | None = None
        self.sent: list[Sent] = []

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Listen on a free loopback port; yields the URL."""
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

            accepting = threading.Thread(target=accept)
            accepting.start()
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                accepting.join()
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                for thread in threads:
                    thread.join()

    def _serve(self, connection: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", self._upstream))
        # The function may hang up on us at any time, and the test hangs up on both at its end.
        with connection, upstream, contextlib.suppress(OSError):
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for head, body in _messages(connection):
                asked, sent = _asked(head)
                self.sent.append(sent)
                upstream.sendall(head + body)
                reply = _read_reply(upstream, asked.method)
                tampered = self.tamper(asked, reply) if self.tamper else None
                if isinstance(tampered, bytes):
                    connection.sendall(tampered)
                    return
                connection.sendall((tampered or reply).bytes())
                if tampered is not None and not _framed(asked, tampered):
                    return


def _messages(connection: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Head (with its empty line) and body of each message, until the connection ends."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            data += (more := _receive(connection))
            if not more:
                return
        head, _, data = data.partition(b"\r\n\r\n")
        length = int(dict(_headers(head)).get("content-length", "0"))
        while len(data) < length:
            data += (more := _receive(connection))
            if not more:
                return
        yield head + b"\r\n\r\n", data[:length]
        data = data[length:]


def _receive(connection: socket.socket) -> bytes:
    # A client that sends head and body apart waits for the first to be acknowledged.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return connection.recv(65536)


def _headers(head: bytes) -> Headers:
    lines = head.decode("latin-1").split("\r\n")[1:]
    named = (line.partition(":") for line in lines)
    return tuple((name.lower(), value.strip()) for name, _, value in named)


def _asked(head: bytes) -> tuple[Asked, Sent]:
    method, target, _ = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    headers, parts = dict(_headers(head)), urlsplit(target)
    action = headers.get("x-tc-action", "")
    asked = Asked(method, parts.netloc, unquote(parts.path)[1:], parts.query, action)
    return asked, Sent(target, headers)


def _read_reply(upstream: socket.socket, method: str) -> Reply:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _take(upstream)
    head, _, body = data.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    headers = _headers(head)
    bodiless = method == "HEAD" or status in (204, 304)
    length = 0 if bodiless else int(dict(headers)["content-length"])
    while len(body) < length:
        body += _take(upstream)
    return Reply(status, headers, body)


def _take(upstream: socket.socket) -> bytes:
    more = upstream.recv(65536)
    if not more:
        raise ConnectionError("the sandbox hung up")
    return more


def _framed(asked: Asked, reply: Reply) -> bool:
    """Whether the next reply on the connection can be told from this one."""
    lengths = [value for name, value in reply.headers if name == "content-length"]
    if asked.method == "HEAD" or reply.status in (204, 304):
        return reply.body == b""
    return lengths == [str(len(reply.body))]
