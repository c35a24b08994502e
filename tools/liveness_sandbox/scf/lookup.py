"""What all groups of SCF's actions share: how they name and find a function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from ..account import UIN
from ..api.errors import ApiError
from ..runtime.environment import NAMESPACE
from ..runtime.function import Function
from ..runtime.platform import Platform
from ..runtime.versions import NotAtRest

Params = Mapping[str, Any]

# The API shows the time of China.
_ZONE = timezone(timedelta(hours=8))
_DEFAULT_ROWS = 20
_MAX_ROWS = 100


class Lookup:
    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def resource(self, params: Params) -> str:
        """Name the function of a request as policies do (583/47934)."""
        name = params.get("FunctionName") or "*"
        return f"{self._namespace(params)}/function/{name}"

    def _namespace(self, params: Params) -> str:
        namespace = params.get("Namespace") or NAMESPACE
        return f"qcs::scf:{self.platform.region}:uin/{UIN}:namespace/{namespace}"

    def function(self, params: Params) -> Function:
        """Return the function of a request. Raise ApiError if it does not exist."""
        require_namespace(params)
        function = self.platform.find(params["FunctionName"])
        if function is None:
            raise ApiError("ResourceNotFound.Function", "The function does not exist.")
        return function

    def active(self, params: Params, code: str = "FailedOperation.FunctionStatusError") -> Function:
        """Return the function of a request that needs it to be at rest [obs]."""
        function = self.function(params)
        with refusing_changes(code):
            function.versions.require_rest()
        return function


@contextmanager
def refusing_changes(code: str) -> Iterator[None]:
    """Report under this code that another change of the function is under way."""
    try:
        yield
    except NotAtRest as status:
        raise ApiError(
            code,
            f"The function is in status {status}, which does not allow this operation. "
            "Try again when the status is normal.",
        ) from None


def require_namespace(params: Params) -> None:
    namespace = params.get("Namespace", NAMESPACE)
    if namespace != NAMESPACE:
        raise ApiError("ResourceNotFound.Namespace", f"The namespace {namespace} does not exist.")


def page_of(params: Params) -> slice:
    """Return the rows of a list that a request asks for."""
    offset, limit = params.get("Offset", 0), params.get("Limit", _DEFAULT_ROWS)
    if offset < 0 or not 0 <= limit <= _MAX_ROWS:
        raise ApiError(
            "InvalidParameterValue", f"Offset must be at least 0, Limit from 0 to {_MAX_ROWS}."
        )
    return slice(offset, offset + limit)


def is_descending(params: Params, default: str = "DESC") -> bool:
    order = params.get("Order", default)
    if order not in ("ASC", "DESC"):
        raise ApiError("InvalidParameterValue.Order", "Order must be ASC or DESC.")
    return bool(order == "DESC")


def shown_time(moment: datetime) -> str:
    return moment.astimezone(_ZONE).strftime("%Y-%m-%d %H:%M:%S")
