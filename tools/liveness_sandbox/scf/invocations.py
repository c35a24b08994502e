"""Invocations through the API, and their outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..api.errors import ApiError
from ..api.service import Action, Params
from ..credentials import Principal
from ..runtime.aliases import DEFAULT, LATEST
from ..runtime.function import Function
from .descriptions import describe_invocation, describe_request
from .lookup import Lookup
from .versions import require_qualifier


class InvocationActions:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def actions(self) -> Mapping[str, Action]:
        resource = self._lookup.resource
        name = ("FunctionName",)
        return {
            "Invoke": Action(self._invoke, name, resource, is_slow=True),
            "InvokeFunction": Action(self._invoke_function, name, resource, is_slow=True),
            "GetRequestStatus": Action(
                self._get_request_status, (*name, "FunctionRequestId"), resource
            ),
        }

    def _invoke(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        kind = params.get("InvocationType", "RequestResponse")
        if kind not in ("RequestResponse", "Event"):
            raise ApiError(
                "InvalidParameterValue.InvokeType", "InvocationType: RequestResponse or Event."
            )
        qualifier = params.get("Qualifier", LATEST)
        text = params.get("ClientContext", "{}")
        function = self._ready(params, qualifier)
        event = _event(text, "InvalidParameterValue.ClientContext")
        if kind == "RequestResponse":
            return _synchronous(function, event, qualifier, params)
        try:
            request_id = function.queue(event, qualifier=qualifier)
        except ValueError as error:  # it is too large
            raise ApiError("InvalidParameter.Payload", f"{error}.") from None
        # An asynchronous invocation has no result yet.
        nothing = {"RetMsg": "", "ErrMsg": "", "Log": "", "InvokeResult": 0}
        usage = {"Duration": 0, "BillDuration": 0, "MemUsage": 0}
        return {"Result": {"FunctionRequestId": request_id, **nothing, **usage}}

    def _invoke_function(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        """Invoke the function synchronously (583/58400)."""
        qualifier = params.get("Qualifier", DEFAULT)
        function = self._ready(params, qualifier)
        event = _event(params.get("Event", "{}"), "InvalidParameterValue.Param")
        return _synchronous(function, event, qualifier, params)

    def _get_request_status(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        if "StartTime" in params or "EndTime" in params:
            raise ApiError("UnsupportedOperation", "The sandbox does not implement a time range.")
        function = self._lookup.function(params)
        requested = params["FunctionRequestId"]
        tries = [each for each in function.invocations if each.request_id == requested]
        rows = [describe_request(function.name, each, i) for i, each in enumerate(tries)]
        return {"TotalCount": len(rows), "Data": rows}

    def _ready(self, params: Params, qualifier: str) -> Function:
        if "RoutingKey" in params:
            raise ApiError(
                "UnsupportedOperation", "The sandbox does not implement routing by rules."
            )
        if params.get("LogType", "None") not in ("None", "Tail"):
            raise ApiError("InvalidParameterValue.LogType", "LogType must be None or Tail.")
        function = self._lookup.function(params)
        require_qualifier(function, qualifier)
        status, reason = function.versions.status()
        if status in ("Creating", "CreateFailed"):
            raise ApiError(
                "FailedOperation.FunctionStatusError",
                f"The function is in status {status}. {reason}".rstrip(),
            )
        return function


def _event(text: str, code: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError(code, "The event must be JSON.") from None


def _synchronous(
    function: Function, event: Any, qualifier: str, params: Params
) -> Mapping[str, Any]:
    try:
        invocation = function.invoke(event, qualifier)
    except ValueError as error:  # it is too large
        raise ApiError("InvalidParameterValue.Param", f"{error}.") from None
    return {"Result": describe_invocation(invocation, params.get("LogType") == "Tail")}
