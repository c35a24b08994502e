"""The environment of all measurements: a sandbox with one bucket, and fresh processes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcloud_cos import CosConfig, CosS3Client

from liveness_sandbox import Bucket, Sandbox

ROOT = Path(__file__).parents[1]
BENCH = Path(__file__).parent
BUCKET = f"faces-{Sandbox.appid}"
MIB = 1024 * 1024
# The function's own settings.
SETTINGS = {"LIVENESS_BUCKET": BUCKET, "LIVENESS_ENDPOINT_SCHEME": "http"}
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
    """A process that has ended."""

    seconds: float  # from spawn to exit
    cpu_seconds: float  # of a core
    stdout: str

    def seconds_on(self, share: float) -> float:
        """Return how long it takes on this share of a core, if its waits stay the same."""
        waited = max(0.0, self.seconds - self.cpu_seconds)
        return waited + self.cpu_seconds / share

    @property
    def report(self) -> dict[str, Any]:
        """The last line of driver.py."""
        report: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return report


class RunFailed(Exception):
    """A process did not do its work; the message is the last line of its error output."""


def run_process(
    command: Sequence[str],
    stdin: str,
    environment: Mapping[str, str],
    timeout: float,
    folder: Path | None = None,
) -> Run:
    """Run a command to its end. Raises RunFailed.

    Its CPU time is wrong if another child of this process ends meanwhile.
    """
    began, before = time.perf_counter(), _cpu_of_children()
    try:
        process = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"not done after {timeout:g} s") from None
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        lines = process.stderr.strip().splitlines()
        raise RunFailed(lines[-1] if lines else f"exit status {process.returncode}")
    return Run(seconds, _cpu_of_children() - before, process.stdout)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def function_environment(sandbox: Sandbox) -> dict[str, str]:
    """Return the environment variables of a function in this sandbox, with new credentials."""
    credentials = sandbox.temporary_credentials()
    return {
        **sandbox.client_environment(),
        "TENCENTCLOUD_SECRETID": credentials.secret_id,
        "TENCENTCLOUD_SECRETKEY": credentials.secret_key,
        "TENCENTCLOUD_SESSIONTOKEN": credentials.token or "",
        **SETTINGS,
    }


class Environment:
    """The sandbox and its bucket."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bucket: Bucket = sandbox.create_bucket(BUCKET)
        self.image = (ROOT / "events/sample/reference.jpg").read_bytes()
        self.live = (ROOT / "events/sample/live.bin").read_bytes()
        self._pairs = 0
        sandbox.faceid.rate_limit = None

    def new_pair(self, live: bytes | None = None, image: bytes | None = None) -> str:
        """Store the given inputs as a new pair; return its key prefix."""
        self._pairs += 1
        pair = f"liveness/incoming/pair-{self._pairs}"
        for key, body in ((f"{pair}/live.bin", live), (f"{pair}/reference.jpg", image)):
            if body is not None:
                self.bucket.put(key, body)
        return pair

    def event(self, key: str) -> dict[str, Any]:
        """Return the trigger event about this object."""
        return self.sandbox.trigger_event(self.bucket, key)

    def check_published(self, pair: str) -> None:
        """Check that the pair was processed; otherwise its measurement means nothing.

        Raises RunFailed.
        """
        stored = self.bucket.get(f"{results_of(pair)}/result.json")
        if stored is None:
            raise RunFailed(f"no result.json for {pair}")
        status = json.loads(stored.body())["status"]
        # The naive job stores frames beside its results.
        folders = (pair.replace("/incoming/", "/frames/", 1), results_of(pair))
        frames = [key for folder in folders for key in self.bucket.keys(f"{folder}/best-frame")]
        if status != "passed" or len(frames) != 1:
            raise RunFailed(f"{pair} is {status}, or has no best frame")

    def run_handler(
        self, handler: Handler, event: dict[str, Any], settings: Mapping[str, str] | None = None
    ) -> Run:
        """Handle one event in a cold instance of the handler. Raises RunFailed."""
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
        """Run a script with nothing but a function's environment. Raises RunFailed."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            **function_environment(self.sandbox),
            **(settings or {}),
        }
        return run_process([str(python), *arguments], stdin, environment, _PROCESS_SECONDS)

    def uploader(self) -> CosS3Client:
        """Return a client of the COS SDK like that of a customer's uploader."""
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
    """Return the key prefix of a pair's results."""
    return pair.replace("/incoming/", "/results/", 1)
