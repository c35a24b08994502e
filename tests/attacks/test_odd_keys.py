"""Keys that were made up: each is one pair's or nobody's, and harms no terminal and no reader.

The uploads are the account owner's, since no session's keys reach such a key.
"""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command, empty_working_directory, liveness
from tests.conftest import JPEG

from .cast import Cast

__all__ = ["empty_working_directory", "liveness"]

ODD = (
    "../results/anna",
    "bert/../anna",
    "anna/",
    "/anna",
    "*",
    "${qcs:uin}",
    "$(reboot)",
    "<script>alert(1)</script>",
    "%2e%2e%2fanna",
    "anna\x00",
    "anna\r\nX-Evil: 1",
    "\x1b]0;owned\x07\x1b[2J",
    "\x9b31m",
    "\x7f\x08\x08\x08\x08anna",
    "\u202egpj.anna\u2066",
    "an\u200bna",
    "an\u2028na",
    "ａｎｎａ",
    "Anna",
    "anna+",
    " anna",
    "人脸" * 100,
    "x" * 770,
    "anna/result.json",
    "anna/review-1.json",
    "anna/live.bin",
)


@pytest.fixture
def anna(cast: Cast) -> Cast:
    """Anna was judged; nothing of hers must change."""
    cast.cloud.put_pair("anna")
    assert cast.wake("anna")["status"] == "passed"
    return cast


@pytest.mark.parametrize("pair_id", ODD, ids=lambda pair_id: ascii(pair_id)[:30])
def test_an_odd_key_is_its_own_pair_or_nobodys(
    anna: Cast, pair_id: str, liveness: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, prefix = anna.cloud, "liveness/incoming/"
    before = {key: cloud.stored(key).etag for key in cloud.bucket.keys("")}
    keys = {f"{prefix}{pair_id}/live.bin": b"odd", f"{prefix}{pair_id}/reference.jpg": JPEG}
    for key, body in keys.items():
        cloud.bucket.put(key, body)

    for key in keys:
        anna.function(cloud.sandbox.trigger_event(cloud.bucket, key))
    anna.function({"reconcile": {}})
    cloud.advance(120)
    anna.function({"drain": {}})

    # Nothing of anybody else was changed, and what is new is below this pair's names.
    assert {key: cloud.stored(key).etag for key in before} == before
    for prefix in ("liveness/results/", "liveness/frames/"):
        mine = [key for key in cloud.bucket.keys(prefix) if key not in before]
        assert all(key.startswith(f"{prefix}{pair_id}/") for key in mine)
    stored = cloud.result(pair_id)
    assert stored is not None and stored["pair_id"] == pair_id
    assert [item["key"] for item in stored["inputs"]] == list(keys)

    for line in anna.function.lines:
        assert json.loads(line) and line.endswith("\n") and line[:-1].isprintable()
    as_viewer(anna, monkeypatch)
    for arguments in (("explain", "--", pair_id), ("status",)):
        printed = liveness(*arguments)
        assert printed.exit_code == 0, printed.output
        assert printed.output.replace("\n", "").isprintable()


def as_viewer(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = cast.cloud.sandbox.client_environment("viewer")
    for name, value in {**environment, **cast.environ, "LIVENESS_ENDPOINT_SCHEME": "http"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("pair_id", ["x" * 800, "人" * 270, ""])
def test_a_pair_id_that_leaves_no_room_for_a_result_is_refused(anna: Cast, pair_id: str) -> None:
    key = f"liveness/incoming/{pair_id}/live.bin"
    anna.cloud.bucket.put(key, b"odd")

    summary = anna.function(anna.cloud.sandbox.trigger_event(anna.cloud.bucket, key))

    assert summary["pairs"] == []
    assert summary["skipped"][0]["kind"] == "stray"
    assert (anna.cloud.calls, anna.cloud.markers()) == (1, [])
