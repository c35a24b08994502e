"""The face API's client against servers that misbehave below HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

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
    }
)
REQUEST = DetectRequest("http://a/", "0" * 32, "http://b/", "1" * 32)
BODY = json.dumps({"Response": {"Result": "Success", "Sim": 96.3, "RequestId": "r"}}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HEAD += b"Content-Length: %d\r\n\r\n" % len(BODY)


def discard(answer: Answer) -> None:
    """Ignore an answer that comes after the deadline."""


def client(clock: SleeplessClock | None = None) -> FaceId:
    face = FaceId(clock or SleeplessClock(), ThreadConcurrency())
    face.configure(SETTINGS, Credentials("AKIDexample", "key", "token"))
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
