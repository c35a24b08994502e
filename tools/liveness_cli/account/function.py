"""The deployed function, as SCF tells of it (API 3.0, product scf, version 2018-04-16)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from .api import Api
from .errors import Refused, understanding

# As serverless.yml has them.
DEFAULT_FUNCTION = "liveness"
NAMESPACE = "default"
_PAGE = 100


class Deployed(NamedTuple):
    """What was deployed; memory in MB, time in seconds."""

    status: str
    role: str
    memory_mb: int
    timeout_seconds: int
    is_async: bool
    environment: Mapping[str, str]


class Trigger(NamedTuple):
    """What wakes the function. Of a COS trigger: bucket's full name, event, prefix, suffix; of a
    timer: cron expression and message."""

    kind: str
    name: str
    is_open: bool
    qualifier: str
    bucket: str = ""
    event: str = ""
    prefix: str = ""
    suffix: str = ""
    cron: str = ""
    message: str = ""


class Retrying(NamedTuple):
    """Of events: tries after the first one that failed, and how old one may grow, in seconds."""

    retries: int
    age_seconds: int


class FunctionInAccount:
    """All raise Refused and Unreachable."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._named = {"FunctionName": name, "Namespace": NAMESPACE}

    def deployed(self) -> Deployed | None:
        """None where there is no such function."""
        try:
            reply = self._api("GetFunction", **self._named, ShowCode="FALSE")
        except Refused as error:
            if error.code.startswith("ResourceNotFound.Function"):
                return None
            raise
        with understanding("GetFunction"):
            variables = (reply.get("Environment") or {}).get("Variables") or []
            return Deployed(
                status=str(reply["Status"]),
                role=str(reply.get("Role") or ""),
                memory_mb=int(reply["MemorySize"]),
                timeout_seconds=int(reply["Timeout"]),
                is_async=reply.get("AsyncRunEnable") == "TRUE",
                environment={str(each["Key"]): str(each["Value"]) for each in variables},
            )

    def triggers(self) -> list[Trigger]:
        found: list[Trigger] = []
        while True:
            reply = self._api("ListTriggers", **self._named, Limit=_PAGE, Offset=len(found))
            with understanding("ListTriggers"):
                page = [_trigger(each) for each in reply.get("Triggers") or []]
                found += page
                if not page or len(found) >= int(reply["TotalCount"]):
                    return found

    def reserved_mb(self) -> int | None:
        """None where nothing is reserved: the function shares the account's quota."""
        reply = self._api("GetReservedConcurrencyConfig", **self._named)
        with understanding("GetReservedConcurrencyConfig"):
            reserved = reply.get("ReservedMem")
            return None if reserved is None else int(reserved)

    def reserve(self, memory_mb: int | None) -> None:
        """A hard limit for all instances together; 0 stops the function, None takes it away."""
        if memory_mb is None:
            self._api("DeleteReservedConcurrencyConfig", **self._named)
        else:
            self._api(
                "PutReservedConcurrencyConfig", **self._named, ReservedConcurrencyMem=memory_mb
            )

    def retrying(self) -> Retrying:
        reply = self._api("GetFunctionEventInvokeConfig", **self._named)
        with understanding("GetFunctionEventInvokeConfig"):
            config = reply["AsyncTriggerConfig"]
            # The first is for errors of the function, the second for those of the platform.
            return Retrying(int(config["RetryConfig"][0]["RetryNum"]), int(config["MsgTTL"]))

    def retry(self, retrying: Retrying) -> None:
        config = {
            "MsgTTL": retrying.age_seconds,
            "RetryConfig": [{"RetryNum": retrying.retries}],
        }
        self._api("UpdateFunctionEventInvokeConfig", **self._named, AsyncTriggerConfig=config)


def _trigger(told: Mapping[str, Any]) -> Trigger:
    """What is told differs from what CreateTrigger was given: Enable is 1 or 0, not OPEN or CLOSE,
    and a timer's description is `{"cron": "..."}`."""
    kind, name = str(told["Type"]), str(told["TriggerName"])
    is_open = told["Enable"] in (1, "OPEN") and told.get("AvailableStatus") in (None, "Available")
    trigger = Trigger(kind, name, is_open, str(told.get("Qualifier") or ""))
    description = str(told.get("TriggerDesc") or "{}")
    if kind == "timer":
        is_json = description.startswith("{")
        cron = json.loads(description).get("cron", "") if is_json else description
        return trigger._replace(cron=str(cron), message=str(told.get("CustomArgument") or ""))
    if kind != "cos":
        return trigger
    fields = json.loads(description)
    filter_ = fields.get("filter") or {}
    host = str(fields.get("bucketUrl") or name)
    return trigger._replace(
        bucket=host.partition(".cos.")[0],
        event=str(fields["event"]),
        prefix=str(filter_.get("Prefix") or ""),
        suffix=str(filter_.get("Suffix") or ""),
    )
