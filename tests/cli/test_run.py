"""`liveness run`: one pair from upload to result, and what is printed."""

from __future__ import annotations

import hashlib
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RESULT_SCHEMA

from .conftest import ENTRY, ROOT, Command, Start, assert_one_sentence
from .processes import await_children, needs_proc, still_running


def package(folder: Path, **scenario: object) -> str:
    """Write a liveness package that scripts the sandbox's face API."""
    path = folder / "scenario.bin"
    path.write_text(json.dumps({"sandbox": True, **scenario}))
    return str(path)


def read_result(pair_id: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(Path("build/run", pair_id, "result.json").read_text())
    RESULT_SCHEMA.validate(result)
    return result


def frames(pair_id: str) -> list[Path]:
    return list(Path("build/run", pair_id).glob("best-frame-*.jpg"))


def test_the_sample_pair_passes(liveness: Command) -> None:
    ran = liveness("run")

    assert ran.exit_code == 0, ran.output
    for text in (
        "live.bin             2,048 bytes  to liveness/incoming/sample/live.bin",
        "triggered by",
        "verdict       passed (similarity 96.3, threshold 70)",
        "Verification passed.",
        "核验通过。",
        "scripted      the sandbox answers so to every package; no face was looked at.",
        '{"sandbox": true, "code": ',
        "1 to the face API, 1 billed",
    ):
        assert text in ran.stdout
    assert ran.stderr == ""
    result = read_result("sample")
    assert result["status"] == "passed"
    (frame,) = frames("sample")
    assert hashlib.md5(frame.read_bytes()).hexdigest() == result["best_frame"]["md5"]
    assert f"result        {Path('build/run/sample/result.json')}" in ran.stdout
    assert f"best frame    {frame}" in ran.stdout
    assert stat.S_IMODE(frame.parent.stat().st_mode) == 0o700, "it may show a person"


def test_a_verdict_that_the_package_chose_is_said_to_be_that(
    liveness: Command, tmp_path: Path
) -> None:
    ran = liveness("run", "--live", package(tmp_path, code="FailedOperation.LivessDetectFake"))

    assert "scripted      by the package; no face was looked at" in ran.stdout


def test_a_package_can_choose_the_verdict(liveness: Command, tmp_path: Path) -> None:
    assert liveness("run").exit_code == 0

    ran = liveness("run", "--live", package(tmp_path, code="FailedOperation.LivessDetectFake"))

    assert ran.exit_code == 0, ran.output
    assert "verdict       rejected" in ran.stdout
    assert "1 to the face API, 0 billed" in ran.stdout
    assert "best frame    none: " in ran.stdout
    assert read_result("sample")["status"] == "rejected"
    assert frames("sample") == []  # the frame of the first run was removed


def test_a_package_that_scripts_no_possible_answer_is_refused(
    liveness: Command, tmp_path: Path
) -> None:
    package = tmp_path / "live.bin"
    package.write_text('{"sandbox": true, "cod": "FailedOperation.LivessDetectFake"}')

    result = liveness("run", "--live", str(package))

    assert result.exit_code == 1
    assert_one_sentence(result, "live.bin scripts no answer that the sandbox can give: unknown")


def test_files_and_pair_id_can_be_chosen(liveness: Command, tmp_path: Path) -> None:
    image = tmp_path / "me.PNG"
    image.write_bytes((ROOT / "events/sample/reference.jpg").read_bytes())

    ran = liveness("run", "--reference", str(image), "--pair-id", "2025/会话 1+1=100% 😀")

    assert ran.exit_code == 0, ran.output
    result = read_result("2025/会话 1+1=100% 😀")
    assert result["inputs"][1]["key"] == "liveness/incoming/2025/会话 1+1=100% 😀/reference.png"


def test_settings_in_the_environment_apply(
    liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVENESS_SIM_THRESHOLD", "99")
    monkeypatch.setenv("LIVENESS_LIVE_SUFFIXES", ".live")
    monkeypatch.setenv("LIVENESS_IMAGE_SUFFIXES", ".jpg")
    monkeypatch.setenv("LIVENESS_BUCKET", "not-the-one-of-the-sandbox-1")

    ran = liveness("run")

    assert ran.exit_code == 0, ran.output
    assert "to liveness/incoming/sample.live" in ran.stdout
    assert "rejected (similarity 96.3, threshold 99)" in ran.stdout


def test_a_missing_result_is_an_error_with_the_reason(liveness: Command, tmp_path: Path) -> None:
    denied = package(tmp_path, code="AuthFailure.UnauthorizedOperation", channel="error")

    ran = liveness("run", "--live", denied)

    assert ran.exit_code == 1
    sentence, _, log = ran.stderr.partition("\n")
    assert sentence.startswith("Error: the function left no result.json for pair sample: ")
    assert "AuthFailure.UnauthorizedOperation" in sentence
    assert '"event": "pair.failed"' in log
    assert "Traceback" not in ran.output
    assert not Path("build/run/sample/result.json").exists()


@pytest.mark.parametrize("pair_id", ["", "../x", "a/../../x", "/x", "a//b", ".", "x" * 900])
def test_a_pair_id_that_cannot_name_a_folder_is_rejected(liveness: Command, pair_id: str) -> None:
    ran = liveness("run", "--pair-id", pair_id)

    assert ran.exit_code == 1
    assert_one_sentence(ran)


def test_an_invalid_setting_is_reported(liveness: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVENESS_RATE_LIMIT", "fast")

    ran = liveness("run")

    assert ran.exit_code == 1
    assert_one_sentence(ran, "LIVENESS_RATE_LIMIT is 'fast'")


def test_a_missing_checkout_is_reported(
    liveness: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("liveness_cli.checkout.ROOT", tmp_path)

    ran = liveness("run")

    assert ran.exit_code == 1
    assert_one_sentence(ran, "events/sample/live.bin does not exist")


@needs_proc
def test_an_interrupted_run_stops_what_it_started(start: Start, tmp_path: Path) -> None:
    process = start("run", "--live", package(tmp_path, delay=20))
    children = await_children(process.pid)

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # an impatient second one changes nothing
    _, errors = process.communicate(timeout=10)

    assert process.returncode == 130
    assert "Error: stopped before the end" in errors
    assert "Traceback" not in errors
    assert still_running(children) == set()


@pytest.mark.parametrize(
    ("module", "entry"),
    [
        ("liveness_cli.main", ENTRY),
        ("liveness_sandbox", ENTRY),
        ("liveness_demo.command", 'import runpy; runpy.run_module("liveness_demo")'),
    ],
)
def test_an_interruption_while_it_is_imported_is_one_sentence(module: str, entry: str) -> None:
    interruption = f"""
import signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's `&` takes away

class Interruption:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interruption())
"""

    ran = subprocess.run(
        [sys.executable, "-c", interruption + entry, "run"], capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout) == (130, "")
    assert ran.stderr.strip() == "Error: stopped before the end"
