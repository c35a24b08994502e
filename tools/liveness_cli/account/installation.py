"""What the environment names in the account, by the same variables as for the operator."""

from __future__ import annotations

from typing import NamedTuple

from liveness.cloud.credentials import read_credentials
from liveness.settings import Settings
from liveness.store import ObjectStore

from ..environment import load_target
from .api import Api
from .buckets import Buckets
from .function import DeployedFunction


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
    target = load_target()
    settings, credentials = target.settings, read_credentials(target.environ)

    def api(product: str) -> Api:
        return Api(product, settings.region, settings.endpoint_scheme, credentials)

    return Installation(
        settings,
        function_name,
        DeployedFunction(api("scf"), function_name),
        api("cam"),
        Buckets(settings, credentials),
        target.clients.store,
    )
