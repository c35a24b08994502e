"""Alarms, and the groups of channels that they notify. No alarm is evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..api.errors import ApiError
from ..api.service import Action, Params
from ..credentials import Principal
from .table import Row, Table, containing, equal, invalid, require_range
from .topics import Topics

_TYPES = ("Trigger", "Recovery", "All")
_RECEIVER_TYPES = ("Uin", "Group")
_CHANNELS = ("Email", "Sms", "WeChat", "Phone")
_CALLBACK_TYPES = ("Http", "WeCom", "DingTalk", "Lark")
_PERIODS = ("Period", "Fixed", "Cron")
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d")
_SIMPLE_MODE = ("Type", "NoticeReceivers", "WebCallbacks")
_MINUTES_OF_DAY = 1440
_MAX_TRIGGER_COUNT = 2000
_NOTICE_DEFAULTS: Mapping[str, Any] = {
    "Type": "",
    "NoticeReceivers": [],
    "WebCallbacks": [],
    "NoticeRules": [],
    "Tags": [],
    "JumpDomain": "",
    "DeliverStatus": 1,
    "AlarmShieldStatus": 2,
    "SecureDetailStatus": 1,
    "CallbackPrioritize": False,
}
_ALARM_DEFAULTS: Mapping[str, Any] = {
    "Condition": "",
    "AlarmLevel": 0,
    "MultiConditions": [],
    "Status": True,
    "MessageTemplate": "",
    "CallBack": None,
    "Analysis": [],
    "GroupTriggerStatus": False,
    "GroupTriggerCondition": [],
    "Tags": [],
    "MonitorObjectType": 0,
    "Classifications": [],
    "AlarmNoticeIds": [],
}
_NOT_PLAYED = ("Enable", "MonitorNotice", "DeliverConfig")


class AlarmActions:
    def __init__(self, topics: Topics, alarms: Table, notices: Table) -> None:
        self._topics = topics
        self._alarms = alarms
        self._notices = notices

    def actions(self) -> Mapping[str, Action]:
        alarm, notice = self._alarm, self._notice
        required = ("Name", "AlarmTargets", "MonitorTime", "TriggerCount", "AlarmPeriod")
        return {
            "CreateAlarmNotice": Action(self._create_notice, ("Name",), notice),
            "ModifyAlarmNotice": Action(self._modify_notice, ("AlarmNoticeId",), notice),
            "DescribeAlarmNotices": Action(self._describe_notices, (), notice),
            "DeleteAlarmNotice": Action(self._delete_notice, ("AlarmNoticeId",), notice),
            "CreateAlarm": Action(self._create_alarm, required, alarm),
            "ModifyAlarm": Action(self._modify_alarm, ("AlarmId",), alarm),
            "DescribeAlarms": Action(self._describe_alarms, (), alarm),
            "DeleteAlarm": Action(self._delete_alarm, ("AlarmId",), alarm),
        }

    def _alarm(self, params: Params) -> str:
        return self._alarms.resource(self._topics.region, params)

    def _notice(self, params: Params) -> str:
        return self._notices.resource(self._topics.region, params)

    def _create_notice(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        _require_played(params)
        self._notices.require_new_name(params["Name"], "InvalidParameter.AlarmNoticeConflict")
        row = {**_NOTICE_DEFAULTS, **params}
        _require_notice(row)
        return {"AlarmNoticeId": self._notices.add(row)["AlarmNoticeId"]}

    def _modify_notice(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        _require_played(params)
        notice = self._notices.get(params)
        name = params.get("Name", notice["Name"])
        conflict = "InvalidParameter.AlarmNoticeConflict"
        self._notices.require_new_name(name, conflict, besides=notice)
        changed = {**notice, **params}
        # The two modes exclude each other: giving one empties the other.
        if "NoticeRules" in params:
            changed.update({field: _NOTICE_DEFAULTS[field] for field in _SIMPLE_MODE})
        elif any(field in params for field in _SIMPLE_MODE):
            changed["NoticeRules"] = []
        _require_notice(changed)
        self._notices.change(notice, changed)
        return {}

    def _describe_notices(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        filters = {"name": containing("Name"), "alarmNoticeId": equal("AlarmNoticeId")}
        total, rows = self._notices.page(params, filters)
        return {"TotalCount": total, "AlarmNotices": [{**row, "DeliverFlag": 1} for row in rows]}

    def _delete_notice(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        notice = self._notices.get(params)
        if any(notice["AlarmNoticeId"] in alarm["AlarmNoticeIds"] for alarm in self._alarms):
            raise ApiError("OperationDenied.NoticeHasAlarm", "Alarms use the group.")
        self._notices.remove(notice)
        return {}

    def _create_alarm(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        _require_played(params)
        self._alarms.require_new_name(params["Name"], "InvalidParameter.AlarmConflict")
        row = {**_ALARM_DEFAULTS, **params}
        self._require_alarm(row)
        return {"AlarmId": self._alarms.add(row)["AlarmId"]}

    def _modify_alarm(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        _require_played(params)
        alarm = self._alarms.get(params)
        name = params.get("Name", alarm["Name"])
        self._alarms.require_new_name(name, "InvalidParameter.AlarmConflict", besides=alarm)
        changed = {**alarm, **params}
        if "MultiConditions" in params:
            changed["Condition"] = params.get("Condition", "")
        elif "Condition" in params:
            changed["MultiConditions"] = []
        self._require_alarm(changed)
        self._alarms.change(alarm, changed)
        return {}

    def _describe_alarms(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        def watches(row: Row, topic_id: str) -> bool:
            return any(target["TopicId"] == topic_id for target in row["AlarmTargets"])

        filters = {
            "name": containing("Name"),
            "alarmId": equal("AlarmId"),
            "topicId": watches,
            "enable": lambda row, text: str(int(row["Status"])) == text,
        }
        total, rows = self._alarms.page(params, filters)
        return {"TotalCount": total, "Alarms": [self._described(row) for row in rows]}

    def _described(self, alarm: Row) -> dict[str, Any]:
        return {**alarm, "AlarmTargets": [self._target(each) for each in alarm["AlarmTargets"]]}

    def _target(self, target: Params) -> dict[str, Any]:
        logset = self._topics.logsets.find(target["LogsetId"]) or {}
        topic = self._topics.topics.find(target["TopicId"]) or {}
        names = {"LogsetName": logset.get("LogsetName"), "TopicName": topic.get("TopicName")}
        return {"SyntaxRule": 0, **target, **names, "BizType": 0}

    def _delete_alarm(self, params: Params, caller: Principal) -> Mapping[str, Any]:
        self._alarms.remove(self._alarms.get(params))
        return {}

    def _require_alarm(self, alarm: Row) -> None:
        if bool(alarm["Condition"]) == bool(alarm["MultiConditions"]):
            raise invalid("Give either Condition or MultiConditions.")
        require_range(alarm["TriggerCount"], "TriggerCount", 1, _MAX_TRIGGER_COUNT)
        require_range(alarm["AlarmPeriod"], "AlarmPeriod", 0, _MINUTES_OF_DAY)
        require_range(alarm["AlarmLevel"], "AlarmLevel", 0, 2)
        _require_time(alarm["MonitorTime"])
        if not alarm["AlarmTargets"]:
            raise invalid("AlarmTargets must have an element.")
        for number, target in enumerate(alarm["AlarmTargets"], 1):
            self._require_target(target, number)
        for id in alarm["AlarmNoticeIds"]:
            self._notices.get({"AlarmNoticeId": id})

    def _require_target(self, target: Params, number: int) -> None:
        for field in ("TopicId", "Query", "StartTimeOffset", "EndTimeOffset", "LogsetId"):
            if field not in target:
                raise ApiError("MissingParameter", f"AlarmTargets.{number - 1}.{field} is missing.")
        if target.get("Number") != number:
            raise invalid("AlarmTargets must be numbered from 1.")
        start, end = target["StartTimeOffset"], target["EndTimeOffset"]
        if not -_MINUTES_OF_DAY <= start < end <= 0:
            raise invalid("The offsets must be from -1440 to 0, the end after the start.")
        topic = self._topics.topics.get(target)
        if topic["LogsetId"] != target["LogsetId"]:
            raise ApiError("ResourceNotFound.LogsetNotExist", "The topic is in another log set.")


def _require_played(params: Params) -> None:
    for name in _NOT_PLAYED:
        if name in params:
            raise ApiError("UnsupportedOperation", f"The sandbox does not implement {name}.")


def _require_notice(notice: Row) -> None:
    is_simple = any(notice[field] for field in _SIMPLE_MODE)
    if is_simple == bool(notice["NoticeRules"]):
        raise invalid("Give either Type with receivers or callbacks, or NoticeRules.")
    if is_simple and notice["Type"] not in _TYPES:
        raise invalid(f"Type is one of {list(_TYPES)}.")
    if is_simple and not (notice["NoticeReceivers"] or notice["WebCallbacks"]):
        raise invalid("Give NoticeReceivers or WebCallbacks.")
    for part in (notice, *notice["NoticeRules"]):
        for receiver in part.get("NoticeReceivers", ()):
            _require_receiver(receiver)
        for callback in part.get("WebCallbacks", ()):
            _require_callback(callback)


def _require_receiver(receiver: Params) -> None:
    if receiver.get("ReceiverType") not in _RECEIVER_TYPES or not receiver.get("ReceiverIds"):
        raise invalid(f"A receiver needs a ReceiverType of {list(_RECEIVER_TYPES)} and an id.")
    channels = receiver.get("ReceiverChannels", [])
    if not channels or not set(channels) <= set(_CHANNELS):
        raise invalid(f"ReceiverChannels are some of {list(_CHANNELS)}.")
    for field in ("StartTime", "EndTime"):
        if not _TIME.fullmatch(receiver.get(field, "")):
            raise invalid(f"{field} must be like 15:04:05.")


def _require_callback(callback: Params) -> None:
    kind = callback.get("CallbackType")
    if kind not in _CALLBACK_TYPES:
        raise invalid(f"CallbackType is one of {list(_CALLBACK_TYPES)}.")
    if not callback.get("Url") and not callback.get("WebCallbackId"):
        raise invalid("A callback needs a Url or a WebCallbackId.")
    if kind == "Http" and callback.get("Method") not in ("POST", "PUT"):
        raise invalid("The Method of a callback of type Http is POST or PUT.")


def _require_time(time: Params) -> None:
    kind = time.get("Type")
    if kind not in _PERIODS:
        raise invalid(f"MonitorTime.Type is one of {list(_PERIODS)}.")
    if kind == "Cron":
        if len(time.get("CronExpression", "").split()) != 5:
            raise invalid("MonitorTime.CronExpression must have five fields.")
    else:
        require_range(time.get("Time", 0), "MonitorTime.Time", 1, _MINUTES_OF_DAY)
