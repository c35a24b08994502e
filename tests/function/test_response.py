"""Heads of HTTP replies: what is read, and what is refused before anything relies on it."""

from __future__ import annotations

import socket
from http.client import HTTPException

import pytest

from liveness.cloud.connections import Connections, Reply
from tests.function.test_connections import connections, read_head
from tests.function.test_faceid import server

__all__ = ["connections"]  # a fixture

URL = "http://host/key"
OK = b"HTTP/1.1 200 OK\r\n"


def ask(connections: Connections, monkeypatch: pytest.MonkeyPatch, url: str, method: str) -> Reply:
    monkeypatch.setenv("http_proxy", url)
    connections.read_environment()
    return connections.request(method, URL, {})


@pytest.mark.parametrize(
    ("method", "raw", "headers", "body", "is_kept"),
    [
        (
            "GET",
            OK + b"ETag: a\r\nX-Cos-Meta:  b \t\r\nx-cos-meta: c\r\nContent-Length: 3\r\n\r\nabc",
            {"etag": "a", "x-cos-meta": "b, c", "content-length": "3"},
            b"abc",
            True,
        ),
        (
            "GET",
            OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            {"transfer-encoding": "Chunked"},
            b"abc",
            True,
        ),
        ("HEAD", OK + b"Content-Length: 9\r\n\r\n", {"content-length": "9"}, b"", True),
        ("HEAD", OK + b"Transfer-Encoding: chunked\r\n\r\n", None, b"", True),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", {}, b"", True),
        ("GET", b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + OK + b"\r\nabc", {}, b"abc", False),
        ("GET", OK + b"Connection: Close\r\nContent-Length: 0\r\n\r\n", None, b"", False),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", None, b"a", False),
        ("GET", OK + b"a:\xff\n\n", {"a": "\xff"}, b"", False),
    ],
)
def test_a_reply_is_read(
    connections: Connections,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    raw: bytes,
    headers: dict[str, str] | None,
    body: bytes,
    is_kept: bool,
) -> None:
    def talk(connection: socket.socket) -> None:
        while read_head(connection):
            connection.sendall(raw)
            if not is_kept:
                return

    with server(talk) as (url, accepted):
        for _ in range(2):
            with ask(connections, monkeypatch, url, method) as reply:
                assert headers is None or reply.headers == headers
                assert reply.read_all(100) == body

    assert len(accepted) == (1 if is_kept else 2)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4 + OK + b"Content-Length: 0\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"A : b\r\n\r\n",
        OK + b"A: b\r\n folded\r\n\r\n",
        OK + b"A: b\rB: c\r\n\r\n",
        OK + b"A: b\0\r\n\r\n",
        OK + b"A: b\r\n",
        OK + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
        OK + b"A: b\r\n" * 101 + b"\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 0x1\r\n\r\n",
        OK + b"Content-Length: 0\r\nContent-Length: 1\r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_head_that_is_not_understood_is_no_reply(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(head)

    with server(talk) as (url, _), pytest.raises(HTTPException):
        ask(connections, monkeypatch, url, "GET")
