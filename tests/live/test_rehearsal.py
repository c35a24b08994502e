"""`-m live` is off by default, demands its environment and cleans up: rehearsed on a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from liveness_sandbox import Sandbox

from . import environment
from .messages import AWKWARD_NAMES

ROOT = Path(__file__).parents[2]
SUSPENDED = "once-versioned-1250000000"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    prefixes = ("LIVENESS_", "TENCENTCLOUD_")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(prefixes)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments, "tests/live"],
        cwd=ROOT,
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return the variables that do not depend on the cloud, except the one that allows costs."""
    return {environment.SCHEME: "http", environment.EVENTS: str(tmp_path)}


def test_the_live_contract_is_off_by_default() -> None:
    listing = run("--collect-only").stdout

    assert "[sandbox" in listing and "[real" not in listing


def test_the_live_contract_demands_its_environment() -> None:
    """Without one it would pass with nothing checked."""
    completed = run("-m", "live", **{environment.BUCKET: "faces-1250000000"})

    assert completed.returncode == pytest.ExitCode.USAGE_ERROR
    assert "LIVENESS_LIVE_REGION, TENCENTCLOUD_SECRETID" in completed.stderr


@pytest.mark.parametrize("paid", [False, True])
def test_the_whole_contract_passes_and_cleans_up(
    tmp_path: Path, environ: dict[str, str], paid: bool
) -> None:
    with Sandbox() as sandbox:
        bucket = sandbox.create_bucket("faces-1250000000")
        suspended = sandbox.create_bucket(SUSPENDED, versioning="Suspended")
        for number, name in enumerate(AWKWARD_NAMES):
            bucket.put(name, b"body")
            message = json.dumps(sandbox.trigger_event(bucket, name))
            (tmp_path / f"{number}.json").write_text(message, "utf-8")
            bucket.delete(name)
        keys = sandbox.temporary_credentials()
        environ |= {
            **sandbox.client_environment(),
            environment.BUCKET: bucket.name,
            environment.REGION: sandbox.region,
            environment.SECRET_ID: keys.secret_id,
            environment.SECRET_KEY: keys.secret_key,
            environment.SESSION_TOKEN: keys.token or "",
            environment.SUSPENDED_BUCKET: SUSPENDED,
            **({environment.PAID: "1"} if paid else {}),
        }

        completed = run("-m", "live", **environ)

        assert completed.returncode == 0, completed.stdout
        assert len(sandbox.faceid.calls) == paid
        written_keys = {each.key for each in sandbox.requests if each.method in ("PUT", "POST")}
        assert all(key.startswith("liveness-live-test/") for key in written_keys if key)
        assert bucket.keys() == suspended.keys() == [], "nothing is left over"


def test_a_check_that_cannot_be_made_fails(environ: dict[str, str], tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.create_bucket("faces-1250000000")
        environ |= {
            **sandbox.client_environment(),
            environment.BUCKET: "faces-1250000000",
            environment.REGION: sandbox.region,
        }

        completed = run(
            "-m", "live", "-k", "messages_spell or suspended or anyone_can_open", **environ
        )

    assert "3 failed" in completed.stdout
    assert "deploy tests/live/echo as a function" in completed.stdout
    assert "LIVENESS_LIVE_SUSPENDED_BUCKET is not set" in completed.stdout
    assert "TENCENTCLOUD_SESSIONTOKEN is not set" in completed.stdout
