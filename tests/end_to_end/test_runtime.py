"""Upload, notification, real function processes, result: nothing of it arranged by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liveness_sandbox import CosTrigger
from tests.conftest import BUCKET, JPEG, PACKAGE, ROOT, Cloud

MEGABYTE = 1024 * 1024


def deploy(cloud: Cloud, **settings: str) -> Any:
    return cloud.sandbox.deploy(
        "liveness",
        code=ROOT / "src",
        handler="index.main_handler",
        environment={
            "LIVENESS_BUCKET": BUCKET,
            "LIVENESS_ENDPOINT_SCHEME": "http",
            **{f"LIVENESS_{name}": value for name, value in settings.items()},
        },
        timeout_s=60,
        memory_mb=128,
        triggers=[CosTrigger(BUCKET, prefix="liveness/incoming/")],
        instances=2,
    )


def upload(cloud: Cloud, key: str, body: bytes) -> None:
    cloud.client.put_object(BUCKET, body, key)


def upload_in_parts(cloud: Cloud, key: str, megabytes: int) -> None:
    started = cloud.client.create_multipart_upload(BUCKET, key)["UploadId"]
    part, size = bytes(range(256)) * (16 * MEGABYTE // 256), 16 * MEGABYTE
    parts = []
    for number in range(1, -(-megabytes * MEGABYTE // size) + 1):
        etag = cloud.client.upload_part(BUCKET, key, part, number, started)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    cloud.client.complete_multipart_upload(BUCKET, key, started, {"Part": parts})


@pytest.mark.parametrize("first", ["live.bin", "reference.jpg"])
def test_whichever_comes_first_the_pair_is_judged_once(cloud: Cloud, first: str) -> None:
    function = deploy(cloud)
    inputs = {"live.bin": PACKAGE, "reference.jpg": JPEG}
    for name in sorted(inputs, key=lambda name: name != first):
        upload(cloud, f"liveness/incoming/anna/{name}", inputs[name])
    cloud.sandbox.wait_idle(30)

    assert [invocation.error for invocation in function.invocations] == [None, None]
    assert all(invocation.stderr == "" for invocation in function.invocations)
    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert cloud.billed == 1


def test_a_warm_instance_keeps_its_connections(cloud: Cloud) -> None:
    function = deploy(cloud)
    for name in ("anna", "bert"):
        cloud.put_pair(name)
        function.invoke({"pairs": [name]})
    cold, warm = function.invocations
    assert (cold.cold, warm.cold) == (True, False)
    assert warm.result["pairs"][0]["status"] == "passed"


@pytest.fixture
def cloud_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    from liveness_sandbox import Sandbox

    with Sandbox(region="ap-singapore", data=tmp_path) as sandbox:
        monkeypatch.setenv("http_proxy", sandbox.url)
        yield Cloud(sandbox)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize("transfer", ["presign", "upload"])
def test_a_package_of_200_mb_needs_less_than_64_mb(cloud_on_disk: Cloud, transfer: str) -> None:
    cloud = cloud_on_disk
    function = deploy(cloud, TRANSFER=transfer)
    upload(cloud, "liveness/incoming/anna/reference.jpg", JPEG)
    upload_in_parts(cloud, "liveness/incoming/anna/live.bin", 200)
    cloud.sandbox.wait_idle(60)

    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == "passed"
    assert result["inputs"][0]["size"] >= 200 * MEGABYTE
    assert max(invocation.max_rss_kb for invocation in function.invocations) < 64 * 1024


def test_nothing_is_read_of_a_plain_package(cloud: Cloud) -> None:
    cloud.put_pair("anna", b"x" * (5 * MEGABYTE))
    function = cloud.instance()
    function.walk("anna")
    reads = [
        request
        for request in cloud.requests_of(function)
        if request.method == "GET" and "/incoming/" in request.key
    ]
    assert reads == []


def longest_chain(requests: list[Any]) -> int:
    """How many of the requests followed one after another: round trips in sequence."""
    chain, ended = 0, 0.0
    for request in sorted(requests, key=lambda request: request.ended):
        if request.started >= ended:
            chain, ended = chain + 1, request.ended
    return chain


@pytest.mark.parametrize("warm", [False, True])
def test_three_round_trips_before_the_call_and_three_after_it(cloud: Cloud, warm: bool) -> None:
    function = cloud.instance()
    if warm:
        cloud.put_pair("bert")
        function.walk("bert")
    seen = len(cloud.sandbox.requests)
    cloud.put_pair("anna")
    cloud.sandbox.cos_latency_s = 0.4  # so that what is sent at once overlaps

    function.walk("anna")

    requests = cloud.sandbox.requests[seen:]
    (call,) = [request for request in requests if request.service == "faceid"]
    ours = [request for request in requests if request in cloud.requests_of(function)]
    (visible,) = [
        request
        for request in ours
        if request.method == "PUT" and request.key.endswith("result.json")
    ]
    ended = [request for request in ours if request.ended is not None]
    before = [request for request in ended if request.ended <= call.started]
    after = [request for request in ended if call.ended <= request.started <= visible.started]
    assert (longest_chain(before), longest_chain(after)) == (3, 3)


def test_every_sample_event_is_json_and_holds_no_signature() -> None:
    events = sorted((ROOT / "events").glob("*.json"))
    assert len(events) >= 10
    for path in events:
        assert "q-signature" not in json.dumps(json.loads(path.read_text()))
