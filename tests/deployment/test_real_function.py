"""The real package: from an empty account to a result, and a rollback while uploads go on."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import JPEG, package_of
from tests.package.conftest import uncompiled
from tests.sandbox.clients import cos_client

from .conftest import BUCKET, Deployment

__all__ = ["uncompiled"]
STEP, MINUTES = 6, 10


@pytest.fixture
def archive(uncompiled: Path) -> Path:
    return uncompiled / "function.zip"


def upload(deployment: Deployment, pair_id: str) -> None:
    client = cos_client(deployment.sandbox)
    client.put_object(BUCKET, package_of(pair_id), f"liveness/incoming/{pair_id}/live.bin")
    client.put_object(BUCKET, JPEG, f"liveness/incoming/{pair_id}/reference.jpg")


def has_result(deployment: Deployment, pair_id: str) -> bool:
    bucket = deployment.sandbox.bucket(BUCKET)
    return bucket.get(f"liveness/results/{pair_id}/result.json") is not None


def drain(deployment: Deployment, pair_ids: Sequence[str]) -> None:
    """Let the minutes pass in which timers process what waits, until every pair has a result."""
    for _ in range(MINUTES):
        deployment.sandbox.wait_idle()
        if all(has_result(deployment, pair_id) for pair_id in pair_ids):
            return
        deployment.sandbox.clock.advance(60)
        deployment.scf("InvokeFunction", Qualifier="$DEFAULT", Event='{"drain": {}}')


def test_an_upload_after_deploy_has_a_result(deployment: Deployment, archive: Path) -> None:
    deployment.package = archive
    deployment.deploy("--yes")

    upload(deployment, "anna")
    deployment.sandbox.wait_idle()

    assert has_result(deployment, "anna")
    assert len(deployment.sandbox.faceid.billed) == 1


def test_uploads_go_on_during_a_deployment_and_a_rollback(
    deployment: Deployment, archive: Path, tmp_path: Path
) -> None:
    deployment.package = archive
    deployment.deploy("--yes")
    changed = tmp_path / "changed.zip"
    changed.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(changed, "a") as packed:
        packed.writestr(zipfile.ZipInfo("changed.txt"), "another version")
    pair_ids = [f"pair-{number}" for number in range(3 * STEP)]
    may_upload = threading.Semaphore(0)
    uploaded = threading.Semaphore(0)

    def upload_all() -> None:
        for pair_id in pair_ids:
            may_upload.acquire()
            upload(deployment, pair_id)
            uploaded.release()

    def await_uploads(count: int) -> None:
        for _ in range(count):
            uploaded.acquire()

    uploads = threading.Thread(target=upload_all)
    uploads.start()
    may_upload.release(STEP)
    deployment.package = changed
    deployment.deploy("--yes")
    may_upload.release(STEP)
    await_uploads(STEP + 1)
    deployment.value("rollback", "--yes")
    may_upload.release(STEP)
    uploads.join()
    drain(deployment, pair_ids)

    assert deployment.serving == "1"
    assert [pair_id for pair_id in pair_ids if not has_result(deployment, pair_id)] == []
    assert len(deployment.sandbox.faceid.billed) == len(pair_ids)
