"""What `liveness sandbox` shows while it works."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator

import pytest
from rich.console import Console

from liveness_cli.sandbox_activity import Activity, view_of, watching
from liveness_sandbox import Fault, FaultAction, Match
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud

PREFIX = "liveness/incoming/"


@pytest.fixture
def activity(cloud: Cloud) -> Iterator[Activity]:
    cloud.deploy()
    yield Activity(cloud.sandbox, PREFIX, log=False)


def upload(cloud: Cloud, name: str, body: bytes) -> None:
    """Upload through the SDK: what a test puts into the bucket itself is no request."""
    cloud.client.put_object(BUCKET, body, f"{PREFIX}anna/{name}")


def test_uploads_wake_ups_and_verdicts_are_shown(cloud: Cloud, activity: Activity) -> None:
    upload(cloud, "live.bin", PACKAGE)
    upload(cloud, "reference.jpg", JPEG)
    assert cloud.sandbox.functions[0].invoke({"pairs": ["anna"]}).error is None
    cloud.sandbox.wait_idle()

    lines = list(activity.news())

    uploads = [line for line in lines if line.startswith("uploaded")]
    assert uploads == [
        f"uploaded  {PREFIX}anna/live.bin, {len(PACKAGE):,} bytes",
        f"uploaded  {PREFIX}anna/reference.jpg, {len(JPEG):,} bytes",
    ]
    assert any(line.startswith("woken     by a call: anna published passed (") for line in lines)
    assert activity.counts["passed"] == 1
    assert list(activity.news()) == []


def test_refusals_and_faults_are_shown(cloud: Cloud, activity: Activity) -> None:
    cloud.sandbox.faults.add(
        Fault(FaultAction(status=503), Match(method="PUT", key="*live.bin", times=1))
    )
    upload(cloud, "live.bin", PACKAGE)  # the SDK tries again
    cloud.client._conf._secret_key = "wrong"
    with pytest.raises(Exception, match="Signature"):
        upload(cloud, "reference.jpg", JPEG)

    lines = list(activity.news())

    assert "fault     number 1 struck, 1 time so far" in lines
    assert f"refused   PUT {PREFIX}anna/reference.jpg: 403 SignatureDoesNotMatch" in lines, lines


def test_the_last_news_is_shown_before_it_ends(cloud: Cloud) -> None:
    cloud.deploy()
    lines: list[str] = []
    with watching(cloud.sandbox, PREFIX, log=True, print_line=lines.append):
        upload(cloud, "live.bin", PACKAGE)
        cloud.sandbox.functions[0].invoke({"pairs": ["anna"]})

    assert any("anna waiting (no image input yet)" in line for line in lines)
    assert any("log" in line and "pair.finished" in line for line in lines)


def test_the_view_of_a_narrow_terminal_keeps_to_its_lines_and_escapes() -> None:
    console = Console(file=io.StringIO(), width=60, force_terminal=True, markup=False)
    lines = ["uploaded  " + "x" * 200, "refused   \x1b[2J"]
    with console.capture() as captured:
        console.print(view_of(Counter(uploaded=1_000), lines))

    shown = captured.get().splitlines()
    assert len(shown) <= 4
    assert "uploaded 1,000" in shown[0]
    assert "\x1b[2J" not in captured.get()
