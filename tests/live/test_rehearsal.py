"""How `-m live` behaves: off by default, demanding, tidy; rehearsed on a sandbox as the cloud."""

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


def run(*arguments: str, **named: str) -> subprocess.CompletedProcess[str]:
    ours = ("LIVENESS_", "TENCENTCLOUD_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *arguments, "tests/live"],
        cwd=ROOT,
        env={**kept, **named},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
def named(tmp_path: Path) -> dict[str, str]:
    """An environment that names everything but what costs money; the cloud is to be added."""
    return {environment.SCHEME: "http", environment.EVENTS: str(tmp_path)}


def test_the_live_contract_is_off_by_default() -> None:
    collected = run("--collect-only").stdout
    assert "[sandbox" in collected and "[real" not in collected


def test_the_live_contract_demands_its_environment() -> None:
    """Without one it would pass with nothing checked."""
    refused = run("-m", "live", **{environment.BUCKET: "faces-1250000000"})

    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "LIVENESS_LIVE_REGION, TENCENTCLOUD_SECRETID" in refused.stderr


@pytest.mark.parametrize("paid", [False, True])
def test_the_whole_contract_passes_and_cleans_up(
    tmp_path: Path, named: dict[str, str], paid: bool
) -> None:
    with Sandbox() as sandbox:
        bucket = sandbox.create_bucket("faces-1250000000")
        suspended = sandbox.create_bucket(SUSPENDED, versioning="Suspended")
        for number, name in enumerate(AWKWARD_NAMES):
            bucket.put(name, b"body")
            message = json.dumps(sandbox.event_for(bucket, name))
            (tmp_path / f"{number}.json").write_text(message, "utf-8")
            bucket.delete(name)
        keys = sandbox.temporary_credentials()
        named |= {
            **sandbox.client_environment(),
            environment.BUCKET: bucket.name,
            environment.REGION: sandbox.region,
            environment.SECRET_ID: keys.secret_id,
            environment.SECRET_KEY: keys.secret_key,
            environment.SESSION_TOKEN: keys.token or "",
            environment.SUSPENDED_BUCKET: SUSPENDED,
            **({environment.PAID: "1"} if paid else {}),
        }
        done = run("-m", "live", **named)
        assert done.returncode == 0, done.stdout
        assert len(sandbox.faceid.calls) == paid
        written = {each.key for each in sandbox.requests if each.method in ("PUT", "POST")}
        assert all(key.startswith("liveness-live-test/") for key in written if key)
        assert bucket.keys() == suspended.keys() == [], "nothing is left"


def test_a_check_that_cannot_be_made_fails(named: dict[str, str], tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        sandbox.create_bucket("faces-1250000000")
        named |= {
            **sandbox.client_environment(),
            environment.BUCKET: "faces-1250000000",
            environment.REGION: sandbox.region,
        }
        done = run("-m", "live", "-k", "messages or suspended or opens_for_anybody", **named)

    assert "3 failed" in done.stdout
    assert "deploy tests/live/echo as a function" in done.stdout
    assert "LIVENESS_LIVE_SUSPENDED_BUCKET is not set" in done.stdout
    assert "TENCENTCLOUD_SESSIONTOKEN is not set" in done.stdout
