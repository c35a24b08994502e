"""From the environment to the account: by the same names as the operator's other commands."""

from __future__ import annotations

from typing import NamedTuple

from liveness.credentials import read_credentials
from liveness.settings import Settings
from liveness.store import ObjectStore

from ..operator.reach import reach
from .api import Api
from .buckets import Buckets
from .function import FunctionInAccount


class Account(NamedTuple):
    """What the commands work with. Nothing was asked yet."""

    settings: Settings
    function_name: str
    function: FunctionInAccount
    cam: Api
    buckets: Buckets
    store: ObjectStore


def account(function_name: str) -> Account:
    """Raises NotReady with everything that is missing at once."""
    at = reach()
    settings, credentials = at.settings, read_credentials(at.environ)

    def api(product: str) -> Api:
        return Api(product, settings.region, settings.endpoint_scheme, credentials)

    return Account(
        settings,
        function_name,
        FunctionInAccount(api("scf"), function_name),
        api("cam"),
        Buckets(settings, credentials),
        at.remotes.store,
    )
