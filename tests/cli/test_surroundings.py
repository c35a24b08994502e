"""What stands in a user's environment and home folder, and where the output goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cloud

from .conftest import ENTRY, ROOT, Command

ELSEWHERE = "127.0.0.1:1"  # nobody listens there
FULL = Path("/dev/full")


def output_to(redirection: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command with a redirection of a shell; return its exit status and its errors."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, "-c", ENTRY, *arguments],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stderr


def test_a_netrc_replaces_no_signature(
    cloud: Cloud,
    environment: None,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    cloud.deploy()
    (tmp_path / ".netrc").write_text("default login mallory password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    liveness("doctor")

    signed = [each for each in cloud.sandbox.requests if each.action]
    assert signed
    assert not [each.error_code for each in signed if each.error_code.startswith("AuthFailure.S")]


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_no_proxy_does_not_lead_out_of_the_sandbox(
    cloud: Cloud,
    environment: None,
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, "localhost,.myqcloud.com,.tencentcloudapi.com")
    monkeypatch.setenv("HTTP_PROXY", f"http://{ELSEWHERE}")

    result = liveness("status")

    assert result.exit_code == 0, result.output
    assert cloud.sandbox.requests


def test_a_run_works_whatever_the_proxies_and_the_netrc(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login mallory password secret\n")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), f"http://{ELSEWHERE}")

    status, errors = output_to(
        f">{tmp_path / 'output'}", "run", HOME=str(tmp_path), no_proxy=".myqcloud.com", **proxies
    )

    assert (status, errors) == (0, "")
    assert "passed (similarity 96.3" in (tmp_path / "output").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [["run"], ["--help"]], ids=" ".join)
def test_without_a_standard_output_a_command_works_in_silence(arguments: list[str]) -> None:
    assert output_to(">&-", *arguments) == (0, "")


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["run"], "standard output"), (["--help"], "standard output, or a file")],
    ids=["run", "help"],
)
def test_a_full_standard_output_is_one_sentence_at_the_end(
    arguments: list[str], what: str, tmp_path: Path
) -> None:
    status, errors = output_to(f">{FULL}", *arguments)

    assert status == 1
    assert errors == f"Error: cannot write to {what}: No space left on device\n"
    if arguments == ["run"]:
        assert (tmp_path / "build/run/sample/result.json").exists(), "the work was done"


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("redirection", [f"2>{FULL}", "2>&-"])
def test_a_full_or_missing_standard_error_does_not_end_the_work(
    redirection: str, tmp_path: Path
) -> None:
    event = str(ROOT / "events/put.json")

    status, _ = output_to(f">{tmp_path / 'output'} {redirection}", "invoke", "--sandbox", event)

    assert status == 0
    assert json.loads((tmp_path / "output").read_bytes())["pairs"][0]["state"] == "published"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_an_output_whose_reader_has_left_does_not_end_the_work(stream: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    outputs: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    outputs[stream] = writer

    inside = ["sandbox", "--", "sh", "-c", "echo done > work; exit 7"]
    event = ["invoke", "--sandbox", str(ROOT / "events/put.json")]
    ended = [
        subprocess.run(
            [sys.executable, "-c", ENTRY, *arguments], timeout=300, check=False, **outputs
        ).returncode
        for arguments in (inside, event, ["run"])
    ]
    os.close(writer)

    assert ended == [7, 0, 0]
    assert (tmp_path / "work").exists()
    assert (tmp_path / "build/run/sample/result.json").exists()


@pytest.mark.parametrize("columns", ["60", "200"])
def test_an_ascii_output_shows_question_marks(tmp_path: Path, columns: str) -> None:
    status, errors = output_to(
        f">{tmp_path / 'output'}",
        "run",
        "--pair-id",
        "人脸",
        LANG="C",
        PYTHONUTF8="0",
        PYTHONIOENCODING="ascii",
        COLUMNS=columns,
    )

    assert (status, errors) == (0, "")
    assert "Pair ??, in a temporary sandbox" in (tmp_path / "output").read_text("ascii")
