"""Functions, triggers and invocations in the format of the API."""

from __future__ import annotations

import json
import math
from typing import Any

from ..hosts import bucket_host
from ..runtime.environment import NAMESPACE, VERSION
from ..runtime.function import Function
from ..runtime.invocation import Invocation
from ..runtime.triggers import CosTrigger, TimerTrigger, Trigger

# Of the log, InvokeFunction returns the end only.
_TAIL_BYTES = 4096
# The sandbox does not record when a function is changed.
_SOME_TIME = "2026-01-01 00:00:00"


def describe_function(function: Function, region: str) -> dict[str, Any]:
    """Return the part of GetFunction that the sandbox implements, which excludes the code."""
    options = function.deployment.options
    variables = [{"Key": key, "Value": text} for key, text in options.environment.items()]
    return {
        "FunctionName": function.name,
        "Namespace": NAMESPACE,
        "FunctionVersion": VERSION,
        "Qualifier": VERSION,
        "Type": "Event",
        "Description": "",
        "Handler": options.handler,
        "Runtime": "Python3.10",
        "MemorySize": options.memory_mb,
        "Timeout": int(options.timeout_seconds),
        "InitTimeout": 65,
        "Environment": {"Variables": variables},
        "Role": options.role or "",
        "Status": "Active",
        "StatusDesc": "",
        "StatusReasons": [],
        "AvailableStatus": "Available",
        "AsyncRunEnable": "FALSE",
        "TraceEnable": "FALSE",
        "AddTime": _SOME_TIME,
        "ModTime": _SOME_TIME,
        "Triggers": [describe_trigger(trigger, region) for trigger in function.triggers],
    }


def describe_invocation(invocation: Invocation, with_log: bool) -> dict[str, Any]:
    """Describe an invocation as InvokeFunction does: what it returned or raised is JSON."""
    failure = invocation.error
    returned = invocation.result
    if failure is not None:
        returned = {
            "errorCode": -1,
            "errorMessage": failure["errorMessage"],
            "requestId": invocation.request_id,
            "stackTrace": "",
            "statusCode": int(invocation.status),
        }
    log = "".join(f"{line}\n" for line in invocation.logs).encode() if with_log else b""
    milliseconds = invocation.duration_seconds * 1000
    return {
        "FunctionRequestId": invocation.request_id,
        "RetMsg": json.dumps(returned, ensure_ascii=False),
        "ErrMsg": "" if failure is None else failure["errorMessage"],
        "InvokeResult": 0 if failure is None else -1,
        "Log": log[-_TAIL_BYTES:].decode("utf-8", "replace"),
        "Duration": round(milliseconds, 3),
        "BillDuration": math.ceil(milliseconds),
        "MemUsage": invocation.max_rss_kb * 1024,
    }


def describe_trigger(trigger: Trigger, region: str) -> dict[str, Any]:
    """Describe a trigger as ListTriggers does, which is not how CreateTrigger takes it.

    CreateTrigger takes OPEN or CLOSE and a bare cron expression; here they are 1 or 0, and JSON, as
    the vendor's own deployment tool expects.
    """
    kind, name, description, argument = _fields_of(trigger, region)
    return {
        "TriggerName": name,
        "Type": kind,
        "TriggerDesc": json.dumps(description, separators=(",", ":")),
        "Enable": int(trigger.enabled),
        "Qualifier": trigger.qualifier,
        "AvailableStatus": "Available",
        "BindStatus": "on" if trigger.enabled else "off",
        "CustomArgument": argument,
        "ResourceId": "",
        "TriggerAttribute": "single",
        "AddTime": _SOME_TIME,
        "ModTime": _SOME_TIME,
    }


def _fields_of(trigger: Trigger, region: str) -> tuple[str, str, dict[str, Any], str | None]:
    if isinstance(trigger, TimerTrigger):
        return "timer", trigger.name, {"cron": trigger.cron or ""}, trigger.message
    return "cos", *_of_cos(trigger, region), None


def _of_cos(trigger: CosTrigger, region: str) -> tuple[str, dict[str, Any]]:
    name = bucket_host(trigger.bucket_name, region)
    description = {
        "bucketUrl": name,
        # The API takes one event per trigger.
        "event": trigger.events[0],
        "filter": {"Prefix": trigger.prefix, "Suffix": trigger.suffix},
    }
    return name, description
