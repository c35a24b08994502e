"""Many clients at once: slow and stalled ones do not block the others."""

from __future__ import annotations

import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests
from qcloud_cos import CosS3Client
from requests.adapters import HTTPAdapter

from liveness_sandbox import Bucket, Sandbox

from .clients import BUCKET, cos_client, wait_until

MEGABYTE = 1024 * 1024
STALLED = 20


def opened(sandbox: Sandbox, head: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", sandbox.port), timeout=10)
    connection.sendall(head.encode())
    return connection


def everything(connection: socket.socket) -> bytes:
    """Receive until the server closes the connection."""
    received = b""
    while chunk := connection.recv(MEGABYTE):
        received += chunk
    return received


def request(cos: CosS3Client, method: str, key: str, *headers: str) -> str:
    url = cos.get_presigned_url(BUCKET, key, method)
    host = url.split("/")[2]
    return "\r\n".join([f"{method} {url} HTTP/1.1", f"Host: {host}", *headers, "", ""])


def test_stalled_readers_do_not_block_others(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    size = 16 * MEGABYTE
    bucket.put("big", b"x" * size)

    with ExitStack() as stack:
        for _ in range(STALLED):
            stack.enter_context(opened(sandbox, request(cos, "GET", "big")))
        wait_until(lambda: len([each for each in sandbox.requests if each.bytes_out]) == STALLED)
        cos.put_object(BUCKET, b"body", "a")
        assert cos.get_object(BUCKET, "a")["Body"].get_raw_stream().read() == b"body"
        assert all(each.bytes_out < size for each in sandbox.requests[:STALLED]), (
            "unread data does not accumulate"
        )


def test_stalled_writers_do_not_block_others(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    with ExitStack() as stack:
        for number in range(STALLED):
            head = request(cos, "PUT", f"stalled-{number}", f"Content-Length: {MEGABYTE}")
            stack.enter_context(opened(sandbox, head + "half"))
        wait_until(lambda: len(sandbox.requests) == STALLED)
        cos.put_object(BUCKET, b"body", "a")
        assert bucket.keys() == ["a"]


def test_a_slow_reader_gets_everything(sandbox: Sandbox, cos: CosS3Client, bucket: Bucket) -> None:
    """This holds even if the object is replaced and deleted meanwhile."""
    body = bytes(range(256)) * (8 * MEGABYTE // 256)
    bucket.put("big", body)

    with opened(sandbox, request(cos, "GET", "big", "Connection: close")) as connection:
        received = connection.recv(1000)
        cos.put_object(BUCKET, b"other", "big")
        cos.delete_object(BUCKET, "big")
        received += everything(connection)

    assert received.partition(b"\r\n\r\n")[2] == body


def test_expect_100_continue_is_honoured(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    headers = "Content-Length: 4", "Expect: 100-continue"
    with opened(sandbox, request(cos, "PUT", "a", *headers)) as connection:
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")

    refused = request(cos, "PUT", "b", *headers).replace("q-signature=", "q-signature=0")

    with opened(sandbox, refused) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 "), (
            "rejected before any byte of the body"
        )


def test_requests_can_be_pipelined_on_one_connection(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    bucket.put("a", b"body")
    origin_form = request(cos, "GET", "a").replace(
        f"GET http://{BUCKET}.cos.ap-singapore.myqcloud.com/", "GET /"
    )
    pipelined = request(cos, "GET", "a") + request(cos, "GET", "missing") + origin_form
    close = request(cos, "HEAD", "a", "Connection: close")

    with opened(sandbox, pipelined + close) as connection:
        received = everything(connection)

    statuses = [reply[:3] for reply in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200", b"200"]


def test_a_connection_is_kept_alive(
    sandbox: Sandbox, http: requests.Session, cos: CosS3Client
) -> None:
    cos.put_object(BUCKET, b"body", "a")
    url = cos.get_presigned_url(BUCKET, "a", "GET")

    for _ in range(5):
        assert http.get(url).content == b"body"
        assert http.put(url, data=b"x" * 100_000).status_code == 403, (
            "rejected without reading the body"
        )
    adapter = http.get_adapter("http://x")
    assert isinstance(adapter, HTTPAdapter)
    [pool] = adapter.proxy_manager[sandbox.url].pools._container.values()
    assert pool.num_connections == 1


def test_many_clients_can_work_at_once(sandbox: Sandbox, bucket: Bucket) -> None:
    def work(number: int) -> None:
        cos = cos_client(sandbox)
        for count in range(10):
            key, body = f"{number}/{count}", bytes([number, count]) * 1000
            cos.put_object(BUCKET, body, key)
            assert cos.get_object(BUCKET, key)["Body"].get_raw_stream().read() == body

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))

    assert len(bucket.keys()) == 160


@pytest.mark.parametrize("attempt", range(3))
def test_exactly_one_of_many_create_only_puts_wins(
    sandbox: Sandbox, bucket: Bucket, attempt: int
) -> None:
    start = threading.Barrier(8)

    def claim(number: int) -> bool:
        cos = cos_client(sandbox)
        start.wait()
        try:
            cos.put_object(
                BUCKET, str(number), "claim", Metadata={"x-cos-forbid-overwrite": "true"}
            )
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_exactly_one_of_two_appends_at_one_position_wins(sandbox: Sandbox, bucket: Bucket) -> None:
    """Each client sends its body only after the headers of both have been accepted."""
    cos = cos_client(sandbox)
    url = cos.get_presigned_url(BUCKET, "log", "POST", Params={"append": "", "position": "0"})
    host = url.split("/")[2]
    head = (
        f"POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )

    with ExitStack() as stack:
        connections = [stack.enter_context(opened(sandbox, head)) for _ in range(2)]
        for connection in connections:
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        statuses = []
        for connection, body in zip(connections, (b"one.", b"two."), strict=True):
            connection.sendall(body)
            statuses.append(connection.recv(1000).split()[1])
    assert statuses == [b"200", b"409"]
    stored = bucket.get("log")
    assert stored is not None and stored.body() == b"one."


def test_an_upload_without_length_or_chunks_is_rejected(
    sandbox: Sandbox, cos: CosS3Client, bucket: Bucket
) -> None:
    with opened(sandbox, request(cos, "PUT", "a", "Connection: close")) as connection:
        reply = everything(connection)

    assert reply.startswith(b"HTTP/1.1 411 ") and b"MissingContentLength" in reply
    assert bucket.keys() == []


def test_no_connection_outlives_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stalls has a reply in the buffer, which would be sent before closing."""
    left: list[object] = []
    gc.collect()
    monkeypatch.setattr("sys.unraisablehook", lambda problem: left.append(problem.exc_value))
    with ExitStack() as stack:
        stop_while_a_reader_stalls(stack)
        gc.collect()

    assert left == []


def stop_while_a_reader_stalls(stack: ExitStack) -> None:
    with Sandbox() as sandbox:
        sandbox.create_bucket(BUCKET).put("big", b"x" * 16 * MEGABYTE)
        stack.enter_context(opened(sandbox, request(cos_client(sandbox), "GET", "big")))
        wait_until(lambda: any(each.bytes_out for each in sandbox.requests))
