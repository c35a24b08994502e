"""The function in an emulated cloud that exists for the duration of one command."""

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
from .permissions import policies
from .sandbox_identities import identities_for

if TYPE_CHECKING:
    from liveness_sandbox import Bucket, Function, Sandbox

# The names in the sample events.
BUCKET = "faces-1250000000"
REGION = "ap-singapore"
FUNCTION = "liveness"

# The same as in serverless.yml; each name is also the timer's message.
TIMERS = {"drain": "0 * * * * * *", "reconcile": "0 17 * * * * *"}

# Not taken from the environment: the sandbox has one bucket and does not support TLS.
_BUCKET_VARIABLES = ("LIVENESS_BUCKET", "LIVENESS_RESULT_BUCKET", "LIVENESS_LEDGER_BUCKET")
_SCHEME_VARIABLE = "LIVENESS_ENDPOINT_SCHEME"


class LocalCloud(NamedTuple):
    """A running sandbox, its bucket, and the function that is deployed in it."""

    sandbox: Sandbox
    bucket: Bucket
    function: Function
    settings: Settings


def function_environment(bucket: str) -> dict[str, str]:
    """Return the settings of our own environment that make sense in a sandbox."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("LIVENESS_") and name not in (*_BUCKET_VARIABLES, _SCHEME_VARIABLE)
    }
    return {**inherited, "LIVENESS_BUCKET": bucket, _SCHEME_VARIABLE: "http"}


def function_settings(environment: dict[str, str], region: str) -> Settings:
    """Read the settings as the function will, to report problems before anything starts."""
    try:
        return read_settings(
            {**environment, "TENCENTCLOUD_REGION": region, "http_proxy": "http://127.0.0.1"}
        )
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def local_cloud(*, notify: bool) -> Iterator[LocalCloud]:
    """Start a sandbox with the function, and stop it at the end.

    With `notify`, uploads trigger the function.
    """
    # Its HTTP server would slow every --help.
    from liveness_sandbox import CosTrigger, DeployOptions, Sandbox

    code = function_code()
    environment = function_environment(BUCKET)
    settings = function_settings(environment, REGION)
    with interruptible(), Sandbox(region=REGION) as sandbox:
        bucket = sandbox.create_bucket(BUCKET)
        sandbox.put_identities(identities_for(settings)[0])
        function = sandbox.deploy(
            FUNCTION,
            code,
            DeployOptions(
                environment=environment,
                triggers=[CosTrigger(bucket, prefix=settings.input_prefix)] if notify else [],
                role=policies.FUNCTION_ROLE,
                retries=0,  # the user is waiting, and a retry would come only after a minute
            ),
        )
        yield LocalCloud(sandbox, bucket, function, settings)
