"""Functions, triggers and invocations in the format of the API."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import timedelta
from typing import Any

from ..api.errors import ApiError
from ..hosts import bucket_host
from ..runtime.aliases import LATEST
from ..runtime.environment import NAMESPACE
from ..runtime.function import Function
from ..runtime.invocation import Invocation
from ..runtime.quota import RegionQuota
from ..runtime.triggers import CosTrigger, TimerTrigger, Trigger
from ..runtime.versions import Revision
from .lookup import shown_time

# Of the log, InvokeFunction returns the end only.
_TAIL_BYTES = 4096
# Triggers that were not made through the API do not have a time.
_SOME_TIME = "2026-01-01 00:00:00"


def describe_function(function: Function, qualifier: str, region: str) -> dict[str, Any]:
    """Return what GetFunction returns of a version or an alias, without the code."""
    alias = function.versions.alias(qualifier)
    revision = function.versions.described(qualifier if alias is None else alias.version)
    if revision is None:
        raise ApiError("ResourceNotFound.FunctionVersion", "The version does not exist.")
    options = revision.deployment.options
    logset, topic = options.log_topic
    variables = [{"Key": key, "Value": text} for key, text in options.environment.items()]
    # Triggers belong to a version or an alias; $LATEST shows all of them.
    triggers = [
        trigger for trigger in function.triggers if qualifier in (LATEST, trigger.qualifier)
    ]
    return {
        "FunctionName": function.name,
        "FunctionId": _id(function),
        "Namespace": NAMESPACE,
        "FunctionVersion": revision.version,
        "Qualifier": qualifier,
        "Type": "Event",
        "Description": options.description,
        "Handler": options.handler,
        "Runtime": options.runtime,
        "CodeSize": revision.deployment.code_bytes,
        "CodeInfo": "",
        "CodeResult": "success",
        "CodeError": "",
        "ErrNo": 0,
        "MemorySize": options.memory_mb,
        "Timeout": int(options.timeout_seconds),
        "InitTimeout": options.init_timeout_seconds,
        "Environment": {"Variables": variables},
        "Role": options.role or "",
        "ClsLogsetId": logset,
        "ClsTopicId": topic,
        "Tags": [{"Key": key, "Value": text} for key, text in function.tags.items()],
        "Layers": [],
        **_status(function, revision),
        "AvailableStatus": "Available",
        "UseGpu": "FALSE",
        "InstallDependency": "FALSE",
        "AsyncRunEnable": "FALSE",
        "TraceEnable": "FALSE",
        "AddTime": shown_time(revision.added),
        "ModTime": shown_time(revision.modified),
        "Triggers": [describe_trigger(trigger, region) for trigger in triggers],
    }


def summarize_function(function: Function, quota: RegionQuota) -> dict[str, Any]:
    """Return what ListFunctions returns of a function."""
    revision = function.versions.described(LATEST)
    assert revision is not None, "there is always a $LATEST"
    options = revision.deployment.options
    return {
        "FunctionName": function.name,
        "FunctionId": _id(function),
        "Namespace": NAMESPACE,
        "Type": "Event",
        "Description": options.description,
        "Runtime": options.runtime,
        "Tags": [{"Key": key, "Value": text} for key, text in function.tags.items()],
        **_status(function, revision),
        "ReservedConcurrencyMem": quota.reserved_mb(function.memory_quota),
        "AsyncRunEnable": "FALSE",
        "TraceEnable": "FALSE",
        "AddTime": shown_time(revision.added),
        "ModTime": shown_time(revision.modified),
    }


def _status(function: Function, revision: Revision) -> dict[str, Any]:
    status, reason = function.versions.status(revision.version)
    reasons = [{"ErrorCode": "InvalidParameterValue.Handler", "ErrorMessage": reason}]
    return {
        "Status": status,
        "StatusDesc": reason,
        "StatusReasons": reasons if reason else [],
    }


def _id(function: Function) -> str:
    digest = hashlib.sha256(function.name.encode()).hexdigest()
    return f"lam-{digest[:8]}"


def describe_request(name: str, invocation: Invocation, retry: int) -> dict[str, Any]:
    """Return what GetRequestStatus returns of one finished try."""
    failure, seconds = invocation.error, invocation.duration_seconds
    assert invocation.finished is not None, "only finished tries are listed"
    returned = invocation.result if failure is None else failure["errorMessage"]
    return {
        "FunctionName": name,
        "RequestId": invocation.request_id,
        "RetMsg": json.dumps(returned, ensure_ascii=False),
        "RetCode": 0 if failure is None else -1,
        "StartTime": shown_time(invocation.finished - timedelta(seconds=seconds)),
        "Duration": round(seconds * 1000, 3),
        "MemUsage": round(invocation.max_rss_kb / 1024, 3),
        "RetryNum": retry,
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
        "Description": trigger.description,
        "AddTime": _SOME_TIME if trigger.changed is None else shown_time(trigger.changed),
        "ModTime": _SOME_TIME if trigger.changed is None else shown_time(trigger.changed),
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
