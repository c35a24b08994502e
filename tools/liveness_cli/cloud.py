"""The function in a cloud of its own: a sandbox for the length of one command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from liveness.errors import SettingsError
from liveness.settings import Settings, read_settings

from .checkout import function_code
from .interrupts import interruptible

if TYPE_CHECKING:
    from liveness_sandbox import Bucket, Function, Sandbox

# What the sample events name.
BUCKET = "faces-1250000000"
REGION = "ap-singapore"
FUNCTION = "liveness"

# As serverless.yml has them; the name is the message, too.
TIMERS = {"drain": "0 * * * * * *", "reconcile": "0 17 * * * * *"}

# The sandbox has one bucket and speaks no TLS, whatever the environment says.
_FIXED = ("LIVENESS_BUCKET", "LIVENESS_RESULT_BUCKET", "LIVENESS_LEDGER_BUCKET")
_SCHEME = "LIVENESS_ENDPOINT_SCHEME"


class Cloud(NamedTuple):
    """A running sandbox, its bucket, and the function deployed in it with these settings."""

    sandbox: Sandbox
    bucket: Bucket
    function: Function
    settings: Settings


def function_environment(bucket: str) -> dict[str, str]:
    """What the function gets in a sandbox: the settings of our own environment that fit there."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("LIVENESS_") and name not in (*_FIXED, _SCHEME)
    }
    return {**ours, "LIVENESS_BUCKET": bucket, _SCHEME: "http"}


def function_settings(environment: dict[str, str], region: str) -> Settings:
    """The settings as the function will read them; what is wrong is told before anything starts."""
    try:
        return read_settings({**environment, "TENCENTCLOUD_REGION": region})
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def own_cloud(*, notify: bool) -> Iterator[Cloud]:
    """Start it, and stop all of it at the end; with `notify`, uploads wake the function."""
    # Its HTTP server would slow every --help.
    from liveness_sandbox import CosTrigger, DeployOptions, Sandbox

    code = function_code()
    environment = function_environment(BUCKET)
    settings = function_settings(environment, REGION)
    with interruptible(), Sandbox(region=REGION) as sandbox:
        bucket = sandbox.create_bucket(BUCKET)
        function = sandbox.deploy(
            FUNCTION,
            code,
            DeployOptions(
                environment=environment,
                triggers=[CosTrigger(bucket, prefix=settings.input_prefix)] if notify else [],
                retries=0,  # somebody waits, and the next try is a minute away
            ),
        )
        yield Cloud(sandbox, bucket, function, settings)
