"""Triggers: what sends events to a function (583/39901)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..api.errors import ApiError
from ..api.service import Action, Params
from ..clock import Clock
from ..cos.store import Store
from ..credentials import Principal
from ..hosts import CosHost, host_of
from ..runtime.aliases import LATEST
from ..runtime.function import Function
from ..runtime.platform import Platform
from ..runtime.triggers import CosTrigger, TimerTrigger, Trigger
from .descriptions import describe_trigger
from .lookup import Lookup, is_descending, page_of
from .versions import require_qualifier

MAX_TRIGGERS = {"cos": 10, "timer": 10}
"""Of one kind for one function (583/11637)."""
MAX_BUCKET_RULES = 10
_TIMER_NAME = re.compile(r"[\w-]{1,100}", re.ASCII)
_EVENT = re.compile(r"cos:Object(?:Created|Remove|Restore):(?:\*|[A-Za-z]+)")
_ORDERS = ("add_time", "mod_time")


class TriggerActions:
    def __init__(self, platform: Platform, lookup: Lookup, store: Store, clock: Clock) -> None:
        self._platform = platform
        self._lookup = lookup
        self._store = store
        self._clock = clock

    def actions(self) -> Mapping[str, Action]:
        resource = self._lookup.resource
        named = ("FunctionName", "TriggerName", "Type")
        return {
            "CreateTrigger": Action(self._create, named, resource),
            "DeleteTrigger": Action(self._delete, named, resource),
            "UpdateTriggerStatus": Action(self._update_status, ("Enable", *named), resource),
            "ListTriggers": Action(self._list, ("FunctionName",), resource),
        }

    def _create(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.active(params)
        trigger = self._new_trigger(params)
        require_qualifier(function, trigger.qualifier)
        kind = params["Type"]
        of_kind = [each for each in function.triggers if _kind(each) == kind]
        if any(_is_same(each, trigger) for each in of_kind):
            raise ApiError("ResourceInUse.Trigger", "There is already such a trigger.")
        if len(of_kind) >= MAX_TRIGGERS[kind]:
            raise ApiError(
                "LimitExceeded.Trigger", f"A function has at most {MAX_TRIGGERS[kind]} of a kind."
            )
        if isinstance(trigger, CosTrigger):
            self._require_no_conflict(trigger)
        function.put_trigger(trigger)
        return {"TriggerInfo": self._described(trigger)}

    def _delete(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.active(params)
        function.remove_trigger(self._existing(function, params))
        return {}

    def _update_status(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        function = self._lookup.active(params)
        trigger = self._existing(function, params)
        enabled = _is_open(params["Enable"])
        function.put_trigger(replace(trigger, enabled=enabled, changed=self._clock.now()))
        return {}

    def _list(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        shown = page_of(params)
        function = self._lookup.function(params)
        if params.get("Filters"):
            raise ApiError(
                "InvalidParameterValue.Filters", "The sandbox does not implement filters."
            )
        if params.get("OrderBy", "mod_time") not in _ORDERS:
            raise ApiError("InvalidParameterValue.OrderBy", f"OrderBy is one of {list(_ORDERS)}.")
        triggers = sorted(
            function.triggers,
            key=lambda each: 0.0 if each.changed is None else each.changed.timestamp(),
            reverse=is_descending(params),
        )
        return {
            "TotalCount": len(triggers),
            "Triggers": [self._described(trigger) for trigger in triggers[shown]],
        }

    def _described(self, trigger: Trigger) -> dict[str, Any]:
        return describe_trigger(trigger, self._platform.region)

    def _new_trigger(self, params: Params) -> Trigger:
        kind, name = params["Type"], params["TriggerName"]
        enabled = _is_open(params.get("Enable", "OPEN"))
        qualifier = params.get("Qualifier", LATEST)
        text, now = params.get("Description", ""), self._clock.now()
        description = params.get("TriggerDesc", "")
        if kind == "timer":
            if not _TIMER_NAME.fullmatch(name):
                raise ApiError(
                    "InvalidParameterValue.TriggerName",
                    "The name of a timer has up to 100 letters, digits, - and _.",
                )
            message = params.get("CustomArgument", "")
            try:
                return TimerTrigger(
                    name, message, _cron(description), enabled, qualifier, text, now
                )
            except ValueError as error:
                raise ApiError("InvalidParameterValue.TriggerDesc", f"{error}.") from None
        if kind == "cos":
            if "CustomArgument" in params:
                raise ApiError(
                    "InvalidParameterValue.CustomArgument", "Only timers have an argument."
                )
            event, prefix, suffix = _cos_rule(description)
            bucket = self._bucket(name)
            return CosTrigger(bucket, prefix, suffix, (event,), enabled, qualifier, text, now)
        raise ApiError(
            "InvalidParameterValue.Type", f"There is no trigger {kind}, or not in the sandbox."
        )

    def _bucket(self, name: str) -> str:
        host = host_of(name)
        if not isinstance(host, CosHost):
            raise ApiError(
                "InvalidParameterValue.TriggerName",
                "The name of a COS trigger is the bucket's domain: "
                "<name-appid>.cos.<region>.myqcloud.com.",
            )
        bucket = self._store.find(host.bucket)
        if bucket is None or bucket.region != host.region:
            raise ApiError("ResourceNotFound.Cos", f"There is no bucket {name}.")
        if bucket.region != self._platform.region:
            raise ApiError(
                "InvalidParameterValue.Cos", "The bucket must be in the function's region."
            )
        return host.bucket

    def _require_no_conflict(self, trigger: CosTrigger) -> None:
        """A bucket sends an event to one place only: its rules must not overlap (583/9707)."""
        rules = 0
        for function, other in self._cos_triggers():
            if other.bucket_name == trigger.bucket_name:
                rules += 1
                if _overlap(trigger, other):
                    raise ApiError(
                        "InvalidParameterValue.CosNotifyRuleConflict",
                        f"The rule overlaps with that of the function {function.name}: "
                        f"{other.events[0]}, prefix {other.prefix!r}, suffix {other.suffix!r}.",
                    )
        if rules >= MAX_BUCKET_RULES:
            raise ApiError(
                "LimitExceeded.Trigger", f"A bucket has at most {MAX_BUCKET_RULES} rules."
            )

    def _cos_triggers(self) -> Iterator[tuple[Function, CosTrigger]]:
        for function in self._platform.functions:
            for trigger in function.triggers:
                if isinstance(trigger, CosTrigger):
                    yield function, trigger

    def _existing(self, function: Function, params: Params) -> Trigger:
        """Find a trigger; a COS trigger also by the rule in TriggerDesc, which is required.

        Its filter may be missing, as in the example of the document.
        """
        kind, name = params["Type"], params["TriggerName"]
        qualifier = params.get("Qualifier", LATEST)
        if kind == "cos":
            description = params.get("TriggerDesc", "")
            event, prefix, suffix = _cos_rule(description)
            has_filter = "filter" in _json_object(description)
        for trigger in function.triggers:
            if trigger.qualifier != qualifier or _kind(trigger) != kind:
                continue
            if isinstance(trigger, TimerTrigger):
                if trigger.name == name:
                    return trigger
            elif (
                self._described(trigger)["TriggerName"] == name
                and trigger.events == (event,)
                and (not has_filter or (trigger.prefix, trigger.suffix) == (prefix, suffix))
            ):
                return trigger
        raise ApiError("ResourceNotFound.Trigger", "The trigger does not exist.")


def _kind(trigger: Trigger) -> str:
    return "cos" if isinstance(trigger, CosTrigger) else "timer"


def _is_same(one: Trigger, other: Trigger) -> bool:
    """Timers are identified by name alone, whatever their qualifier is."""
    if isinstance(one, TimerTrigger) and isinstance(other, TimerTrigger):
        return one.name == other.name
    return one.identity == other.identity


def _is_open(enable: str) -> bool:
    if enable not in ("OPEN", "CLOSE"):
        raise ApiError("InvalidParameterValue.Enable", "Enable must be OPEN or CLOSE.")
    return enable == "OPEN"


def _cron(description: str) -> str:
    """Return the expression, which may be bare, or in the JSON that ListTriggers returns."""
    if description.startswith("{"):
        return str(_json_object(description).get("cron", ""))
    return description


def _cos_rule(description: str) -> tuple[str, str, str]:
    rule = _json_object(description)
    filters = rule.get("filter", {})
    event = rule.get("event", "")
    if set(rule) - {"event", "filter", "bucketUrl"} or not isinstance(filters, dict):
        raise _malformed()
    prefix, suffix = filters.get("Prefix", ""), filters.get("Suffix", "")
    if not all(isinstance(each, str) for each in (event, prefix, suffix)):
        raise _malformed()
    if set(filters) - {"Prefix", "Suffix"} or not _EVENT.fullmatch(event):
        raise _malformed()
    return event, prefix, suffix


def _json_object(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _malformed()
    return document


def _malformed() -> ApiError:
    return ApiError(
        "InvalidParameterValue.TriggerDesc",
        'TriggerDesc must be like {"event": "cos:ObjectCreated:*", "filter": {"Prefix": "", '
        '"Suffix": ""}}.',
    )


def _overlap(one: CosTrigger, other: CosTrigger) -> bool:
    """Return whether one event can match both rules."""
    return (
        _one_begins_the_other(one.prefix, other.prefix)
        and _one_begins_the_other(one.suffix[::-1], other.suffix[::-1])
        and any(_events_meet(mine, theirs) for mine in one.events for theirs in other.events)
    )


def _one_begins_the_other(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _events_meet(one: str, other: str) -> bool:
    return _one_begins_the_other(one.removesuffix("*"), other.removesuffix("*"))
