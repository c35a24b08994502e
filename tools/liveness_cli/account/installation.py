"""The part of the account that the environment names, with the operator's variables."""

from __future__ import annotations

from typing import NamedTuple

from liveness.cloud.credentials import read_credentials
from liveness.settings import Settings
from liveness.store import ObjectStore

from ..environment import Target, load_target
from .api import Api
from .buckets import Buckets
from .function import DeployedFunction

# A function runs for at most 900 seconds (583/11637).
_INVOCATION_SECONDS = 930


class Installation(NamedTuple):
    """An installation, and the means to access its parts."""

    settings: Settings
    function_name: str
    function: DeployedFunction
    cam: Api
    buckets: Buckets
    store: ObjectStore


def load_installation(function_name: str) -> Installation:
    """Read the environment, without making a request. Raises InvalidUsage."""
    return installation_of(load_target(), function_name)


def installation_of(target: Target, function_name: str) -> Installation:
    """Make the means to access the installation that a target names."""
    settings, credentials = target.settings, read_credentials(target.environ)
    return Installation(
        settings,
        function_name,
        deployed_function(target, function_name),
        Api("cam", settings.region, settings.endpoint_scheme, credentials),
        Buckets(settings, credentials),
        target.clients.store,
    )


def deployed_function(target: Target, name: str) -> DeployedFunction:
    """Name the function that a command is about, without making a request."""
    settings, credentials = target.settings, read_credentials(target.environ)
    endpoint = ("scf", settings.region, settings.endpoint_scheme, credentials)
    return DeployedFunction(Api(*endpoint), name, Api(*endpoint, _INVOCATION_SECONDS))
