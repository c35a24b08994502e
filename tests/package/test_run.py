"""The function from its zip alone: Python 3.10, and no other modules to import."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liveness_sandbox import CosTrigger, DeployOptions, Drop, Reply
from tests.conftest import BUCKET, JPEG, PACKAGE, Cloud

Run = Callable[..., Any]


def invalidate_source(code: Path) -> None:
    """Make every module fail unless its bytecode runs, whatever the file times are."""
    for age, path in enumerate(code.rglob("*.py")):
        path.write_text("raise SystemExit('the source was compiled')")
        os.utime(path, (1e9 + age, 1e9 + age))


@pytest.fixture
def deploy(cloud: Cloud, unpacked: Path, python310: str) -> Run:
    """`deploy(TRANSFER="upload")`: deploy for a Python that sees only the zip and the stdlib."""
    invalidate_source(unpacked)

    def deploy(**settings: str) -> Any:
        return cloud.sandbox.deploy(
            "liveness",
            unpacked,
            DeployOptions(
                environment={
                    "LIVENESS_BUCKET": BUCKET,
                    "LIVENESS_ENDPOINT_SCHEME": "http",
                    **{f"LIVENESS_{name}": value for name, value in settings.items()},
                },
                timeout_seconds=60,
                triggers=[CosTrigger(BUCKET, prefix="liveness/incoming/")],
                python=python310,
                dependencies=(),
            ),
        )

    return deploy


@pytest.mark.parametrize("transfer", ["presign", "upload"])
def test_a_pair_is_judged_and_published(cloud: Cloud, deploy: Run, transfer: str) -> None:
    function = deploy(TRANSFER=transfer)
    for name, body in (("live.bin", PACKAGE), ("reference.jpg", JPEG)):
        cloud.client.put_object(BUCKET, body, f"liveness/incoming/anna/{name}")

    cloud.sandbox.wait_idle(30)

    assert [invocation.error for invocation in function.invocations] == [None, None]
    assert all(invocation.stderr == "" for invocation in function.invocations)
    result = cloud.result("anna")
    assert result is not None
    assert (result["status"], cloud.billed) == ("passed", 1)
    assert result["best_frame"]["key"]


@pytest.mark.parametrize(
    ("live", "status"),
    [
        ({"code": "FailedOperation.LivessDetectFail", "channel": "error"}, "rejected"),
        ({"code": "RequestLimitExceeded", "channel": "error", "times": 1}, "passed"),
        ({"code": "InternalError", "channel": "error", "times": 1}, "passed"),
        ({"drop": "after", "times": 1}, "passed"),
        ({"drop": "before", "times": 1}, "passed"),
        ({"body": "<html>", "http_status": 502, "times": 1}, "passed"),
        ({"frame": "missing"}, "passed"),
        ({"frame": "foreign-host"}, "passed"),
    ],
)
def test_failures_of_the_face_api_find_all_their_code(
    cloud: Cloud, deploy: Run, live: dict[str, Any], status: str
) -> None:
    function = deploy()
    cloud.put_pair("anna", live)

    cloud.sandbox.wait_idle(30)
    for _ in range(3):  # a parked pair is due at once, or after its lease
        if cloud.result("anna") is None:
            expire_leases(cloud)
            function.invoke({"pairs": ["anna"]})

    assert_no_import_failed(function)
    result = cloud.result("anna")
    assert result is not None
    assert result["status"] == status


def test_failures_of_cos_find_all_their_code(cloud: Cloud, deploy: Run) -> None:
    function = deploy()
    cloud.put_pair("anna")
    cloud.sandbox.wait_idle(30)
    denied = Reply(
        403,
        b"<Error><Code>AccessDenied</Code><Message>m</Message></Error>",
        {"Content-Type": "application/xml"},
    )

    failures: list[Drop | Reply] = [Drop(), Reply(503), denied, Reply(200, b"not XML")]
    for number, failure in enumerate(failures):
        pair_id = f"bert-{number}"
        cloud.put(pair_id, "live.bin", PACKAGE)
        cloud.sandbox.wait_idle(30)
        cloud.on("HEAD", "reference.jpg", failure, times=9)
        cloud.on("PUT", ".claim", failure, times=9)
        function.invoke({"pairs": [pair_id]})
        cloud.sandbox.hooks.clear()

    assert_no_import_failed(function)


def test_timers_find_all_their_code(cloud: Cloud, deploy: Run) -> None:
    function = deploy()

    for message in ("reconcile", "drain"):
        invocation = function.invoke({"Type": "Timer", "TriggerName": "t", "Message": message})
        assert invocation.error is None

    assert_no_import_failed(function)


def test_the_certificates_are_found(unpacked: Path, python310: str) -> None:
    invalidate_source(unpacked)
    script = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "import requests, ssl\n"
        "context = ssl.create_default_context(cafile=requests.certs.where())\n"
        "print(requests.__file__, context.cert_store_stats()['x509_ca'] > 100)"
    )
    command = [python310, "-I", "-S", "-B", "-c", script]

    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout

    assert printed == f"{unpacked}/requests/__init__.py True\n"


def expire_leases(cloud: Cloud) -> None:
    for key in cloud.bucket.keys("liveness/ledger/claims/"):
        if key.endswith(".claim"):
            cloud.bucket.backdate(key, 120)


def assert_no_import_failed(function: Any) -> None:
    for invocation in function.invocations:
        output = "\n".join([*invocation.logs, invocation.stderr, str(invocation.error)])
        assert "ImportError" not in output
        assert "ModuleNotFoundError" not in output
        assert "NameError" not in output
        assert "SystemExit" not in output
