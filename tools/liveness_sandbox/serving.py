"""The sandbox as a command runs it: until it is told to stop."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .cam.roles import Document
from .runtime.triggers import CosTrigger, TimerTrigger
from .sandbox import Sandbox
from .scenario_file import Scenario

FUNCTION = "liveness"
ROLE = "liveness-function"
DEFAULT_INPUT_PREFIX = "liveness/incoming/"


class OtherRegion(Exception):
    """The data directory holds the bucket in another region than it is to be served in."""


def serve(
    *,
    port: int,
    data: Path | None,
    region: str,
    bucket: str,
    code: Path | None,
    environment: Mapping[str, str],
    timers: Sequence[TimerTrigger] = (),
    speed: float = 1,
    instances: int | None = None,
    reserved_mb: int | None = None,
    dead_letters: Path | None = None,
    scenario: Scenario | None = None,
    trust: Document | None = None,
    policy: Document | None = None,
    print: Callable[[str], object] = print,
) -> None:
    """Play the cloud until SIGINT or SIGTERM, which only the main thread gets: call it there.

    `trust` and `policy` are what CAM tells of the function's role; without them it has none.
    """
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Sandbox(region=region, port=port, data=data, speed=speed) as sandbox:
            _provide_bucket(sandbox, bucket)
            if scenario is not None:
                scenario.apply(sandbox)
            settings = {
                "LIVENESS_ENDPOINT_SCHEME": "http",
                "LIVENESS_BUCKET": bucket,
                **environment,
            }
            role = None
            if trust is not None and policy is not None:
                role = sandbox.put_role(ROLE, trust, {ROLE: policy}).name
            if code is not None:
                prefix = settings.get("LIVENESS_INPUT_PREFIX", DEFAULT_INPUT_PREFIX)
                sandbox.deploy(
                    FUNCTION,
                    code,
                    environment=settings,
                    triggers=[CosTrigger(bucket, prefix=prefix), *timers],
                    instances=instances,
                    reserved_mb=reserved_mb,
                    dead_letters=dead_letters,
                    role=role,
                )
            print(f"liveness sandbox ready on {sandbox.url}")
            for name, value in {**sandbox.client_environment(), **settings}.items():
                print(f"export {name}={shlex.quote(value)}")
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _provide_bucket(sandbox: Sandbox, name: str) -> None:
    try:
        region = sandbox.bucket(name).region
    except KeyError:
        sandbox.create_bucket(name)
        return
    if region != sandbox.region:
        raise OtherRegion(
            f"the data directory holds {name} in {region}; it cannot be served in {sandbox.region}"
        )
