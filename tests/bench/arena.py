"""One sandbox with one bucket, and fresh processes pointed at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcloud_cos import CosConfig, CosS3Client

from liveness_sandbox import Bucket, Sandbox

ROOT = Path(__file__).parents[2]
BENCH = Path(__file__).parent
BUCKET = f"faces-{Sandbox.appid}"
MIB = 1024 * 1024
_PROCESS_SECONDS = 60


@dataclass(frozen=True)
class Handler:
    """Code with a `main_handler`, and the Python that runs it."""

    name: str
    code: Path
    module: str = "index"
    python: Path = Path(sys.executable)


OURS = Handler("ours", ROOT / "src")
NAIVE = Handler("naive", BENCH / "naive")


@dataclass(frozen=True)
class Run:
    """One process from spawn to exit."""

    seconds: float
    stdout: str

    @property
    def report(self) -> dict[str, Any]:
        """What driver.py printed last."""
        report: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return report


class RunFailed(Exception):
    """A process did not do what it was started for; the text says what it said last."""


class Arena:
    """What every measurement works in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bucket: Bucket = sandbox.create_bucket(BUCKET)
        self.image = (ROOT / "events/sample/reference.jpg").read_bytes()
        self.live = (ROOT / "events/sample/live.bin").read_bytes()
        self._pairs = 0
        sandbox.faceid.rate_limit = None

    @property
    def settings(self) -> dict[str, str]:
        """The function's own settings."""
        return {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}

    def new_pair(self, live: bytes | None = None, image: bytes | None = None) -> str:
        """The key prefix of a pair that nobody has seen before; None leaves that input out."""
        self._pairs += 1
        pair = f"liveness/incoming/pair-{self._pairs}"
        for key, body in ((f"{pair}/live.bin", live), (f"{pair}/reference.jpg", image)):
            if body is not None:
                self.bucket.put(key, body)
        return pair

    def event(self, key: str) -> dict[str, Any]:
        """The trigger message about this object."""
        return self.sandbox.trigger_event(self.bucket, key)

    def check_published(self, pair: str) -> None:
        """A measurement of work that was not done is worth nothing."""
        stored = self.bucket.get(f"{results_of(pair)}/result.json")
        if stored is None:
            raise RunFailed(f"no result.json for {pair}")
        status = json.loads(stored.body())["status"]
        if status != "passed" or len(self.bucket.keys(f"{results_of(pair)}/best-frame")) != 1:
            raise RunFailed(f"{pair} is {status}, or there is no best frame")

    def run_handler(
        self, handler: Handler, event: dict[str, Any], settings: Mapping[str, str] | None = None
    ) -> Run:
        """One event in a cold instance of the handler."""
        context = {
            "request_id": f"bench-{handler.name}",
            "function_name": "liveness",
            "function_version": "$LATEST",
            "memory_limit_in_mb": 128,
            "time_limit_in_ms": _PROCESS_SECONDS * 1000,
        }
        return self.run_script(
            handler.python,
            [str(BENCH / "driver.py"), str(handler.code), handler.module],
            json.dumps({"event": event, "context": context}),
            settings,
        )

    def run_script(
        self,
        python: Path,
        arguments: Sequence[str],
        stdin: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a script with a function's environment. Raises RunFailed."""
        credentials = self.sandbox.temporary_credentials()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            **self.sandbox.client_environment(),
            "TENCENTCLOUD_SECRETID": credentials.secret_id,
            "TENCENTCLOUD_SECRETKEY": credentials.secret_key,
            "TENCENTCLOUD_SESSIONTOKEN": credentials.token or "",
            **self.settings,
            **(settings or {}),
        }
        began = time.perf_counter()
        try:
            done = subprocess.run(
                [str(python), *arguments],
                input=stdin,
                capture_output=True,
                text=True,
                env=environment,
                timeout=_PROCESS_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise RunFailed(f"not done after {_PROCESS_SECONDS} s") from None
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise RunFailed(lines[-1])
        return Run(seconds, done.stdout)

    def uploader(self) -> CosS3Client:
        """The COS SDK as a customer's uploader holds it."""
        keys = self.sandbox.credentials
        return CosS3Client(
            CosConfig(
                Region=self.sandbox.region,
                SecretId=keys.secret_id,
                SecretKey=keys.secret_key,
                Scheme="http",
                Proxies={"http": self.sandbox.url},
            )
        )


def results_of(pair: str) -> str:
    """Where the results of a pair lie."""
    return pair.replace("/incoming/", "/results/", 1)
