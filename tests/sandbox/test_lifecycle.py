"""Starting, stopping, and restarting with the same objects."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from liveness_sandbox import Sandbox

from .clients import BUCKET, cos_client, wait_until

TOOLS = Path(__file__).parents[2] / "tools"


def test_objects_outlive_a_sandbox_with_a_data_directory(tmp_path: Path) -> None:
    keys = ["a b+c%/人😀", "x" * 850, "dir/"]
    with Sandbox(data=tmp_path) as first:
        first.create_bucket(BUCKET, encryption="cos/kms")
        cos = cos_client(first)
        for key in keys:
            cos.put_object(
                BUCKET, key.encode(), key, Metadata={"x-cos-meta-a": "1"}, ContentType="text/plain"
            )
        cos.put_object(BUCKET, b"gone", "gone")
        cos.delete_object(BUCKET, "gone")
        cos.put_object(BUCKET, b"new", "dir/")
        before = {key: first.bucket(BUCKET).get(key) for key in keys}

    with Sandbox(data=tmp_path) as second:
        bucket = second.bucket(BUCKET)
        assert bucket.keys() == sorted(keys, key=str.encode)
        assert bucket.encryption == "cos/kms"
        for key in keys:
            then, now = before[key], bucket.get(key)
            assert then is not None and now is not None
            assert (
                now.etag,
                now.last_modified,
                now.metadata,
                now.headers,
                now.encryption,
                now.body(),
            ) == (
                then.etag,
                then.last_modified,
                then.metadata,
                then.headers,
                then.encryption,
                b"new" if key == "dir/" else key.encode(),
            )
        assert len(list((tmp_path / "blobs").iterdir())) == len(keys), "replaced bytes are removed"


def test_without_a_data_directory_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sandbox() as sandbox:
        sandbox.create_bucket(BUCKET)
        cos_client(sandbox).put_object(BUCKET, b"x" * 2_000_000, "big")
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_the_sandbox_listens_only_on_the_loopback_address() -> None:
    with Sandbox() as sandbox:
        assert requests.get(sandbox.url, timeout=10).text == "liveness sandbox\n"
        with socket.socket() as other, pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", sandbox.port))


def test_a_port_in_use_is_reported() -> None:
    with Sandbox() as first, pytest.raises(OSError), Sandbox(port=first.port):
        pass


def test_bucket_names_and_settings_are_checked() -> None:
    with Sandbox() as sandbox:
        for name in ("faces", "faces-1"):
            with pytest.raises(ValueError):
                sandbox.create_bucket(name)
        sandbox.create_bucket(BUCKET)
        for settings in ({}, {"versioning": "On"}, {"encryption": "rot13"}):
            with pytest.raises(ValueError):
                sandbox.create_bucket(BUCKET if not settings else "b-1250000000", **settings)
        with pytest.raises(KeyError):
            sandbox.bucket("other-1250000000")


def test_the_request_log_records_every_request(sandbox: Sandbox) -> None:
    cos = cos_client(sandbox)
    cos.put_object(BUCKET, b"four", "a b")
    cos.list_objects(BUCKET, Prefix="a ")

    put, listing = sandbox.requests

    assert (put.service, put.method, put.bucket, put.key, put.status) == (
        "cos",
        "PUT",
        BUCKET,
        "a b",
        200,
    )
    assert (put.bytes_in, put.bytes_out, put.auth) == (4, 0, "header")
    assert put.principal == sandbox.credentials.secret_id
    assert put.user_agent.startswith("cos-python-sdk") and put.headers["content-length"] == "4"
    assert put.ended is not None and put.started <= put.ended
    assert listing.query["prefix"] == "a " and listing.bytes_out > 0 and listing.key == ""

    with pytest.raises(Exception, match="NoSuchKey"):
        cos.get_object(BUCKET, "none")
    assert sandbox.requests[-1].error_code == "NoSuchKey"


def test_a_client_that_disconnects_midway_is_not_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Sandbox() as sandbox:
        bucket = sandbox.create_bucket(BUCKET)
        link = cos_client(sandbox).get_presigned_url(BUCKET, "key", "PUT")
        with socket.create_connection(("127.0.0.1", sandbox.port)) as client:
            request = f"PUT {link} HTTP/1.1\r\nHost: faces\r\nContent-Length: 1000\r\n\r\nfew"
            client.sendall(request.encode())
            wait_until(lambda: sandbox.requests)
        wait_until(lambda: sandbox.requests[-1].ended)
        assert sandbox.requests[-1].status is None
        assert bucket.keys() == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_connection_that_comes_while_the_sandbox_stops_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocked, stopping = threading.Event(), threading.Event()
    submit = asyncio.run_coroutine_threadsafe

    def block_the_loop(request: object, phase: str) -> None:
        if phase == "before":
            blocked.set()
            assert stopping.wait(30)

    def note_the_stop(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Any:
        future = submit(coroutine, loop)
        stopping.set()
        return future

    with socket.socket() as first, socket.socket() as second:
        with Sandbox() as sandbox:
            sandbox.hooks.append(block_the_loop)
            first.connect(("127.0.0.1", sandbox.port))
            first.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert blocked.wait(30)
            second.connect(("127.0.0.1", sandbox.port))
            monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", note_the_stop)
        gc.collect()  # a connection that is still open would warn here, which is an error
        assert second.recv(1) == b""


# Uploads that trigger a function, and a paused request whose client has disconnected: all of them
# are in progress when the sandbox stops.
BUSY = """
import requests, socket, sys, threading, time
from pathlib import Path
from qcloud_cos import CosConfig, CosS3Client
from liveness_sandbox import CosTrigger, DeployOptions, Pause, Sandbox

def upload():
    session = requests.Session()
    session.proxies = {"http": sandbox.url}
    try:
        while True:
            session.put(link, data=b"x" * 1000, timeout=5)
    except requests.RequestException:
        pass

with Sandbox() as sandbox:
    sandbox.create_bucket("faces-1250000000")
    options = DeployOptions(triggers=[CosTrigger("faces-1250000000")])
    function = sandbox.deploy("busy", Path(sys.argv[1]), options)
    keys = sandbox.credentials
    config = CosConfig(Region=sandbox.region, SecretId=keys.secret_id, SecretKey=keys.secret_key,
                       Scheme="http")
    link = CosS3Client(config).get_presigned_url("faces-1250000000", "key", "PUT")
    held = threading.Event()
    sandbox.hooks.append(
        lambda request, phase: Pause(held) if request.method == "DELETE" else None)
    uploaders = [threading.Thread(target=upload, daemon=True) for _ in range(4)]
    for uploader in uploaders:
        uploader.start()
    connection = socket.create_connection(("127.0.0.1", sandbox.port))
    connection.sendall(b"DELETE / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n")
    while len(function.invocations) < 5 or "DELETE" not in {
            request.method for request in sandbox.requests}:
        time.sleep(0.01)
    connection.close()
    time.sleep(0.1)
for uploader in uploaders:
    uploader.join(10)
print("ended")
"""


def test_the_sandbox_stops_quietly_while_busy(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("def main_handler(event, context):\n    return None\n")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUSY, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOOLS)},
        timeout=60,
    )

    assert (ended.stdout, ended.stderr, ended.returncode) == ("ended\n", "", 0)
