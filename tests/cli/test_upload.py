"""`liveness upload`: both inputs by hand, create-only, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from click import ClickException

from liveness.cloud.credentials import read_credentials
from liveness_cli.environment import load_target
from liveness_cli.uploader import BucketClient
from liveness_sandbox import Reply
from tests.clocks import FastForwardClock
from tests.conftest import Cloud

from .conftest import ROOT, Command, assert_one_sentence

PHOTO = str(ROOT / "events/sample/reference.jpg")
PACKAGE = str(ROOT / "events/sample/live.bin")
BOTH = ("--live", PACKAGE, "--reference", PHOTO)
RESULT = "liveness/results/anna/result.json"

pytestmark = pytest.mark.usefixtures("environment")


class Pauses(FastForwardClock):
    """Pauses take no time, and `actions` happen in them, one in each."""

    actions: ClassVar[list[Callable[[], object]]] = []

    def sleep(self, seconds: float) -> None:
        if self.actions:
            self.actions.pop(0)()
        super().sleep(seconds)


@pytest.fixture
def pauses(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Callable[[], object]]]:
    """What happens in the pauses of --wait."""
    monkeypatch.setattr("liveness_cli.environment.SystemClock", Pauses)
    yield Pauses.actions
    Pauses.actions.clear()


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., str]:
    """Write a liveness package that scripts the sandbox's face API."""

    def write(**scenario: object) -> str:
        path = tmp_path / "scenario.bin"
        path.write_text(json.dumps({"sandbox": True, **scenario}))
        return str(path)

    return write


def test_both_files_are_uploaded_under_the_keys_of_the_settings(
    cloud: Cloud, liveness: Command
) -> None:
    uploaded = liveness("upload", "anna", *BOTH)

    assert uploaded.exit_code == 0, uploaded.output
    assert uploaded.stdout.splitlines() == [
        "uploaded           21,348 bytes  liveness/incoming/anna/reference.jpg",
        "uploaded            2,048 bytes  liveness/incoming/anna/live.bin",
    ]
    stored = cloud.stored("liveness/incoming/anna/live.bin")
    assert stored.body() == Path(PACKAGE).read_bytes()


def test_the_verdict_is_awaited_and_printed(
    cloud: Cloud, liveness: Command, pauses: list[Callable[[], object]]
) -> None:
    pauses += [lambda: None, lambda: cloud.instance().walk("anna")]

    uploaded = liveness("upload", "anna", *BOTH, "--wait")

    assert uploaded.exit_code == 0, uploaded.output
    assert "verdict       passed: Success (similarity 96.3, threshold 70)" in uploaded.stdout
    assert "核验通过。" in uploaded.stdout


def test_a_pair_that_does_not_pass_has_an_exit_status_of_its_own(
    cloud: Cloud,
    liveness: Command,
    pauses: list[Callable[[], object]],
    package: Callable[..., str],
) -> None:
    pauses.append(lambda: cloud.instance().walk("anna"))
    live = package(code="FailedOperation.LivessDetectFake")

    uploaded = liveness("upload", "anna", "--live", live, "--reference", PHOTO, "--wait", "--json")

    assert uploaded.exit_code == 3
    value = json.loads(uploaded.stdout)
    assert value["schema"] == "liveness-uploaded/1"
    assert value["result"]["status"] == "rejected"


@pytest.mark.usefixtures("pauses")
def test_no_result_in_time_has_an_exit_status_of_its_own(liveness: Command) -> None:
    uploaded = liveness("upload", "anna", *BOTH, "--wait", "--timeout", "5")

    assert uploaded.exit_code == 4
    assert "No result after 5 s" in uploaded.stderr


def test_the_result_of_earlier_inputs_is_not_taken_for_theirs(
    cloud: Cloud, liveness: Command
) -> None:
    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    cloud.bucket.delete("liveness/incoming/anna/live.bin")

    uploaded = liveness("upload", "anna", "--live", PACKAGE, "--wait", "--timeout", "0")

    assert uploaded.exit_code == 4


@pytest.mark.usefixtures("pauses")
def test_a_store_that_fails_for_a_moment_does_not_end_the_wait(
    cloud: Cloud, liveness: Command
) -> None:
    cloud.on("GET", RESULT, Reply(503))
    cloud.put_pair("anna", Path(PACKAGE).read_bytes())
    cloud.instance().walk("anna")

    uploaded = liveness("upload", "anna", "--live", PACKAGE, "--wait")

    assert uploaded.exit_code == 0, uploaded.output


def test_other_content_is_never_overwritten(cloud: Cloud, liveness: Command) -> None:
    cloud.put("anna", "live.bin", b"the first package")

    uploaded = liveness("upload", "anna", *BOTH)

    assert uploaded.exit_code == 1
    assert_one_sentence(uploaded, "liveness/incoming/anna/live.bin exists already", "new pair id")
    assert cloud.stored("liveness/incoming/anna/live.bin").body() == b"the first package"


def test_an_object_that_the_key_may_not_read_may_be_of_an_earlier_try(
    cloud: Cloud, liveness: Command
) -> None:
    cloud.put("anna", "live.bin", Path(PACKAGE).read_bytes())
    cloud.on("HEAD", "liveness/incoming/anna/live.bin", Reply(403))

    uploaded = liveness("upload", "anna", "--live", PACKAGE)

    assert uploaded.exit_code == 1
    assert_one_sentence(uploaded, "this key may not read it", "the upload is done", "new pair id")
    assert "other content" not in uploaded.stderr


def test_the_same_content_counts_as_uploaded(cloud: Cloud, liveness: Command) -> None:
    liveness("upload", "anna", *BOTH)

    again = liveness("upload", "anna", *BOTH)

    assert again.exit_code == 0, again.output
    assert again.stdout.count("already there") == 2


def test_a_file_that_is_damaged_on_its_way_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "live.bin"
    path.write_bytes(b"other bytes than those that were hashed")
    target = load_target()

    with (
        BucketClient(target.settings, read_credentials(target.environ)) as client,
        pytest.raises(ClickException, match=r"cannot upload live.bin: COS answered 400 .*Digest"),
    ):
        client.create(path, "liveness/incoming/anna/live.bin", bytes(16), lambda read: None)

    assert cloud.bucket.keys() == []


def test_a_photo_keeps_its_file_type(cloud: Cloud, liveness: Command, tmp_path: Path) -> None:
    photo = tmp_path / "me.PNG"
    photo.write_bytes(b"png")

    assert liveness("upload", "anna", "--reference", str(photo)).exit_code == 0

    assert cloud.bucket.keys() == ["liveness/incoming/anna/reference.png"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["anna"], "give --live, --reference or both"),
        (["", "--live", PACKAGE], "empty pair id"),
        (["a" * 800, "--live", PACKAGE], "would fit only up to"),
    ],
)
def test_wrong_usage_is_explained(
    cloud: Cloud, liveness: Command, arguments: list[str], problem: str
) -> None:
    uploaded = liveness("upload", *arguments)

    assert uploaded.exit_code == 2
    assert_one_sentence(uploaded, problem)
    assert cloud.bucket.keys() == []


def test_a_terminal_shows_how_much_is_sent(
    cloud: Cloud, liveness: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    large = tmp_path / "live.bin"
    large.write_bytes(bytes(3_000_000))

    uploaded = liveness("upload", "anna", "--live", str(large))

    assert uploaded.exit_code == 0, uploaded.output
    assert "liveness package" in uploaded.stderr
    assert "3,000,000 of 3,000,000" in uploaded.stderr
    assert "\x1b" not in uploaded.stdout
