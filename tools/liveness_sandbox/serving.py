"""The sandbox as a command runs it: until it is told to stop."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from .runtime.triggers import CosTrigger
from .sandbox import Sandbox

FUNCTION = "liveness"
DEFAULT_INPUT_PREFIX = "liveness/incoming/"


def serve(
    *,
    port: int,
    data: Path | None,
    region: str,
    bucket: str,
    code: Path | None,
    environment: Mapping[str, str],
    print: Callable[[str], object] = print,
) -> None:
    """Play the cloud until SIGINT or SIGTERM, which only the main thread gets: call it there."""
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Sandbox(region=region, port=port, data=data) as sandbox:
            try:
                sandbox.bucket(bucket)
            except KeyError:
                sandbox.create_bucket(bucket)
            settings = {
                "LIVENESS_ENDPOINT_SCHEME": "http",
                "LIVENESS_BUCKET": bucket,
                **environment,
            }
            if code is not None:
                prefix = settings.get("LIVENESS_INPUT_PREFIX", DEFAULT_INPUT_PREFIX)
                sandbox.deploy(
                    FUNCTION,
                    code,
                    environment=settings,
                    triggers=[CosTrigger(bucket, prefix=prefix)],
                )
            print(f"liveness sandbox ready on {sandbox.url}")
            for name, value in {**sandbox.client_environment(), **settings}.items():
                print(f"export {name}={shlex.quote(value)}")
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
