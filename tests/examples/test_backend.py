"""The example backend: its sessions, the keys it hands out, its decisions."""

from __future__ import annotations

from typing import Any

import pytest
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from backend import Backend, decide
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud

RESULT = {
    "schema": "liveness-result/1",
    "status": "passed",
    "submission": {"number": 1, "count": 1},
    "package": {"reused": False},
}


@pytest.mark.parametrize(
    ("fields", "decision"),
    [
        ({}, "accept"),
        ({"submission": None, "package": None}, "accept"),
        ({"submission": {"number": 2, "count": 2}}, "accept"),
        ({"submission": {"number": 3, "count": 3}}, "review"),
        ({"submission": {"number": 1, "count": 3}}, "review"),
        ({"package": {"reused": True}}, "review"),
        ({"status": "rejected"}, "reject"),
        ({"status": "retake"}, "retry"),
        ({"status": "invalid"}, "retry"),
        ({"status": "failed"}, "wait"),
        ({"status": "something new"}, "review"),
        ({"schema": "liveness-result/2"}, "review"),
    ],
)
def test_only_an_undoubted_pass_is_accepted(fields: dict[str, Any], decision: str) -> None:
    assert decide(RESULT | fields) == decision


CREATE_ONLY = {"x-cos-forbid-overwrite": "true"}


@pytest.fixture
def session(cloud: Cloud, environ: dict[str, str]) -> dict[str, Any]:
    return Backend(environ).open_session(JPEG)


def test_a_netrc_replaces_no_signature(environ: dict[str, str], netrc: None) -> None:
    session = Backend(environ).open_session(JPEG)

    assert session["credentials"]["SecurityToken"]


@pytest.fixture
def app(cloud: Cloud, session: dict[str, Any]) -> CosS3Client:
    """The app's client, with the keys of its session."""
    keys = session["credentials"]
    config = CosConfig(
        Region=session["region"],
        SecretId=keys["TmpSecretId"],
        SecretKey=keys["TmpSecretKey"],
        Token=keys["SecurityToken"],
        Scheme="http",
    )
    return CosS3Client(config, retry=0)


def test_a_session_is_a_photo_and_keys_for_the_package(
    cloud: Cloud, session: dict[str, Any], app: CosS3Client
) -> None:
    app.put_object(BUCKET, PACKAGE, session["key"], Metadata=CREATE_ONLY)

    prefix = f"liveness/incoming/{session['pair_id']}"
    assert cloud.bucket.keys() == [f"{prefix}/live.bin", f"{prefix}/reference.jpg"]


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        ("liveness/incoming/{pair_id}/reference.jpg", CREATE_ONLY),
        ("liveness/incoming/of-another-person/live.bin", CREATE_ONLY),
        ("liveness/results/{pair_id}/result.json", CREATE_ONLY),
        ("liveness/incoming/{pair_id}/live.bin", {}),
        ("liveness/incoming/{pair_id}/live.bin", {**CREATE_ONLY, "x-cos-acl": "public-read"}),
    ],
    ids=["photo", "another pair", "result", "overwriting", "public"],
)
def test_the_keys_of_a_session_put_nothing_else(
    session: dict[str, Any], app: CosS3Client, key: str, headers: dict[str, str]
) -> None:
    with pytest.raises(CosServiceError) as refused:
        app.put_object(BUCKET, b"x", key.format(**session), Metadata=headers)

    assert refused.value.get_status_code() == 403


def test_a_backend_waits_as_long_as_it_is_asked_to(cloud: Cloud, environ: dict[str, str]) -> None:
    pauses: list[float] = []
    backend = Backend(environ, pauses.append)

    assert backend.await_result("anna", 20) is None
    assert sum(pauses) == pytest.approx(20, abs=5)

    cloud.put_pair("anna")
    cloud.instance().walk("anna")
    result = backend.await_result("anna", 20)
    assert result is not None and decide(result) == "accept"


def test_a_pass_after_many_tries_is_looked_at_by_a_person(
    cloud: Cloud, environ: dict[str, str]
) -> None:
    for number in range(3):
        cloud.put_pair("anna", {"comment": number})
        cloud.advance(1)
        cloud.instance().walk("anna")

    result = Backend(environ).read_result("anna")

    assert result is not None and result["status"] == "passed"
    assert decide(result) == "review"


def test_a_pass_with_a_reused_package_is_looked_at_by_a_person(
    cloud: Cloud, environ: dict[str, str]
) -> None:
    for pair_id in ("anna", "bert"):
        cloud.put_pair(pair_id, PACKAGE)
        cloud.instance(REUSED_PACKAGE="report").walk(pair_id)

    result = Backend(environ).read_result("bert")

    assert result is not None and result["status"] == "passed"
    assert decide(result) == "review"
