"""`serve`: the sandbox as run by a command, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from liveness_sandbox import Credentials, DeployOptions, RegionMismatch, Sandbox, serve

from .clients import BUCKET, cos_client, wait_until

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text(
        textwrap.dedent(
            """
            import os, pathlib
            def main_handler(event, context):
                text = f"{os.getpid()} {os.environ['LIVENESS_BUCKET']}"
                pathlib.Path(os.environ["NOTE"]).write_text(text)
            """
        )
    )
    note = tmp_path / "note"
    start = textwrap.dedent(
        f"""
        from functools import partial
        from pathlib import Path
        from liveness_sandbox import DeployOptions, serve
        options = DeployOptions(environment={{"NOTE": {str(note)!r}}})
        serve({BUCKET!r}, Path({str(code)!r}), options, region="ap-hongkong",
              print=partial(print, flush=True))
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
        """What cos_client needs from a sandbox, taken from the output of `serve`."""

        region = exported["TENCENTCLOUD_REGION"]
        url = exported["http_proxy"]
        credentials = Credentials(
            exported["TENCENTCLOUD_SECRETID"], exported["TENCENTCLOUD_SECRETKEY"]
        )

    cos_client(Remote()).put_object(BUCKET, b"body", "liveness/incoming/pair/live.bin")  # type: ignore[arg-type]


def test_a_bucket_in_another_region_is_rejected(tmp_path: Path) -> None:
    with Sandbox(region="ap-hongkong", data=tmp_path) as sandbox:
        sandbox.create_bucket(BUCKET)
    with pytest.raises(RegionMismatch, match=f"contains {BUCKET} in ap-hongkong; .* ap-singapore"):
        serve(BUCKET, None, DeployOptions(), region="ap-singapore", data=tmp_path)
