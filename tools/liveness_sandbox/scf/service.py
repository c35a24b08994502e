"""The part of SCF's API that describes, limits and invokes functions (API 3.0, version 2018-04-16).

The runtime follows the settings that are made here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..account import UIN
from ..api.errors import ApiError
from ..api.service import Action, ActionService, Params
from ..credentials import KeyRing, Principal
from ..runtime.environment import NAMESPACE, VERSION
from ..runtime.function import Function
from ..runtime.quota import RegionQuota, ReservationTooLarge
from ..runtime.retries import MAX_EVENT_AGE_SECONDS, MAX_RETRIES, MIN_EVENT_AGE_SECONDS, RetryRules
from ..runtime.triggers import DEFAULT_QUALIFIER
from .descriptions import describe_function, describe_invocation, describe_trigger

SERVICE = "scf"
API_VERSION = "2018-04-16"
_QUALIFIERS = (VERSION, DEFAULT_QUALIFIER)
_DEFAULT_LIMIT = 20
_MAX_LIMIT = 100
_FUNCTION = {"FunctionName": str}
_NAMESPACE = {"Namespace": str}


class ScfService(ActionService):
    def __init__(
        self,
        find: Callable[[str], Function | None],
        quota: RegionQuota,
        region: str,
        keys: KeyRing,
    ) -> None:
        self._find = find
        self._quota = quota
        self._region = region
        version = {**_NAMESPACE, "Qualifier": str}
        actions = {
            "GetFunction": self._action(
                self._get_function, _FUNCTION, {**version, "ShowCode": str}
            ),
            "ListTriggers": self._action(
                self._list_triggers,
                _FUNCTION,
                {
                    **_NAMESPACE,
                    "Offset": int,
                    "Limit": int,
                    "OrderBy": str,
                    "Order": str,
                    "Filters": list,
                },
            ),
            "GetReservedConcurrencyConfig": self._action(self._get_reserved, _FUNCTION, _NAMESPACE),
            "PutReservedConcurrencyConfig": self._action(
                self._put_reserved, {**_FUNCTION, "ReservedConcurrencyMem": int}, _NAMESPACE
            ),
            "DeleteReservedConcurrencyConfig": self._action(
                self._delete_reserved, _FUNCTION, _NAMESPACE
            ),
            "GetFunctionEventInvokeConfig": self._action(
                self._get_invoke_config, _FUNCTION, version
            ),
            "UpdateFunctionEventInvokeConfig": self._action(
                self._update_invoke_config, {**_FUNCTION, "AsyncTriggerConfig": dict}, _NAMESPACE
            ),
            "InvokeFunction": replace(
                self._action(self._invoke, _FUNCTION, {**version, "Event": str, "LogType": str}),
                is_slow=True,
            ),
        }
        super().__init__(SERVICE, API_VERSION, actions, keys, (region,))

    def _action(
        self,
        run: Callable[[Params, Principal], Mapping[str, Any]],
        required: Mapping[str, type],
        optional: Mapping[str, type],
    ) -> Action:
        return Action(run, required, optional, self._resource)

    def _resource(self, params: Params) -> str:
        namespace, name = params.get("Namespace", NAMESPACE), params.get("FunctionName", "")
        return f"qcs::scf:{self._region}:uin/{UIN}:namespace/{namespace}/function/{name}"

    def _get_function(self, params: Params, caller: Principal) -> dict[str, Any]:
        return describe_function(self._function(params), self._region)

    def _list_triggers(self, params: Params, caller: Principal) -> dict[str, Any]:
        offset, limit = params.get("Offset", 0), params.get("Limit", _DEFAULT_LIMIT)
        if offset < 0 or not 0 <= limit <= _MAX_LIMIT:
            raise ApiError(
                "InvalidParameterValue", f"Offset must be at least 0, Limit from 0 to {_MAX_LIMIT}."
            )
        triggers = self._function(params).triggers
        if params.get("Filters"):
            raise ApiError(
                "InvalidParameterValue.Filters", "The sandbox does not implement filters."
            )
        shown = triggers[offset : offset + limit]
        return {
            "TotalCount": len(triggers),
            "Triggers": [describe_trigger(trigger, self._region) for trigger in shown],
        }

    def _get_reserved(self, params: Params, caller: Principal) -> dict[str, Any]:
        """Return the reservation, which is null if nothing is reserved."""
        return {"ReservedMem": self._quota.reserved_mb(self._function(params).memory_quota)}

    def _put_reserved(self, params: Params, caller: Principal) -> dict[str, Any]:
        return self._reserve(params, params["ReservedConcurrencyMem"])

    def _delete_reserved(self, params: Params, caller: Principal) -> dict[str, Any]:
        return self._reserve(params, None)

    def _reserve(self, params: Params, reserved_mb: int | None) -> dict[str, Any]:
        function = self._function(params)
        try:
            quota = self._quota.reallocate(function.memory_quota, reserved_mb)
            function.memory_quota = quota
        except ReservationTooLarge as error:
            raise ApiError("LimitExceeded.FunctionReservedConcurrencyMemory", str(error)) from None
        return {}

    def _get_invoke_config(self, params: Params, caller: Principal) -> dict[str, Any]:
        rules = self._function(params).rules
        return {
            "AsyncTriggerConfig": {
                "MsgTTL": int(rules.max_event_age_seconds),
                # For errors of the function; for those of the platform, unlimited (583/39921).
                "RetryConfig": [{"RetryNum": rules.retries}, {"RetryNum": -1}],
            }
        }

    def _update_invoke_config(self, params: Params, caller: Principal) -> dict[str, Any]:
        function = self._function(params)
        function.rules = _rules(params["AsyncTriggerConfig"])
        return {}

    def _invoke(self, params: Params, caller: Principal) -> dict[str, Any]:
        """Invoke the function synchronously (583/58400)."""
        function = self._function(params)
        if params.get("LogType", "None") not in ("None", "Tail"):
            raise ApiError("InvalidParameterValue.LogType", "LogType must be None or Tail.")
        try:
            event = json.loads(params.get("Event", "{}"))
        except ValueError:
            raise ApiError("InvalidParameterValue.Param", "Event must be JSON.") from None
        try:
            invocation = function.invoke(event)
        except ValueError as error:  # it is too large
            raise ApiError("InvalidParameterValue.Param", str(error)) from None
        return {"Result": describe_invocation(invocation, params.get("LogType") == "Tail")}

    def _function(self, params: Params) -> Function:
        namespace = params.get("Namespace", NAMESPACE)
        if namespace != NAMESPACE:
            raise ApiError(
                "ResourceNotFound.Namespace", f"The namespace {namespace} does not exist."
            )
        if params.get("Qualifier", VERSION) not in _QUALIFIERS:
            raise ApiError("ResourceNotFound.FunctionVersion", "The version does not exist.")
        function = self._find(params["FunctionName"])
        if function is None:
            raise ApiError("ResourceNotFound.Function", "The function does not exist.")
        return function


def _rules(config: Any) -> RetryRules:
    """Parse the rules. The document requires both fields."""
    try:
        age, retries = config["MsgTTL"], config["RetryConfig"][0]["RetryNum"]
    except (KeyError, IndexError, TypeError):
        raise _malformed("MsgTTL and RetryConfig.0.RetryNum are required.") from None
    if type(age) is not int or type(retries) is not int:
        raise _malformed("MsgTTL and RetryNum must be integers.")
    if not 0 <= retries <= MAX_RETRIES:
        raise ApiError("LimitExceeded.RetryNum", f"RetryNum must be from 0 to {MAX_RETRIES}.")
    if not MIN_EVENT_AGE_SECONDS <= age <= MAX_EVENT_AGE_SECONDS:
        raise ApiError(
            "LimitExceeded.MsgTTL",
            f"MsgTTL must be from {MIN_EVENT_AGE_SECONDS} to {MAX_EVENT_AGE_SECONDS}.",
        )
    return RetryRules(retries, age)


def _malformed(message: str) -> ApiError:
    return ApiError("InvalidParameterValue.AsyncTriggerConfig", message)
