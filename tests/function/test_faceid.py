"""The face API's client against servers that misbehave below HTTP."""

from __future__ import annotations

import io
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS
from Crypto.Util.asn1 import DerBitString, DerObjectId, DerSequence
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from liveness.cloud.connections import tls_context
from liveness.cloud.credentials import Credentials
from liveness.cloud.faceid import FaceId
from liveness.cloud.system import ThreadConcurrency
from liveness.face_api import Answer, DetectRequest, NoReply, NotSent
from liveness.settings import read_settings
from tests.clocks import SleeplessClock

SETTINGS = read_settings(
    {
        "TENCENTCLOUD_REGION": "ap-singapore",
        "LIVENESS_BUCKET": "faces-1250000000",
        "LIVENESS_ENDPOINT_SCHEME": "http",
        "http_proxy": "http://127.0.0.1",
    }
)
REQUEST = DetectRequest("http://a/", "0" * 32, "http://b/", "1" * 32)
BODY = json.dumps({"Response": {"Result": "Success", "Sim": 96.3, "RequestId": "r"}}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HEAD += b"Content-Length: %d\r\n\r\n" % len(BODY)


def discard(answer: Answer) -> None:
    """Ignore an answer that comes after the deadline."""


def client(clock: SleeplessClock | None = None, scheme: str = "http") -> FaceId:
    face = FaceId(clock or SleeplessClock(), ThreadConcurrency())
    settings = SETTINGS._replace(endpoint_scheme=scheme)
    face.configure(settings, Credentials("AKIDexample", "key", "token"))
    return face


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """Serve every connection with `talk`; yield the URL and one entry per connection."""
    connections: list[int] = []
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                connections.append(1)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        def serve(connection: socket.socket) -> None:
            connection.settimeout(10)
            with connection, suppress(OSError):  # the client may hang up
                talk(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", connections
        finally:
            stop.set()
            thread.join()


def anonymous_tls(protocol: int) -> ssl.SSLContext:
    """Return a context that needs no certificate, since neither side of the handshake has one."""
    context = ssl.SSLContext(protocol)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    return context


def certified_tls(folder: Path) -> ssl.SSLContext:
    """Return a server's context with a certificate of its own: TLS 1.3 needs one."""
    key = ECC.generate(curve="P-256")
    algorithm = DerSequence([DerObjectId("1.2.840.10045.4.3.2").encode()]).encode()  # with SHA-256
    times = (b"\x17\x0d200101000000Z", b"\x17\x0d490101000000Z")
    nobody, public = DerSequence().encode(), key.public_key().export_key(format="DER")
    parts: list[Any] = [1, algorithm, nobody, DerSequence(times).encode(), nobody, public]
    signed = DerSequence(parts).encode()
    signature = DSS.new(key, "fips-186-3", encoding="der").sign(SHA256.new(signed))
    certificate = DerSequence([signed, algorithm, DerBitString(signature).encode()])
    pem = ssl.DER_cert_to_PEM_cert(certificate.encode()) + key.export_key(format="PEM")
    (folder / "server.pem").write_text(pem, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


def read_request(connection: socket.socket) -> bool:
    """Read one complete request; return False at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := connection.recv(65536)):
            return False
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return True


def answer(connection: socket.socket) -> None:
    while read_request(connection):
        connection.sendall(HEAD + BODY)


def test_an_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(answer) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        assert isinstance(client().detect(REQUEST, 5, discard), Answer)


def test_what_tls_has_decrypted_and_nobody_read_is_nobodys_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was received with the answer to another call, so it may be about another person."""
    body = json.dumps({"Response": {"Result": "FailedOperation.LifePhotoDetectFake"}}).encode()
    fake = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    record = (fake + b" ").ljust(io.DEFAULT_BUFFER_SIZE) + HEAD + BODY

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)  # CONNECT
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        server_side = anonymous_tls(ssl.PROTOCOL_TLS_SERVER)
        with server_side.wrap_socket(connection, server_side=True) as secure:
            while read_request(secure):
                secure.sendall(record)

    client_side = anonymous_tls(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr("liveness.cloud.connections.tls_context", lambda: client_side)
    with server(talk) as (url, _):
        monkeypatch.setenv("https_proxy", url)
        face = client(scheme="https")
        replies = [face.detect(REQUEST, 5, discard) for _ in range(4)]

    codes = [reply.code if isinstance(reply, Answer) else type(reply) for reply in replies]
    assert codes == ["FailedOperation.LifePhotoDetectFake"] * 4  # each on a connection of its own


def test_the_deadline_covers_the_whole_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte arrives well within the HTTP library's timeout; all of them take far longer."""

    def drip(connection: socket.socket) -> None:
        read_request(connection)
        for byte in HEAD + BODY:
            connection.sendall(bytes([byte]))
            time.sleep(0.01)

    with server(drip) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        assert isinstance(client().detect(REQUEST, 0.3, discard), NoReply)


def test_a_request_never_sent_differs_from_one_never_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    assert isinstance(client().detect(REQUEST, 5, discard), NotSent)

    def hang_up(connection: socket.socket) -> None:
        read_request(connection)

    with server(hang_up) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        assert isinstance(client().detect(REQUEST, 5, discard), NoReply)


def test_an_error_of_the_sdk_before_it_sends_was_not_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sign(*_: object) -> None:
        raise TencentCloudSDKException("ClientError", "it cannot sign")

    monkeypatch.setattr(CommonClient, "_build_req_inter", sign)

    assert client().detect(REQUEST, 5, discard) == NotSent("TencentCloudSDKException")


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1", HEAD, HEAD + BODY[:-1], b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 99]
)
def test_a_truncated_reply_is_not_an_answer(monkeypatch: pytest.MonkeyPatch, reply: bytes) -> None:
    def cut(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply)

    with server(cut) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        assert isinstance(client().detect(REQUEST, 5, discard), NoReply)


def test_connections_are_reused_only_for_a_short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection may be dead without a sign, and a call sent over it billed for nothing."""
    clock = SleeplessClock()
    with server(answer) as (url, connections):
        monkeypatch.setenv("http_proxy", url)
        face = client(clock)
        for _ in range(3):
            face.detect(REQUEST, 5, discard)
        assert len(connections) == 1
        clock.shift += 60
        face.detect(REQUEST, 5, discard)
        assert len(connections) == 2


def test_a_connection_is_opened_before_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(answer) as (url, connections):
        monkeypatch.setenv("http_proxy", url)
        face = client()
        for _ in range(2):
            connect = face.reserve_connection()
            assert connect is not None, "each call has a connection of its own"
            connect()
        assert face.reserve_connection() is not None, "both are reserved"
        assert isinstance(face.detect(REQUEST, 5, discard), Answer)

    assert len(connections) == 2


def test_the_tickets_of_tls_1_3_close_no_connection_that_was_opened_ahead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They follow the handshake, and nobody has read them when the call takes the connection."""
    server_side, ticketed = certified_tls(tmp_path), threading.Semaphore(0)
    versions: list[str | None] = []

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)  # CONNECT
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with server_side.wrap_socket(connection, server_side=True) as secure:
            versions.append(secure.version())
            ticketed.release()
            answer(secure)

    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
    monkeypatch.setattr("liveness.cloud.connections.tls_context", lambda: client_side)
    with server(talk) as (url, connections):
        monkeypatch.setenv("https_proxy", url)
        face = client(scheme="https")
        connect = face.reserve_connection()
        assert connect is not None
        connect()
        assert ticketed.acquire(timeout=10)
        assert isinstance(face.detect(REQUEST, 5, discard), Answer)

    assert (len(connections), versions) == (1, ["TLSv1.3"])


def test_what_fails_ahead_of_a_call_is_left_to_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    face = client()
    connect = face.reserve_connection()
    assert connect is not None

    connect()

    assert isinstance(face.detect(REQUEST, 5, discard), NotSent)


# ---- connecting is a step of its own: what failed before it ended was never sent


def refuse_connect(connection: socket.socket) -> None:
    """Play a proxy that refuses CONNECT."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def hang_up_in_handshake(connection: socket.socket) -> None:
    """Play a proxy that connects, and a peer that is gone when TLS begins."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    connection.recv(5)


def refuse_tls(connection: socket.socket) -> None:
    """Play a proxy that connects, and a peer that answers TLS by an alert."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    connection.recv(65536)
    connection.sendall(bytes([21, 3, 3, 0, 2, 2, 40]))  # fatal: handshake failure


@pytest.mark.parametrize("talk", [refuse_connect, hang_up_in_handshake, refuse_tls])
def test_a_refused_handshake_counts_as_never_sent(
    monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket], None]
) -> None:
    with server(talk) as (url, connections):
        monkeypatch.setenv("https_proxy", url)
        reply = client(scheme="https").detect(REQUEST, 5, discard)

    assert connections
    assert isinstance(reply, NotSent)


def test_connections_share_what_verifies_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read the authorities takes more CPU than all requests of a pair."""
    read: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def count(context: ssl.SSLContext, *args: Any, **options: Any) -> None:
        read.append(context)
        load(context, *args, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", count)
    with server(refuse_tls) as (url, connections):
        monkeypatch.setenv("https_proxy", url)
        for _ in range(3):
            client(scheme="https").detect(REQUEST, 5, discard)

    assert len(connections) == 3
    assert len(read) <= 1
    context = tls_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_handshake_that_hangs_counts_as_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    end_of_test = threading.Event()

    def hang(connection: socket.socket) -> None:
        connection.recv(65536)
        end_of_test.wait(10)

    with server(hang) as (url, _):
        monkeypatch.setenv("https_proxy", url)
        try:
            assert isinstance(client(scheme="https").detect(REQUEST, 0.3, discard), NotSent)
        finally:
            end_of_test.set()


def test_nothing_is_sent_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name resolution hangs past the deadline; the connection that it then allows stays empty."""
    received: list[bytes] = []
    resolving, resolved = threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def resolve_late(*args: Any, **options: Any) -> Any:
        resolving.set()
        assert resolved.wait(10)
        return resolve(*args, **options)

    def listen(connection: socket.socket) -> None:
        received.append(connection.recv(65536))

    late: list[Answer] = []
    with server(listen) as (url, connections):
        monkeypatch.setenv("http_proxy", url)
        face = client()
        monkeypatch.setattr(socket, "getaddrinfo", resolve_late)
        reply = face.detect(REQUEST, 0.3, late.append)
        assert resolving.is_set()
        resolved.set()
        deadline = time.monotonic() + 100
        while not received and time.monotonic() < deadline:
            time.sleep(0.01)

    assert isinstance(reply, NotSent)
    assert (len(connections), received, late) == (1, [b""], [])


def test_a_request_sent_before_the_deadline_may_be_billed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end_of_test = threading.Event()
    late: list[Answer] = []

    def answer_late(connection: socket.socket) -> None:
        read_request(connection)
        end_of_test.wait(10)
        connection.sendall(HEAD + BODY)

    with server(answer_late) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        try:
            assert isinstance(client().detect(REQUEST, 0.3, late.append), NoReply)
        finally:
            end_of_test.set()
        deadline = time.monotonic() + 100
        while not late and time.monotonic() < deadline:
            time.sleep(0.01)

    assert [answer.code for answer in late] == ["Success"]


def test_claims_that_lead_to_no_call_open_no_connections_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Packages that are uploaded again and again, for example, are claimed and refused."""
    opened = 0
    with server(lambda connection: None) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        face = client()
        for _ in range(50):
            if connect := face.reserve_connection():
                connect()
                opened += 1

    assert opened == 32, "as many as may be needed at one moment"
