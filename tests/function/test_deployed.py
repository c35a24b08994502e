"""From upload to result through notifications and real function processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liveness_sandbox import CosTrigger, DeployOptions, Sandbox
from tests.conftest import BUCKET, JPEG, PACKAGE, ROOT, Cloud

MEGABYTE = 1024 * 1024


def deploy(cloud: Cloud, **settings: str) -> Any:
    options = DeployOptions(
        handler="index.main_handler",
        environment={
            "LIVENESS_BUCKET": BUCKET,
            "LIVENESS_ENDPOINT_SCHEME": "http",
            **{f"LIVENESS_{name}": value for name, value in settings.items()},
        },
        timeout_seconds=60,
        memory_mb=128,
        triggers=[CosTrigger(BUCKET, prefix="liveness/incoming/")],
        instances=2,
    )
    return cloud.sandbox.deploy("liveness", ROOT / "src", options)


def upload(cloud: Cloud, key: str, body: bytes) -> None:
    cloud.client.put_object(BUCKET, body, key)


def upload_in_parts(cloud: Cloud, key: str, megabytes: int) -> None:
    upload_id = cloud.client.create_multipart_upload(BUCKET, key)["UploadId"]
    part, size = bytes(range(256)) * (16 * MEGABYTE // 256), 16 * MEGABYTE
    parts = []
    for number in range(1, -(-megabytes * MEGABYTE // size) + 1):
        etag = cloud.client.upload_part(BUCKET, key, part, number, upload_id)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    cloud.client.complete_multipart_upload(BUCKET, key, upload_id, {"Part": parts})


@pytest.mark.parametrize("first", ["live.bin", "reference.jpg"])
def test_the_pair_is_judged_once_in_either_upload_order(cloud: Cloud, first: str) -> None:
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


def test_a_second_invocation_reuses_the_warm_instance(cloud: Cloud) -> None:
    function = deploy(cloud)
    for name in ("anna", "bert"):
        cloud.put_pair(name)
        function.invoke({"pairs": [name]})

    cold, warm = function.invocations
    assert (cold.cold, warm.cold) == (True, False)
    assert "instance.started" in cold.logs[0] and '"cpu_share": ' in cold.logs[0]
    assert not any("instance.started" in line for line in warm.logs)
    assert warm.result["pairs"][0]["status"] == "passed"


@pytest.fixture
def cloud_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
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
