"""Starting, stopping, and coming back with the same objects."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import requests
from liveness_sandbox import Credentials, Sandbox

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
        assert len(list((tmp_path / "blobs").iterdir())) == len(keys), (
            "nothing is left of what was replaced"
        )


def test_nothing_is_left_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sandbox() as sandbox:
        sandbox.create_bucket(BUCKET)
        cos_client(sandbox).put_object(BUCKET, b"x" * 2_000_000, "big")
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_only_the_loopback_address_listens() -> None:
    with Sandbox() as sandbox:
        assert requests.get(sandbox.url, timeout=10).text == "liveness sandbox\n"
        with socket.socket() as other, pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", sandbox.port))


def test_a_port_that_is_taken_is_told() -> None:
    with Sandbox() as first, pytest.raises(OSError), Sandbox(port=first.port):
        pass


def test_names_are_checked() -> None:
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


def test_the_log_tells_all(sandbox: Sandbox) -> None:
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_as_a_command(tmp_path: Path, number: signal.Signals) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text(
        textwrap.dedent(
            """
            import os, pathlib
            def main_handler(event, context):
                told = f"{os.getpid()} {os.environ['LIVENESS_BUCKET']}"
                pathlib.Path(os.environ["NOTE"]).write_text(told)
            """
        )
    )
    note = tmp_path / "note"
    start = textwrap.dedent(
        f"""
        from functools import partial
        from pathlib import Path
        from liveness_sandbox import serve
        serve(port=0, data=None, region="ap-hongkong", bucket={BUCKET!r}, code=Path({str(code)!r}),
              environment={{"NOTE": {str(note)!r}}}, print=partial(print, flush=True))
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", start],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TOOLS)},
    ) as server:
        try:
            assert server.stdout is not None
            ready = server.stdout.readline()
            assert re.fullmatch(r"liveness sandbox ready on http://127\.0\.0\.1:\d+\n", ready)
            exported: dict[str, str] = {}
            while "NOTE" not in exported:
                line = server.stdout.readline()
                assert line, "the server ended early"
                name, _, value = line.removeprefix("export ").strip().partition("=")
                exported[name] = value
            assert exported["LIVENESS_ENDPOINT_SCHEME"] == "http"
            assert exported["LIVENESS_BUCKET"] == BUCKET
            assert exported["TENCENTCLOUD_REGION"] == "ap-hongkong"
            upload(exported)
            wait_until(lambda: note.exists() and note.read_text())
        finally:
            server.send_signal(number)
        assert server.wait(10) == 0
    pid, bucket = note.read_text().split()
    assert bucket == BUCKET
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def upload(exported: dict[str, str]) -> None:
    class Remote:
        """What cos_client wants to know of a sandbox, from what serve printed."""

        region = exported["TENCENTCLOUD_REGION"]
        url = exported["http_proxy"]
        credentials = Credentials(
            exported["TENCENTCLOUD_SECRETID"], exported["TENCENTCLOUD_SECRETKEY"]
        )

    cos_client(Remote()).put_object(BUCKET, b"body", "liveness/incoming/pair/live.bin")  # type: ignore[arg-type]
