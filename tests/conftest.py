"""One cloud per test: the sandbox, a bucket, and the real handler over real HTTP."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jsonschema
import pytest
from qcloud_cos import CosConfig, CosS3Client

from liveness.handler import Function
from liveness.history import History
from liveness_sandbox import (
    Delay,
    DeployOptions,
    Drop,
    Invocation,
    Pause,
    Reply,
    Sandbox,
    Status,
    StoredObject,
)
from tests.clocks import SleeplessClock

# A deadline per example would fail on a busy machine; `pytest-timeout` bounds each test instead.
# What CI runs is the same for the same commit; elsewhere the examples differ from run to run.
hypothesis.settings.register_profile(
    "liveness", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
hypothesis.settings.load_profile("liveness")

ROOT = Path(__file__).parent.parent
# `jsonschema.validate` would check the schema itself each time, which takes long.
RESULT_SCHEMA, REVIEW_SCHEMA = (
    jsonschema.Draft202012Validator(
        json.loads((ROOT / f"docs/liveness-{name}-1.schema.json").read_text("utf-8"))
    )
    for name in ("result", "review")
)
# The code of a deployed function that runs in the test's process: a copy of src takes long.
_NOT_RUN = ROOT / "tests/live/echo"
JPEG = (ROOT / "events/sample/reference.jpg").read_bytes()


# Collecting makes millions of objects that stay: looking through them for garbage takes long.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def package_of(pair_id: str) -> bytes:
    """Return a package, with no instructions for the sandbox, that no other pair has."""
    return f"the package of {pair_id}".encode()


PACKAGE = package_of("anna")


BUCKET = "faces-1250000000"
CONTEXT = {
    "request_id": "invocation-1",
    "function_name": "liveness",
    "function_version": "$LATEST",
    "time_limit_in_ms": 120_000,
    "memory_limit_in_mb": 128,
}


def marker_body(pair_id: str, **fields: Any) -> bytes:
    """Return a marker for a pair to which nothing has happened yet but for `fields`."""
    marker = {
        "schema": "liveness-marker/3",
        "pair_id": pair_id,
        "reason": "throttled",
        "detail": "",
        "deliveries": 0,
        "fingerprint": "",
        "history": History().to_record(),
    }
    return json.dumps(marker | fields).encode()


class Instance:
    """One instance of the function: its own connections and its own memory."""

    def __init__(self, cloud: Cloud, settings: dict[str, str]) -> None:
        credentials = cloud.sandbox.temporary_credentials(365 * 24 * 3600, cloud.role)
        self.environ = {
            "TENCENTCLOUD_SECRETID": credentials.secret_id,
            "TENCENTCLOUD_SECRETKEY": credentials.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": credentials.token or "",
            "TENCENTCLOUD_REGION": cloud.sandbox.region,
            "LIVENESS_BUCKET": BUCKET,
            "LIVENESS_ENDPOINT_SCHEME": "http",
            "http_proxy": cloud.sandbox.url,
        } | {f"LIVENESS_{name}": value for name, value in settings.items()}
        self.secrets = [credentials.secret_key, credentials.token or ""]
        self.clock = SleeplessClock()
        self.clock.wall_shift = cloud.advanced
        self._cloud = cloud
        self.lines: list[str] = []
        self._function = Function(clock=self.clock, environ=self.environ, write=self.lines.append)

    def __call__(self, event: object, context: object = CONTEXT) -> dict[str, Any]:
        return self._function(event, context)

    def walk(self, *pair_ids: str) -> dict[str, Any]:
        """Invoke the function directly for these pairs; return the summary of the first."""
        summary: dict[str, Any] = self({"pairs": list(pair_ids)})["pairs"][0]
        return summary

    @property
    def logs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.logs if line["event"] == event]


class InProcess:
    """Runs a deployed function in this process, so that time passes with `Cloud.advance`."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def work(self, event: Any, request_id: str) -> Invocation:
        first = len(self._instance.lines)
        result, error, status = None, None, Status.SUCCESS
        try:
            result = self._instance(event, {**CONTEXT, "request_id": request_id})
        except Exception as raised:
            status = Status.CODE_EXCEPTION
            error = {"errorMessage": str(raised), "errorType": type(raised).__name__}
        logs = [line.rstrip("\n") for line in self._instance.lines[first:]]
        return Invocation(event, result, error, status, logs, "", 0.0, False, request_id, 0)

    def retire(self) -> None:
        pass

    def kill(self, secret_id: str) -> bool:
        return False

    def close(self) -> None:
        pass


class Cloud:
    """The sandbox with one bucket. Tests access it directly; the function uses HTTP."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.create_bucket(BUCKET)
        self.bucket = sandbox.bucket(BUCKET)
        self.advanced = 0.0
        self.role: str | None = None
        """The role whose keys instances have; None: they may do everything."""
        self._instances: list[Instance] = []
        self.client = CosS3Client(  # the customer's client, with the real SDK
            CosConfig(
                Region=sandbox.region,
                SecretId=sandbox.credentials.secret_id,
                SecretKey=sandbox.credentials.secret_key,
                Scheme="http",
                Proxies={"http": sandbox.url},
            )
        )

    def instance(self, **settings: str) -> Instance:
        """Create an instance with these `LIVENESS_*` settings."""
        instance = Instance(self, settings)
        self._instances.append(instance)
        return instance

    def deploy(self, name: str = "liveness", **settings: str) -> Instance:
        """Deploy the function with these settings; return the instance that works for it."""
        instance = self.instance(**settings)
        environment = {key: text for key, text in instance.environ.items() if "LIVENESS" in key}
        options = DeployOptions(
            environment=environment, timeout_seconds=120, role="liveness-function"
        )
        self.sandbox.deploy(name, _NOT_RUN, options, InProcess(instance))
        return instance

    def advance(self, seconds: float) -> None:
        """Let time pass between invocations, for the sandbox and for every instance."""
        self.sandbox.clock.advance(seconds)
        self.advanced += seconds
        for instance in self._instances:
            instance.clock.wall_shift += seconds

    def put(self, pair_id: str, name: str, body: bytes, **options: Any) -> None:
        """Upload one input of a pair."""
        self.bucket.put(f"liveness/incoming/{pair_id}/{name}", body, **options)

    def put_pair(self, pair_id: str, live: bytes | dict[str, Any] | None = None) -> None:
        """Upload both inputs; a dict becomes a package with instructions for the sandbox.

        By default each pair has a package of its own.
        """
        if live is None:
            body = package_of(pair_id)
        elif isinstance(live, dict):
            body = json.dumps({"sandbox": 1, "comment": pair_id, **live}).encode()
        else:
            body = live
        self.put(pair_id, "live.bin", body)
        self.put(pair_id, "reference.jpg", JPEG)

    def result(self, pair_id: str) -> dict[str, Any] | None:
        """Return the published result; check it against its schema and its best frame."""
        stored = self.bucket.get(f"liveness/results/{pair_id}/result.json")
        if stored is None:
            return None
        result: dict[str, Any] = json.loads(stored.body())
        RESULT_SCHEMA.validate(result)
        meta = {name.removeprefix("x-cos-meta-"): text for name, text in stored.metadata.items()}
        assert meta["liveness-fingerprint"] == result["fingerprint"]
        assert stored.content_type == "application/json"
        if key := result["best_frame"]["key"]:
            frame = self.bucket.get(key)
            assert frame is not None, "result.json names a best frame that is not stored"
            assert frame.etag.strip('"') == result["best_frame"]["md5"]
            assert frame.size == result["best_frame"]["size"]
        return result

    def stored(self, key: str, bucket: str = BUCKET) -> StoredObject:
        """Return an object that must exist."""
        stored = self.sandbox.bucket(bucket).get(key)
        assert stored is not None, f"{key} is not stored"
        return stored

    def ledger(self, name: str = "") -> list[str]:
        """Return the names, ending in `name`, of objects below `claims/<pair>/<fingerprint>/`."""
        keys = self.bucket.keys("liveness/ledger/claims/")
        return [key.rpartition("/")[2] for key in keys if key.endswith(name)]

    def ledger_keys(self, name: str) -> list[str]:
        """Return the full keys of the ledger objects with this name."""
        return [key for key in self.bucket.keys("liveness/ledger/") if key.endswith("/" + name)]

    def markers(self) -> list[dict[str, Any]]:
        """Return the contents of all markers."""
        keys = self.bucket.keys("liveness/ledger/pending/")
        return [json.loads(self.stored(key).body()) for key in keys]

    @property
    def calls(self) -> int:
        return len(self.sandbox.faceid.calls)

    @property
    def billed(self) -> int:
        return len(self.sandbox.faceid.billed)

    def on(
        self,
        method: str,
        key_ends: str,
        do: Callable[[], Any] | Delay | Drop | Pause | Reply,
        *,
        phase: str = "before",
        times: int = 1,
        service: str = "cos",
    ) -> None:
        """Run an action, or send another answer, at the next matching requests."""
        remaining = [times]

        def hook(request: Any, current_phase: str) -> Any:
            name = request.action if service == "faceid" else request.key
            if current_phase != phase or request.service != service or request.method != method:
                return None
            if not (name or "").endswith(key_ends) or remaining[0] == 0:
                return None
            remaining[0] -= 1
            return do() if callable(do) and not isinstance(do, (Delay, Drop, Pause, Reply)) else do

        self.sandbox.hooks.append(hook)

    def requests_of(self, instance: Instance) -> list[Any]:
        """Return the instance's own requests to COS, without those to pre-signed URLs."""
        secret_id = instance.environ["TENCENTCLOUD_SECRETID"]
        return [
            request
            for request in self.sandbox.requests
            if request.service == "cos"
            and request.principal == secret_id
            and request.auth == "header"
        ]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with Sandbox(region="ap-singapore") as sandbox:
        monkeypatch.setenv("http_proxy", sandbox.url)
        monkeypatch.delenv("no_proxy", raising=False)
        sandbox.faceid.rate_limit = None
        yield Cloud(sandbox)
