"""The sandbox as a command runs it: until a signal stops it."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from .cam.identities import Identities
from .runtime.deployment import DeployOptions
from .runtime.triggers import CosTrigger
from .sandbox import Sandbox
from .scenario_file import ScenarioFile

FUNCTION = "liveness"
_NOBODY = Identities()
_KEYS = ("TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN")
DEFAULT_INPUT_PREFIX = "liveness/incoming/"


class RegionMismatch(Exception):
    """The data directory contains the bucket in another region than the requested one."""


def serve(
    bucket: str | None,
    code: Path | None,
    options: DeployOptions,
    identities: Identities = _NOBODY,
    *,
    region: str,
    port: int = 0,
    data: Path | None = None,
    speed: float = 1,
    scenario: ScenarioFile | None = None,
    print: Callable[[str], object] = print,
    watch: Callable[[Sandbox], AbstractContextManager[None]] = lambda sandbox: nullcontext(),
    work: Callable[[Mapping[str, str]], int] | None = None,
) -> int:
    """Emulate the cloud until SIGINT or SIGTERM. Call it in the main thread, which gets signals.

    With `work`, print nothing: call it with the environment of the account's owner, stop when it
    returns, and return its exit status.

    Without `code` no function is deployed; the environment in `options` is then only printed. The
    function gets a trigger on the bucket in addition to those in `options`. Without `bucket` the
    account has neither bucket nor function. After the environment of the account's owner, print the
    keys of each user and role, as comments. The context of `watch` then lasts until the signal.
    """
    stop = threading.Event()
    previous_handlers = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Sandbox(region=region, port=port, data=data, speed=speed) as sandbox:
            sandbox.platform.instances = options.instances
            settings = {"LIVENESS_ENDPOINT_SCHEME": "http"}
            if bucket is not None:
                _provide_bucket(sandbox, bucket)
                settings["LIVENESS_BUCKET"] = bucket
            settings.update(options.environment)
            sandbox.client_settings = settings
            sandbox.put_identities(identities)
            if scenario is not None:
                scenario.apply(sandbox)
            if code is not None and bucket is not None:
                prefix = settings.get("LIVENESS_INPUT_PREFIX", DEFAULT_INPUT_PREFIX)
                uploads = CosTrigger(bucket, prefix=prefix)
                function_options = replace(
                    options,
                    environment=settings,
                    triggers=(uploads, *options.triggers),
                )
                sandbox.deploy(FUNCTION, code, function_options)
            if work is not None:
                return work(sandbox.client_environment())
            print(f"liveness sandbox ready on {sandbox.url}")
            for name, value in sandbox.client_environment().items():
                print(f"export {name}={shlex.quote(value)}")
            for identity in sandbox.identities:
                print(f"# {identity}: {_keys(sandbox.client_environment(identity))}")
            with watch(sandbox):
                stop.wait()
            return 0
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


def _keys(environment: Mapping[str, str]) -> str:
    return " ".join(f"{name}={environment[name]}" for name in _KEYS if name in environment)


def _provide_bucket(sandbox: Sandbox, name: str) -> None:
    try:
        region = sandbox.bucket(name).region
    except KeyError:
        sandbox.create_bucket(name)
        return
    if region != sandbox.region:
        raise RegionMismatch(
            f"the data directory contains {name} in {region}; "
            f"it cannot be served in {sandbox.region}"
        )
