"""Each check runs on the sandbox; `-m live` runs it on the real services.

Live checks need a bucket that they may write to. The environment names it and its credentials:

    LIVENESS_LIVE_BUCKET, LIVENESS_LIVE_REGION    full name (`faces-1250000000`) and region of a
                                                  bucket that never had versioning
    TENCENTCLOUD_SECRETID, ..._SECRETKEY, ..._SESSIONTOKEN
                                                  temporary credentials with all permissions below
                                                  liveness-live-test/ in that bucket
    LIVENESS_LIVE_SUSPENDED_BUCKET                a bucket with suspended versioning, and the
                                                  same permissions
    LIVENESS_LIVE_EVENTS                          a folder of recorded messages
    LIVENESS_LIVE_PAID=1                          allows the one call that may cost money
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from liveness_sandbox import CosTrigger, DeployOptions, Sandbox

from . import environment
from .messages import HOW_TO_RECORD
from .target import Target

_REAL = pytest.param("real", marks=pytest.mark.live)
_ECHO = Path(__file__).with_name("echo")
_SUSPENDED = "once-versioned-1250000000"


@pytest.hookimpl(trylast=True)  # after -m has deselected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    live = [item for item in items if item.get_closest_marker("live")]
    missing = [name for name in environment.REQUIRED if not environment.value(name)]
    if live and missing:
        raise pytest.UsageError(f"the live contract needs {', '.join(missing)}: tests/live")
    if not environment.value(environment.PAID):
        unpaid = [item for item in live if item.get_closest_marker("paid")]
        config.hook.pytest_deselected(items=unpaid)
        items[:] = [item for item in items if item not in unpaid]


@pytest.fixture(params=["sandbox", _REAL])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    if request.param == "sandbox":
        with Sandbox() as sandbox:
            yield _sandbox_target(sandbox)
    else:
        real = _real_target()
        try:
            yield real
        finally:
            real.clean_up()


def _sandbox_target(sandbox: Sandbox) -> Target:
    bucket = sandbox.create_bucket("faces-1250000000")
    keys = sandbox.temporary_credentials()

    def suspended_bucket() -> str:
        return sandbox.create_bucket(_SUSPENDED, versioning="Suspended").name

    def events(names: Sequence[str]) -> list[Any]:
        trigger = CosTrigger(bucket, prefix=sandbox_target.prefix)
        function = sandbox.deploy("echo", _ECHO, DeployOptions(triggers=[trigger]))
        with sandbox_target.cos() as cos:
            for name in names:
                cos.put_object(sandbox_target.bucket, b"body", sandbox_target.key(name))
        sandbox.wait_idle()
        return [json.loads(line) for each in function.invocations for line in each.logs]

    sandbox_target = Target(
        "sandbox",
        bucket.name,
        sandbox.region,
        keys.secret_id,
        keys.secret_key,
        keys.token,
        suspended_bucket,
        events,
        "http",
        sandbox.url,
    )
    return sandbox_target


def _real_target() -> Target:
    def suspended_bucket() -> str:
        return environment.required(
            environment.SUSPENDED_BUCKET, "name a bucket whose versioning is suspended"
        )

    def events(names: Sequence[str]) -> list[Any]:
        folder = Path(environment.required(environment.EVENTS, HOW_TO_RECORD))
        return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]

    return Target(
        "real",
        environment.required(environment.BUCKET, "name a bucket"),
        environment.required(environment.REGION, "name its region"),
        environment.required(environment.SECRET_ID, "give credentials"),
        environment.required(environment.SECRET_KEY, "give credentials"),
        environment.value(environment.SESSION_TOKEN),
        suspended_bucket,
        events,
        environment.value(environment.SCHEME) or "https",
    )
