"""Settings of a function outside its configuration: its quota, and how events are retried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api.errors import ApiError
from ..api.service import Action, Params, everything
from ..credentials import Principal
from ..runtime.platform import Platform
from ..runtime.quota import ReservationTooLarge
from ..runtime.retries import MAX_EVENT_AGE_SECONDS, MAX_RETRIES, MIN_EVENT_AGE_SECONDS, RetryRules
from .functions import MAX_FUNCTIONS
from .lookup import Lookup
from .triggers import MAX_TRIGGERS
from .versions import require_qualifier


class SettingActions:
    def __init__(self, platform: Platform, lookup: Lookup) -> None:
        self._quota = platform.quota
        self._platform = platform
        self._lookup = lookup

    def actions(self) -> Mapping[str, Action]:
        resource = self._lookup.resource
        name = ("FunctionName",)
        return {
            "GetReservedConcurrencyConfig": Action(self._get_reserved, name, resource),
            "PutReservedConcurrencyConfig": Action(
                self._put_reserved, (*name, "ReservedConcurrencyMem"), resource
            ),
            "DeleteReservedConcurrencyConfig": Action(self._delete_reserved, name, resource),
            "GetFunctionEventInvokeConfig": Action(self._get_invoke_config, name, resource),
            "UpdateFunctionEventInvokeConfig": Action(
                self._update_invoke_config, (*name, "AsyncTriggerConfig"), resource
            ),
            "GetAccount": Action(self._get_account, (), everything),
        }

    def _get_reserved(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        """Return the reservation, which is null if nothing is reserved."""
        return {"ReservedMem": self._quota.reserved_mb(self._lookup.function(params).memory_quota)}

    def _put_reserved(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        return self._reserve(params, params["ReservedConcurrencyMem"])

    def _delete_reserved(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        return self._reserve(params, None)

    def _reserve(self, params: Params, reserved_mb: int | None) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        try:
            function.memory_quota = self._quota.reallocate(function.memory_quota, reserved_mb)
        except ReservationTooLarge as error:
            raise ApiError("LimitExceeded.FunctionReservedConcurrencyMemory", str(error)) from None
        return {}

    def _get_invoke_config(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        if "Qualifier" in params:
            require_qualifier(function, params["Qualifier"])
        rules = function.rules
        return {
            "AsyncTriggerConfig": {
                "MsgTTL": int(rules.max_event_age_seconds),
                # For errors of the function; for those of the platform, unlimited (583/39921).
                "RetryConfig": [{"RetryNum": rules.retries}, {"RetryNum": -1}],
            }
        }

    def _update_invoke_config(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.function(params)
        function.rules = _rules(params["AsyncTriggerConfig"])
        return {}

    def _get_account(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        names = [function.name for function in self._platform.functions]
        total, used = self._quota.total_mb, self._quota.total_reserved_mb
        usage = {
            "Functions": names,
            "Namespace": "default",
            "FunctionsCount": len(names),
            "TotalConcurrencyMem": total,
            "TotalAllocatedConcurrencyMem": used,
            "TotalAllocatedProvisionedMem": 0,
        }
        limit = {
            "FunctionsCount": MAX_FUNCTIONS,
            "Trigger": {"Cos": MAX_TRIGGERS["cos"], "Timer": MAX_TRIGGERS["timer"], "Total": 100},
            "Namespace": "default",
            "TimeoutLimit": 900,
            "InitTimeoutLimit": 300,
            "RetryNumLimit": MAX_RETRIES,
            "MinMsgTTL": MIN_EVENT_AGE_SECONDS,
            "MaxMsgTTL": MAX_EVENT_AGE_SECONDS,
        }
        return {
            "AccountUsage": {
                "NamespacesCount": 1,
                "Namespace": [usage],
                "TotalConcurrencyMem": total,
                "TotalAllocatedConcurrencyMem": used,
                "UserConcurrencyMemLimit": total,
            },
            "AccountLimit": {"NamespacesCount": 5, "Namespace": [limit]},
        }


def _rules(config: Any) -> RetryRules:
    """Parse the rules. The document requires both fields."""
    try:
        age, retries = config["MsgTTL"], config["RetryConfig"][0]["RetryNum"]
    except (KeyError, IndexError):
        raise ApiError(
            "InvalidParameterValue.AsyncTriggerConfig",
            "MsgTTL and RetryConfig.0.RetryNum are required.",
        ) from None
    if not 0 <= retries <= MAX_RETRIES:
        raise ApiError("LimitExceeded.RetryNum", f"RetryNum must be from 0 to {MAX_RETRIES}.")
    if not MIN_EVENT_AGE_SECONDS <= age <= MAX_EVENT_AGE_SECONDS:
        raise ApiError(
            "LimitExceeded.MsgTTL",
            f"MsgTTL must be from {MIN_EVENT_AGE_SECONDS} to {MAX_EVENT_AGE_SECONDS}.",
        )
    return RetryRules(retries, age)
