"""The function's connections to COS: kept, verified, and through the environment's proxies."""

from __future__ import annotations

import io
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosS3Client

from liveness.cloud.connections import Connections, tls_context
from liveness.cloud.cos import CosStore, sdk_config
from liveness.cloud.credentials import Credentials
from liveness.errors import StoreUnavailableError, UnreadableReplyError
from tests.conftest import Cloud
from tests.function.test_faceid import SETTINGS, anonymous_tls, server

BUCKET = "b-1"
HOST = "b-1.cos.ap-singapore.myqcloud.com"
KEYS = Credentials("AKIDexample", "key", "token")
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connections]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with closing(Connections()) as connections:
        yield connections


def read_head(connection: socket.socket) -> str:
    """Read one request without a body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return ""
        data += chunk
    return data.decode()


def not_found(connection: socket.socket) -> None:
    while read_head(connection):
        connection.sendall(NOT_FOUND)


def store_of(connections: Connections, scheme: str = "http") -> CosStore:
    return CosStore(SETTINGS._replace(endpoint_scheme=scheme), KEYS, connections)


# ---- kept


def test_requests_share_a_connection(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(not_found) as (url, accepted):
        monkeypatch.setenv("http_proxy", url)
        for _ in range(3):  # as successive invocations do
            store = store_of(connections)
            for _ in range(3):
                assert store.head(BUCKET, "k") is None

    assert len(accepted) == 1


def test_a_reply_that_is_closed_twice_gives_its_connection_back_once(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two requests would be on one connection, and could get each other's replies."""
    with server(not_found) as (url, accepted):
        monkeypatch.setenv("http_proxy", url)
        connections.read_environment()
        with connections.request("GET", f"http://{HOST}/k", {}) as reply:
            assert reply.read() == b""
            reply.close()
        one = connections.request("GET", f"http://{HOST}/k", {})
        reply.close()
        another = connections.request("GET", f"http://{HOST}/k", {})
        one.close()
        another.close()

    assert len(accepted) == 2


def test_a_connection_that_was_closed_meanwhile_is_not_used_again(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Semaphore(0)

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(NOT_FOUND)
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    with server(talk) as (url, accepted):
        monkeypatch.setenv("http_proxy", url)
        store = store_of(connections)
        for _ in range(3):
            assert store.head(BUCKET, "k") is None
            assert closed.acquire(timeout=10)

    assert len(accepted) == 3


def test_what_a_reply_leaves_unread_is_not_the_next_reply(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body after a reply to HEAD, and one that is longer than its reader wants."""
    body = b"HTTP/1.1 200 OK\r\nETag: forged\r\nContent-Length: 0\r\n\r\n"

    def talk(connection: socket.socket) -> None:
        while head := read_head(connection):
            size = 300_000 if head.startswith("GET") else 0
            fields = f"Content-Length: {size or len(body)}\r\n\r\n".encode()
            connection.sendall(b"HTTP/1.1 404 Not Found\r\n" + fields + body + bytes(size))

    with server(talk) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        store = store_of(connections)
        for _ in range(5):
            assert store.head(BUCKET, "k") is None
            assert store.get(BUCKET, "k", 10) is None


@pytest.mark.parametrize(
    "beginning",
    [
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nContent-Length: 150\r\n\r\n",
        "HTTP/1.1 404 No\r\nContent-Length: 150\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["an interim reply", "a malformed chunk", "two lengths", "a length beside chunks"],
)
def test_what_follows_a_reply_that_is_not_understood_is_not_the_next_reply(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    """The rest comes only after the next request was sent, so nothing can be seen of it before."""
    date = "Sun, 22 Nov 2026 12:00:00 GMT"
    of_another = (
        f'HTTP/1.1 200 OK\r\nETag: "of-another"\r\nDate: {date}\r\nLast-Modified: {date}\r\n'
        "Content-Length: 0\r\n\r\n"
    )

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(beginning.encode())
        if read_head(connection):
            connection.sendall(of_another.encode())

    with server(talk) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        store = store_of(connections)
        for _ in range(4):
            with pytest.raises(StoreUnavailableError):
                store.get(BUCKET, "k", 100)


def test_what_tls_has_decrypted_and_nobody_read_is_not_the_next_reply(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was received with the reply, so nothing can be seen of it on the socket."""
    date = "Sun, 22 Nov 2026 12:00:00 GMT"
    forged = (
        f'HTTP/1.1 200 OK\r\nETag: "forged"\r\nDate: {date}\r\nLast-Modified: {date}\r\n'
        "Content-Length: 0\r\n\r\n"
    )
    record = NOT_FOUND.ljust(io.DEFAULT_BUFFER_SIZE) + forged.encode()

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        server_side = anonymous_tls(ssl.PROTOCOL_TLS_SERVER)
        with server_side.wrap_socket(connection, server_side=True) as secure:
            while read_head(secure):
                secure.sendall(record)

    client_side = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr("liveness.cloud.connections.tls_context", lambda: client_side)
    with server(talk) as (url, accepted):
        monkeypatch.setenv("https_proxy", url)
        store = store_of(connections, "https")
        for _ in range(3):
            assert store.head(BUCKET, "k") is None

    assert len(accepted) == 3


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of one that was dropped while the instance was frozen nothing can be seen."""
    now = 1000.0

    monkeypatch.delenv("no_proxy", raising=False)
    with (
        server(not_found) as (url, accepted),
        closing(Connections(lambda: now)) as connections,
    ):
        monkeypatch.setenv("http_proxy", url)
        store = store_of(connections)
        for seconds in (0, 29, 29, 31):
            now += seconds
            assert store.head(BUCKET, "k") is None

    assert len(accepted) == 2


def test_a_body_that_ends_early_is_no_object(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    date = "Sun, 22 Nov 2026 12:00:00 GMT"
    head = f'HTTP/1.1 200 OK\r\nETag: "e"\r\nDate: {date}\r\nLast-Modified: {date}\r\n'

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(head.encode() + b"Content-Length: 9\r\n\r\nshort")

    with server(talk) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        with pytest.raises(StoreUnavailableError):
            store_of(connections).get(BUCKET, "k", 100)


@pytest.mark.parametrize(
    ("reply", "is_of_the_object"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"x-cos-meta-a: 1\r\n" * 101 + b"\r\n", True),
        (b"HTTP/1.1 200 OK\r\nx-cos-meta-a: " + b"1" * 70_000 + b"\r\n\r\n", True),
        (b'HTTP/1.1 200 OK\r\nx-cos-meta-\xe9: 1\r\nETag: "e"\r\n\r\n', True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", False),
        (b"\x15\x03\x03\x00\x02\x02\x28", False),
        (b"", False),
    ],
    ids=["many headers", "a long one", "a strange name", "cut off", "no HTTP", "closed"],
)
def test_only_a_whole_reply_with_unreadable_headers_may_be_the_objects_own_trouble(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, reply: bytes, is_of_the_object: bool
) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(reply)

    with server(talk) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        with pytest.raises(StoreUnavailableError) as caught:
            store_of(connections).get(BUCKET, "k", 100)

    assert isinstance(caught.value, UnreadableReplyError) == is_of_the_object


# ---- through the environment's proxies, or not


def test_a_proxy_gets_the_whole_url_and_its_password(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []

    def talk(connection: socket.socket) -> None:
        heads.append(read_head(connection))
        connection.sendall(NOT_FOUND)

    with server(talk) as (url, _):
        monkeypatch.setenv("http_proxy", url.replace("http://", "http://us%20er:pass@"))
        assert store_of(connections).head(BUCKET, "a b") is None

    assert heads[0].startswith(f"HEAD http://{HOST}/a%20b HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXMgZXI6cGFzcw==\r\n" in heads[0]


def test_https_goes_through_a_tunnel_in_which_the_host_is_verified(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []

    def talk(connection: socket.socket) -> None:
        heads.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        heads.append(connection.recv(65536).decode("latin-1"))

    with server(talk) as (url, _):
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(StoreUnavailableError):
            store_of(connections, "https").head(BUCKET, "k")

    assert heads[0].startswith(f"CONNECT {HOST}:443 HTTP/1.")
    assert HOST in heads[1]  # the name that TLS asks for
    assert "q-signature" not in heads[0] + heads[1]


def test_hosts_are_verified() -> None:
    context = tls_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 50


def test_the_environment_is_read_once_per_invocation(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(not_found) as (url, accepted):
        monkeypatch.setenv("http_proxy", url)
        store = store_of(connections)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "*")
        assert store.head(BUCKET, "k") is None
        monkeypatch.setattr(os, "environ", {})
        assert store.head(BUCKET, "k") is None

    assert len(accepted) == 1


# ---- signed as the SDK does


@given(st.text(min_size=1).filter(lambda key: not key.startswith("/")), st.integers(1, 10**6))
def test_a_pre_signed_url_is_the_sdk_s(key: str, seconds: int) -> None:
    with pytest.MonkeyPatch.context() as patch, closing(Connections()) as connections:
        patch.setattr("time.time", lambda: 1_800_000_000.0)
        try:
            key.encode()
        except UnicodeEncodeError:
            return
        ours = store_of(connections).presign(BUCKET, key, seconds)
        client = CosS3Client(sdk_config(SETTINGS._replace(endpoint_scheme="http"), KEYS))
        params = {"x-cos-security-token": KEYS.token}
        assert ours == client.get_presigned_url(BUCKET, key, "GET", seconds, Params=params)


# ---- listings


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><ListBucketResult>&b;',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE l><l/>'.encode("utf-16"),
    ],
)
def test_a_listing_defines_no_entities(
    connections: Connections, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    body += b"<IsTruncated>false</IsTruncated></ListBucketResult>" * (b"&b;" in body)

    def talk(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with server(talk) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        with pytest.raises(StoreUnavailableError, match="incomplete"):
            store_of(connections).list(BUCKET, "p", "")


@pytest.mark.parametrize("transfer", ["presign", "upload"])
def test_a_netrc_file_replaces_no_signature(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transfer: str
) -> None:
    """The HTTP library of the face API's SDK would send its default password instead."""
    (tmp_path / "netrc").write_text("default login mallory password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    cloud.put_pair("anna")

    walked = cloud.instance(TRANSFER=transfer).walk("anna")

    assert walked["status"] == "passed"
