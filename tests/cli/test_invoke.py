"""`liveness invoke`: the handler with one event, in a sandbox or against the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from liveness_sandbox import Sandbox

from .conftest import ROOT, Command, assert_one_sentence

EVENTS = ROOT / "events"
FIRST = ["session-0001"]
# For each file: the kind, the pairs that are judged, and the reason of the only skipped record.
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    "put.json": ("cos", FIRST, ""),
    "post.json": ("cos", FIRST, ""),
    "multipart.json": ("cos", FIRST, ""),
    "copy.json": ("cos", FIRST, ""),
    "both-inputs.json": ("cos", FIRST, ""),
    "many-records.json": (
        "cos",
        ["session-0002", "session-0003", "session-0004"],
        "is a folder placeholder",
    ),
    "chinese-key.json": ("cos", ["会话 1+1=100% 😀"], ""),
    "foreign-key.json": ("cos", [], "is outside the input prefix"),
    "timer.json": ("drain", [], ""),
    "direct-pairs.json": ("pairs", ["session-0001", "session-0002"], ""),
    "direct-retry.json": ("retry", FIRST, ""),
    "direct-reconcile.json": ("reconcile", [], ""),
    "direct-drain.json": ("drain", [], ""),
}


@pytest.mark.parametrize("name", sorted(path.name for path in EVENTS.glob("*.json")))
def test_every_sample_event_is_handled(liveness: Command, name: str) -> None:
    kind, pair_ids, reason = EXPECTED[name]

    invoked = liveness("invoke", str(EVENTS / name))

    assert invoked.exit_code == 0, invoked.stderr
    returned: dict[str, Any] = json.loads(invoked.stdout)
    assert returned["kind"] == kind
    assert returned.get("pairs", []) == [
        {"pair_id": pair_id, "state": "published", "status": "passed"} for pair_id in pair_ids
    ]
    skipped = returned.get("skipped", [])
    assert len(skipped) == bool(reason)
    assert all(reason in record["reason"] for record in skipped)
    place, *log = invoked.stderr.splitlines()
    assert place == "Bucket faces-1250000000 in a temporary sandbox"
    logged = [json.loads(line)["event"] for line in log]
    assert logged[:2] == ["instance.started", "invocation.started"]
    assert logged[-1] == "invocation.finished"
    assert logged.count("pair.called") == len(pair_ids)


def test_without_the_sample_the_bucket_is_empty(liveness: Command) -> None:
    invoked = liveness("invoke", "--no-sample", str(EVENTS / "put.json"))

    assert invoked.exit_code == 0
    (pair,) = json.loads(invoked.stdout)["pairs"]
    assert pair["state"] == "waiting"


def test_the_event_is_read_from_standard_input(liveness: Command) -> None:
    invoked = liveness("invoke", "-", stdin='{"pairs": ["会话", "\\ud800"]}')

    assert invoked.exit_code == 0, invoked.stderr
    returned = json.loads(invoked.stdout)
    assert [pair["pair_id"] for pair in returned["pairs"]] == ["会话"]
    assert returned["skipped"][0]["kind"] == "rejected"


def test_an_event_that_the_handler_rejects_is_reported(liveness: Command) -> None:
    invoked = liveness("invoke", "-", stdin='{"Type": "Timer", "Message": "dance"}')

    assert invoked.exit_code == 1
    assert invoked.stdout == ""
    assert_one_sentence(invoked, "EventError", '"drain"')


@pytest.mark.parametrize(
    "content", [b"", b"{", b"put.json", b"\xff\xd8\xff\xe0", b"[" * 100_000], ids=repr
)
def test_input_that_is_not_json_is_rejected(liveness: Command, content: bytes) -> None:
    invoked = liveness("invoke", "-", stdin=content)

    assert invoked.exit_code == 2
    assert invoked.stdout == ""
    assert_one_sentence(invoked, "standard input is not JSON")


@pytest.mark.parametrize("name", ["nowhere.json", ".", "nul\0"])
def test_an_unreadable_file_is_rejected(liveness: Command, name: str) -> None:
    invoked = liveness("invoke", name)

    assert invoked.exit_code == 2
    assert_one_sentence(invoked)


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"LIVENESS_BUCKET": "faces-1250000000"}, ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_REGION")),
        ({"LIVENESS_RESULT_BUCKET": "results-1250000000"}, ("LIVENESS_BUCKET",)),
        ({"LIVENESS_LEDGER_BUCKET": "ledger-1250000000"}, ("LIVENESS_BUCKET",)),
        ({"TENCENTCLOUD_SECRETID": "AKID"}, ("TENCENTCLOUD_SECRETKEY", "LIVENESS_BUCKET")),
        ({"TENCENTCLOUD_SECRET_KEY": "x"}, ("TENCENTCLOUD_SECRET_ID", "LIVENESS_BUCKET")),
        (
            {
                "LIVENESS_BUCKET": "faces-1250000000",
                "TENCENTCLOUD_SECRETID": "AKID",
                "TENCENTCLOUD_SECRETKEY": "x",
            },
            ("TENCENTCLOUD_REGION",),
        ),
    ],
    ids=str,
)
def test_half_of_the_variables_is_an_error_that_names_the_others(
    liveness: Command,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    missing: tuple[str, ...],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    invoked = liveness("invoke", str(EVENTS / "direct-drain.json"))

    assert (invoked.exit_code, invoked.stdout) == (2, "")
    assert all(name in invoked.stderr for name in missing), invoked.stderr
    assert "--sandbox" in invoked.stderr

    assert liveness("invoke", "--sandbox", str(EVENTS / "direct-drain.json")).exit_code == 0


def test_a_real_bucket_is_asked_about_and_nothing_runs_unless_confirmed(
    liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("LIVENESS_BUCKET", "faces-1250000000"),
        ("TENCENTCLOUD_REGION", "ap-singapore"),
        ("TENCENTCLOUD_SECRETID", "AKID"),
        ("TENCENTCLOUD_SECRETKEY", "x"),
    ):
        monkeypatch.setenv(name, value)

    invoked = liveness("invoke", str(EVENTS / "put.json"), stdin="n\n")

    assert (invoked.exit_code, invoked.stdout) == (1, "")
    assert invoked.stderr.startswith("Bucket faces-1250000000 in ap-singapore\n")
    assert "real bucket" in invoked.stderr
    assert "invocation.started" not in invoked.stderr


class TestInThisProcess:
    """The handler in this process, because the environment names a cloud."""

    @pytest.fixture
    def cloud(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        with Sandbox() as sandbox:
            bucket = sandbox.create_bucket("faces-1250000000")
            for name, value in sandbox.client_environment().items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("LIVENESS_BUCKET", bucket.name)
            monkeypatch.setenv("LIVENESS_ENDPOINT_SCHEME", "http")
            yield sandbox

    def test_the_handler_uses_the_bucket_of_the_environment(
        self, liveness: Command, cloud: Sandbox
    ) -> None:
        bucket = cloud.bucket("faces-1250000000")
        for file in ("live.bin", "reference.jpg"):
            content = Path(EVENTS, "sample", file).read_bytes()
            bucket.put(f"liveness/incoming/session-0002/{file}", content)

        invoked = liveness("invoke", str(EVENTS / "direct-pairs.json"))

        assert invoked.exit_code == 0, invoked.stderr
        address = cloud.url.removeprefix("http://")
        assert invoked.stderr.startswith(f"Bucket faces-1250000000 in the sandbox on {address}\n")
        states = [pair["state"] for pair in json.loads(invoked.stdout)["pairs"]]
        assert states == ["waiting", "published"]  # without the sample pair
        assert bucket.get("liveness/results/session-0002/result.json") is not None
        assert '"event": "pair.published"' in invoked.stderr

    def test_an_error_of_the_handler_is_reported(
        self, liveness: Command, cloud: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SECRET_KEY"):
            monkeypatch.setenv(name, "wrong")

        invoked = liveness("invoke", str(EVENTS / "put.json"))

        assert invoked.exit_code == 1
        assert invoked.stdout == ""
        assert_one_sentence(invoked, "PairsNotFinishedError", "session-0001", "403")
