"""Both clients against servers that break HTTP, stall, or send far too much."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from liveness.best_frame import FETCH_POLICY, FETCH_SECONDS, fetch_frame
from liveness.cloud.connections import Connections
from liveness.cloud.cos import CosStore
from liveness.cloud.credentials import Credentials
from liveness.cloud.system import SystemRandom, ThreadConcurrency
from liveness.context import SHUTDOWN_RESERVE_SECONDS, Context
from liveness.errors import LivenessError
from liveness.face_api import Answer, NoFrame, NoReply
from liveness.pacing import Unpaced
from liveness.records import InvocationInfo
from liveness.store import RetryingStore
from tests.clocks import SleeplessClock
from tests.function.test_faceid import REQUEST, SETTINGS, client, discard, read_request, server

# The libraries leave connections with unreadable replies to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

OK = b"HTTP/1.1 200 OK\r\n"
JSON_HEAD = OK + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def _collect_garbage() -> Iterator[None]:
    yield
    gc.collect()


def store_of(connections: Connections) -> CosStore:
    return CosStore(SETTINGS, Credentials("AKIDexample", "key", "token"), connections)


def fetch_from(store: CosStore) -> object:
    url = "http://b-1.cos.ap-singapore.myqcloud.com/f"
    answer = Answer("result", "Success", "", "r", 96.0, url, True, "0" * 32)
    clock, rng = SleeplessClock(), SystemRandom()
    unused: Any = None
    ctx = Context(
        settings=SETTINGS,
        store=RetryingStore(store, clock, rng),
        face=unused,
        frames=store,
        clock=clock,
        rng=rng,
        concurrency=ThreadConcurrency(),
        pacer=Unpaced(clock, defers_to_drain=False),
        info=InvocationInfo("", "", ""),
        deadline=clock.monotonic() + 60,
        trusted_buckets=set(),
    )
    return fetch_frame(ctx, answer, url)


def test_the_frame_timeout_covers_the_whole_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends single bytes stays within the timeout of each read."""
    monkeypatch.setattr("liveness.best_frame.FETCH_SECONDS", 0.2)
    end_of_test = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
        while not end_of_test.wait(0.05):
            connection.sendall(b"x")

    started = time.monotonic()

    with server(drip) as (url, _), closing(Connections()) as connections:
        monkeypatch.setenv("http_proxy", url)
        try:
            assert isinstance(fetch_from(store_of(connections)), NoFrame)
        finally:
            end_of_test.set()

    assert time.monotonic() - started < 5


def test_the_longest_wait_for_a_frame_leaves_time_to_publish() -> None:
    assert FETCH_POLICY.seconds + FETCH_SECONDS < SHUTDOWN_RESERVE_SECONDS


def test_an_oversized_reply_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function has 128 MB of memory."""
    megabyte = b"x" * 1024 * 1024
    sent_megabytes: list[int] = []

    def flood(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(JSON_HEAD % (100 * len(megabyte)))
        for number in range(100):
            connection.sendall(megabyte)
            sent_megabytes.append(number)

    with server(flood) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        assert isinstance(client().detect(REQUEST, 10, discard), NoReply)

    assert len(sent_megabytes) < 50


VERBS: dict[str, Callable[[CosStore], object]] = {
    "frame": fetch_from,
    "head": lambda store: store.head("b-1", "k"),
    "get": lambda store: store.get("b-1", "k", 100),
    "list": lambda store: store.list("b-1", "p", ""),
    "put": lambda store: store.put("b-1", "k", b"x", "text/plain", {}),
    "create": lambda store: store.create("b-1", "k", b"x"),
    "digest": lambda store: store.digest("b-1", "k", "0" * 32),
    "upload_to_url": lambda store: store.upload_to_url(
        "b-1", "k", "0" * 32, "http://b-1.cos.x.myqcloud.com/up"
    ),
}


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        OK,
        b"\x16\x03\x01" * 30,
        b"HTTP/9.9 abc\r\n\r\n",
        b"HTTP/1.1 99999 x\r\n\r\n",
        b"HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        b"HTTP/1.1 302 x\r\nLocation: \xff\xff://[\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: -5\r\n\r\nx",
        OK + b"Content-Length: abc\r\n\r\nx",
        OK + b"Content-Length: 5, 6\r\n\r\nx",
        OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 70000,
        OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Encoding: " + b"gzip, " * 6 + b"gzip\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"A: b\r\n" * 200 + b"\r\n",
        OK + b"X: " + b"y" * 70000 + b"\r\n\r\n",
        OK + b"Set-Cookie: \xff\xfe=\x00; domain=\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Type: \xe4\xb8\xad\r\n : x\r\n\r\n",
    ],
    ids=lambda reply: repr(reply[:40]),
)
def test_malformed_replies_raise_only_the_functions_own_errors(
    monkeypatch: pytest.MonkeyPatch, reply: bytes
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(reply)

    with server(talk) as (url, _), closing(Connections()) as connections:
        monkeypatch.setenv("http_proxy", url)
        for verb, call in VERBS.items():
            try:
                outcome = call(store_of(connections))
            except LivenessError as error:
                assert "://" not in str(error)
            else:
                assert verb != "frame" or isinstance(outcome, NoFrame)
