"""The `liveness` command, in this process or in a child process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from liveness.cloud.system import SystemClock
from liveness_cli.main import main
from tests.conftest import BUCKET, Cloud

ROOT = Path(__file__).parents[2]
ENTRY = "from liveness_cli.start import main; main()"

Command = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run every test in an empty directory, and with an environment that names no cloud.

    What commands keep on this machine is in the directory, too.
    """
    for name in list(os.environ):
        if name.startswith(("LIVENESS_", "TENCENTCLOUD_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the environment name the cloud and its bucket, as an operator's does.

    For the commands, too, time passes with `cloud.advance`.
    """

    class Clock(SystemClock):
        def now(self) -> float:
            return super().now() + cloud.advanced

    for module in ("liveness_cli.environment", "liveness.handler"):
        monkeypatch.setattr(f"{module}.SystemClock", Clock)
    for name, value in cloud.sandbox.client_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LIVENESS_BUCKET", BUCKET)
    monkeypatch.setenv("LIVENESS_ENDPOINT_SCHEME", "http")


@pytest.fixture
def liveness() -> Command:
    """`liveness("run", "--pair-id", "x")`: run the command in this process, which is fast."""

    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=stdin)

    return call


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command as a process, to test signals; it is killed at the end if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def popen(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", ENTRY, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def assert_one_sentence(result: Result, *parts: str) -> None:
    """The error is one sentence with these parts, without a traceback or a path of this machine."""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: "), result.stderr
    assert "Traceback" not in result.stderr
    assert str(ROOT) not in result.output
    for part in parts:
        assert part in last
